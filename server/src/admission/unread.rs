//! Presses that are answered before their form is read: retries of what this process has answered, and attempts that there
//! is no time for.

use std::net::IpAddr;
use std::sync::Arc;

use shared::Layer;

use super::attempt::Token;
use super::ending::Ending;
use super::outcomes::Look;
use super::remembered::{Committed, Press};
use super::{ABOARD_MAX, Admission, overloaded};
use crate::secrets::Digest;
use crate::store::Draw;
use crate::store::entries::{Claim, ClaimKind};

/// What a press comes to whose form was not read.
#[derive(Debug)]
pub enum Unread {
    /// It ended.
    Ended(Ending),
    /// Its form has to be read.
    Read {
        /// Whether it has taken a turn of its address already.
        has_turn: bool,
    },
}

impl Admission {
    /// What a press by somebody without an API key comes to whose form was not read: a retry of what this process has
    /// answered gets its receipt, an attempt that there is no time for is shed.
    pub async fn admit_unread(
        &self,
        draw: &Draw,
        key: &str,
        press: &Press,
        sender: IpAddr,
        is_first: bool,
    ) -> Unread {
        let Ok(token) = Token::read(key, &self.keys, draw.id, self.ambient.now()) else {
            return Unread::Read { has_turn: false };
        };
        if let Some(committed) = self.memory.of_press(&token.claim, press) {
            let receipt =
                || Ending::replayed(committed.body.clone(), committed.identity.person, Layer::Memory);
            return Unread::Ended(self.address_limit(sender).await.unwrap_or_else(receipt));
        }
        // What is going to be refused for good is told so.
        if !self.is_overloaded(draw.id, ABOARD_MAX) || !token.is_fresh() {
            return Unread::Read { has_turn: false };
        }
        self.shed(draw, &token.claim, sender, is_first).await
    }

    /// Refuses a press for which there is no time now, unless its key is known.
    async fn shed(&self, draw: &Draw, claim: &Digest, sender: IpAddr, is_first: bool) -> Unread {
        // In flight before remembered: whoever ends is remembered before it leaves.
        if self.flights.is_aboard(claim) || self.memory.get(claim).is_some() {
            return Unread::Read { has_turn: false };
        }
        if let Some(refused) = self.address_limit(sender).await {
            return Unread::Ended(refused);
        }
        // Held until there is an answer.
        let _time = match is_first.then(|| self.look_ups.time_for_new()) {
            Some(None) => return Unread::Ended(overloaded()),
            time => time,
        };
        let known = match self.look(draw.id, claim).await {
            Look::Committed(committed, _) => Some(committed),
            Look::Nothing(_) => {
                let claim = Claim { kind: ClaimKind::Token, key: *claim };
                let stored = self.look_ups.find(draw.id, claim).await;
                stored.map(|stored| Arc::new(Committed::from_stored(&stored, &draw.spec.slug)))
            }
        };
        match known {
            Some(committed) => {
                self.memory.insert(*claim, committed);
                Unread::Read { has_turn: true }
            }
            None => Unread::Ended(overloaded()),
        }
    }
}

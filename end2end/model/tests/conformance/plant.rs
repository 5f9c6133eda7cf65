//! What servers share says what it should not: garbage, and outcomes that are genuine elsewhere.

use std::time::Duration;

use bytes::Bytes;
use model::reference::values::{Form, Payload};
use server::admission::keys;
use server::admission::remembered::Committed;
use server::coordination::Lease;
use server::secrets::Digest;

use crate::sending::Sent;
use crate::transitions::Planted;
use crate::world::World;

/// Where only the key matters.
pub const ANY_FORM: Form = Form {
    payload: Payload { person: 0, name: 0, phone: None, member: None, has_postcode: true },
    flaw: None,
};

impl World {
    /// Puts a value where the outcome of a request's key is looked for.
    pub(crate) async fn plant(&self, server: usize, sent: &Sent, planted: &Planted) {
        let Some(claim) = sent.claim(&self.ground, self.draw) else { return };
        let Some(value) = self.value(server, &claim, planted).await else { return };
        let key = keys::outcome(&self.ground.keys, &claim);
        let backend = self.shared(server).backend();
        let owner = self.ground.ambient.random();
        loop {
            match backend.get_or_lease(&key, &owner, keys::LEASE_LIFE).await.expect("answers") {
                Lease::Found(found) => backend.discard(&key, &found).await.expect("answers"),
                // Somebody who was answered a moment ago is about to leave what is known.
                Lease::Busy => backend.wait(&key, keys::LEASE_WAIT).await.expect("answers"),
                Lease::Leased => {
                    let life = Duration::from_secs(3600);
                    if backend.settle(&key, &owner, value.clone(), life).await.expect("answers") {
                        break;
                    }
                }
            }
        }
        self.note("step: plant");
        if backend.get(&key).await.expect("answers") == Some(value) {
            self.note("step: plant, and it was there");
        }
    }

    async fn value(&self, server: usize, claim: &Digest, planted: &Planted) -> Option<Bytes> {
        let keys = &self.ground.keys;
        let epoch = &self.servers[server].epoch;
        let sealed = |committed: &Committed, epoch, claim| committed.seal(keys, epoch, self.draw, claim);
        match planted {
            Planted::Garbage => Some(Bytes::from_static(b"this is no outcome")),
            Planted::OfAnotherKey(number) => {
                let (committed, own_claim) = self.outcome(server, *number).await?;
                (own_claim != *claim).then(|| sealed(&committed, epoch, &own_claim))
            }
            Planted::OfAnotherEpoch(number) => {
                let (committed, _) = self.outcome(server, *number).await?;
                Some(sealed(&committed, &[0; 32], claim))
            }
            Planted::OneBitOff(number, bit) => {
                let (committed, _) = self.outcome(server, *number).await?;
                let mut value = sealed(&committed, epoch, claim).to_vec();
                let at = bit / 8 % value.len();
                value[at] ^= 1 << (bit % 8);
                Some(value.into())
            }
        }
    }

    /// The genuine outcome of an entry, and the key that it belongs under.
    async fn outcome(&self, server: usize, number: usize) -> Option<(Committed, Digest)> {
        let (_, maker) = &self.acknowledged[self.entry(number)?];
        let claim = maker.claim(&self.ground, self.draw)?;
        let stored = self.store(server).by_token(self.draw, &claim).await.expect("reads");
        let stored = stored.expect("what was acknowledged is there");
        Some((Committed::from_stored(&stored, self.slug()), claim))
    }
}

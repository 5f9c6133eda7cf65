//! Who sends: anybody, or an integrator that shows its API key.

use std::net::IpAddr;
use std::sync::Arc;

use shared::{Layer, Problem};

use super::ending::{Ending, Refusal};
use super::{Admission, store_failed};
use crate::integrators::Credentials;
use crate::store::integrators::Integrator;

/// Where a request comes from.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The client's address, behind trusted proxies.
    pub address: IpAddr,
    /// The genuine entrant cookie, if there was one. Integrators have none: many people stand behind them.
    pub cookie: Option<[u8; 16]>,
    /// What it shows of an API key.
    pub credentials: Credentials,
    /// Whether it has taken a turn of its address already.
    pub has_turn: bool,
}

impl Admission {
    /// The integrator that sends, if it is one; or why the sender is not let in.
    ///
    /// Addresses have turns. An integrator sends for many people from few addresses and needs none: its key was
    /// given to it. But a key costs a turn until it is known to be genuine, so that nobody can try out keys
    /// faster than register.
    pub(super) async fn identify(&self, sender: &Sender) -> Result<Option<Arc<Integrator>>, Ending> {
        let key = match &sender.credentials {
            Credentials::ApiKey(key) => Some(key),
            Credentials::Anonymous | Credentials::Malformed => None,
        };
        if !sender.has_turn
            && !key.is_some_and(|key| self.integrators.was_genuine(key))
            && let Some(refused) = self.address_limit(sender.address).await
        {
            return Err(refused);
        }
        match (&sender.credentials, key) {
            (Credentials::Anonymous, _) => Ok(None),
            (_, None) => Err(not_genuine()),
            (_, Some(key)) => match self.integrators.holder(key).await {
                Ok(Some(integrator)) => Ok(Some(integrator)),
                Ok(None) => Err(not_genuine()),
                Err(error) => Err(store_failed(&error)),
            },
        }
    }
}

fn not_genuine() -> Ending {
    let detail = "This API key was never issued, or it was revoked. Send the whole key as it was printed, in an Authorization header with the scheme Bearer; or none, and a page token.";
    let refusal = Refusal { detail: Some(detail.to_owned()), ..Problem::NotSignedIn.into() };
    Ending::refused(refusal, Layer::Token)
}

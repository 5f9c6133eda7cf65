//! Turns: of a client address, and of a person in a draw.

use shared::{Layer, Problem};

use super::attempt::Sender;
use super::ending::{Ending, Refusal};
use super::outcomes::note_failure;
use super::{Admission, keys};
use crate::coordination::{Key, Rate, Take};

impl Admission {
    /// Turns of a client address.
    pub(super) async fn address_limit(&self, sender: &Sender) -> Option<Ending> {
        let address = match sender.address.to_canonical() {
            std::net::IpAddr::V4(address) => address.octets().to_vec(),
            // One subscriber of IPv6 has at least a /64.
            std::net::IpAddr::V6(address) => address.octets()[..8].to_vec(),
        };
        self.limit(self.address_rate?, keys::address_allowance(&self.keys, &address)).await
    }

    pub(super) async fn limit(&self, rate: Rate, key: Key) -> Option<Ending> {
        match self.shared.take(&key, rate, 1).await {
            Ok(Take::Granted) => None,
            Ok(Take::Refused { retry_after }) => {
                Some(Ending::refused(Refusal::after(Problem::RateLimited, retry_after), Layer::Limiter))
            }
            Err(error) => {
                note_failure("take", &error);
                None
            }
        }
    }
}

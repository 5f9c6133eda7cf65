//! The servers a run is aimed at.

use std::net::{SocketAddr, ToSocketAddrs as _};

use crate::Failure;

/// One or more addresses; connections are dealt to them in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    addresses: Vec<SocketAddr>,
    host: String,
}

impl Targets {
    /// Of texts such as `127.0.0.1:3000` or `localhost:3000`. The first is what requests to all of them name as
    /// their `Host`.
    ///
    /// # Errors
    /// [`Failure::Target`] when there is none, or one is no address.
    pub fn new<T: AsRef<str>>(targets: &[T]) -> Result<Self, Failure> {
        let mut addresses = Vec::with_capacity(targets.len());
        for target in targets {
            let target = target.as_ref();
            let resolved = target.to_socket_addrs().ok().and_then(|mut found| found.next());
            addresses.push(resolved.ok_or_else(|| Failure::Target(target.to_owned()))?);
        }
        let host = targets.first().ok_or_else(|| Failure::Target(String::new()))?.as_ref().to_owned();
        Ok(Self { addresses, host })
    }

    /// What requests say as their `Host`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The addresses.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the connection of a number goes.
    pub fn of(&self, connection: usize) -> SocketAddr {
        self.addresses[connection % self.addresses.len()]
    }
}

impl From<SocketAddr> for Targets {
    fn from(address: SocketAddr) -> Self {
        Self { addresses: vec![address], host: address.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_dealt_in_turn() {
        let targets = Targets::new(&["127.0.0.1:1", "127.0.0.1:2"]).unwrap();
        let ports: Vec<u16> = (0..4).map(|connection| targets.of(connection).port()).collect();
        assert_eq!(ports, [1, 2, 1, 2]);
        assert_eq!(targets.host(), "127.0.0.1:1");
    }

    #[test]
    fn what_is_no_address_is_named() {
        assert!(Targets::new::<&str>(&[]).is_err());
        let error = Targets::new(&["127.0.0.1"]).unwrap_err();
        assert!(error.to_string().contains("127.0.0.1"), "{error}");
    }
}

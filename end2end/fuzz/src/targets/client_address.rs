//! `X-Forwarded-For`, and the networks whose word on it is believed.

use std::net::IpAddr;

use axum::http::HeaderName;
use ipnet::IpNet;
use server::config::Config;
use server::http::client::{behind_proxies, is_forwarded};

use crate::input::Input;

/// Settings to choose from.
const TRUSTED: [&str; 4] = ["", "127.0.0.1", "10.0.0.0/8, fd00::/8", "0.0.0.0/0 ::/0"];
/// Where the connection comes from.
const PEERS: [&str; 4] = ["127.0.0.1", "10.0.0.1", "fd00::1", "192.0.2.1"];

/// The client is the peer, or one whom the peer and every proxy between are trusted to name.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let own = input.byte() % 2 == 1;
    let trusted = *input.choose(&TRUSTED);
    let peer: IpAddr = input.choose(&PEERS).parse().expect("an address");
    let Some(text) = input.text() else { return };
    let (setting, lines) = if own { text.split_once('\n').unwrap_or((text, "")) } else { (trusted, text) };
    let Some(trusted) = networks(setting) else { return };
    let headers = Input::new(lines.as_bytes()).header(HeaderName::from_static("x-forwarded-for"));
    assert_eq!(is_forwarded(&headers), !headers.is_empty());

    let client = behind_proxies(peer, &headers, &trusted);
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let lines = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
    let hops: Vec<Option<IpAddr>> = lines
        .flat_map(|line| line.split(','))
        .map(|hop| hop.trim().parse().ok().map(|address: IpAddr| address.to_canonical()))
        .collect();
    // The names from right to left, each believed while whoever wrote it is.
    let believed: Vec<IpAddr> =
        std::iter::once(Some(peer)).chain(hops.into_iter().rev()).map_while(|hop| hop).collect();
    let place = believed.iter().position(|address| !is_trusted(*address)).unwrap_or(believed.len() - 1);
    assert_eq!(client, believed[place]);
    assert!(is_trusted(peer) || client == peer, "a header of an untrusted peer counts for nothing");
}

fn networks(setting: &str) -> Option<Vec<IpNet>> {
    let config = Config::read(|name| (name == "DRAWBRIDGE_TRUSTED_PROXIES").then(|| setting.to_owned()));
    match config {
        Ok(config) => {
            for network in &config.trusted_proxies {
                assert_eq!(network.to_string().parse(), Ok(*network));
            }
            Some(config.trusted_proxies)
        }
        Err(error) => {
            assert!(error.0.starts_with("DRAWBRIDGE_TRUSTED_PROXIES: ") && error.0.ends_with('.'), "{error}");
            None
        }
    }
}

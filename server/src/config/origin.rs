//! Where browsers find the service.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Scheme, host and port: what browsers call an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// As browsers send it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether cookies can be `Secure`.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The origin of a listening address.
    pub fn of_address(addr: SocketAddr) -> Self {
        Self(if addr.port() == 80 {
            format!("http://{}", host(addr.ip()))
        } else {
            format!("http://{}:{}", host(addr.ip()), addr.port())
        })
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let uri: axum::http::Uri = text.parse().map_err(|_| "it is not a URL".to_owned())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err("it has to be like https://draws.example.org".to_owned());
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.as_str().contains('@') {
            return Err("it has to be an origin: scheme, host and perhaps port, nothing after".to_owned());
        }
        let (host, port) = host_and_port(authority.as_str())
            .ok_or_else(|| "its host has to be a name or an address, and its port a number".to_owned())?;
        let is_loopback = host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        match scheme {
            "https" => {}
            "http" if is_loopback => {}
            "http" => {
                return Err(
                    "plain http is only for loopback: cookies and codes would cross the network readable"
                        .to_owned(),
                );
            }
            _ => return Err("it has to begin with https://".to_owned()),
        }
        let default_port = if scheme == "https" { 443 } else { 80 };
        let port = port.filter(|port| *port != default_port);
        Ok(Self(
            port.map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}")),
        ))
    }
}

/// Host and port of an origin, the host as browsers write it. `Uri` takes more for one than any browser does.
fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    // The colons of an IPv6 address stand in brackets.
    let end = text.find(']').map_or(0, |at| at + 1);
    let (name, port) = match text[end..].split_once(':') {
        Some((rest, port)) => (&text[..end + rest.len()], Some(port.parse().ok()?)),
        None => (text, None),
    };
    if let Some(address) = name.strip_prefix('[') {
        let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        return Some((host(address.into()), port));
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (!name.is_empty() && name.bytes().all(is_letter)).then(|| (name.to_ascii_lowercase(), port))
}

fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

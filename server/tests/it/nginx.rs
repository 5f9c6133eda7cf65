//! nginx as it ships, in front of three servers over one PostgreSQL and one Redis, or of a server that only
//! pretends. Whatever backends were chosen, these tests stand on those two, so they run with the default only.

mod answers;
mod bursts;
mod crowd;
mod failures;
mod limits;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use services::{Nginx, Ports, free_port};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::ground::{Backends, Ground};
use crate::process::{Client, Place, Server};

/// What belongs to this machine, as `deploy/drawbridge/machine.conf` says it for another. The default folders for
/// what is on its way belong to the system.
const MACHINE: &str = "
access_log access.log drawbridge;
proxy_cache_path assets levels=1:2 keys_zone=assets:1m max_size=64m inactive=30d use_temp_path=off;
client_body_temp_path body;
proxy_temp_path proxy;
fastcgi_temp_path fastcgi;
uwsgi_temp_path uwsgi;
scgi_temp_path scgi;
";

/// Nobody is exempt from nginx's limits.
const NO_INTEGRATOR: &str = "geo $is_integrator { default 0; }";
/// Everybody is.
const ONLY_INTEGRATORS: &str = "geo $is_integrator { default 1; }";

/// nginx before servers on three ports, with more in `machine.conf`.
fn nginx(ports: [u16; 3], more: &str) -> Nginx {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let mut servers = std::fs::read_to_string(deploy.join("drawbridge/servers.conf")).expect("is there");
    for (example, port) in [3001, 3002, 3003].into_iter().zip(ports) {
        let example = format!("127.0.0.1:{example} ");
        assert!(servers.contains(&example), "the shipped file has a server at {example}");
        servers = servers.replace(&example, &format!("127.0.0.1:{port} "));
    }
    Nginx::start(&deploy.join("nginx.conf"), |Ports { http, https }| {
        let listen = format!(
            "listen 127.0.0.1:{http} backlog=4096;\nlisten 127.0.0.1:{https} ssl http2;\n\
             ssl_certificate certificate.pem;\nssl_certificate_key key.pem;\n"
        );
        vec![
            ("drawbridge/servers.conf", servers.clone()),
            ("drawbridge/listen.conf", listen),
            ("drawbridge/machine.conf", format!("{MACHINE}{more}")),
        ]
    })
}

fn url(nginx: &Nginx) -> String {
    format!("http://127.0.0.1:{}", nginx.ports().http)
}

/// A client that comes from an address of this machine's loopback network, such as 127.0.0.2.
fn http_from(last: u8) -> reqwest::Client {
    let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
    let builder = reqwest::Client::builder().local_address(address);
    builder.redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

/// nginx and three servers.
struct Front {
    nginx: Nginx,
    servers: Vec<Server>,
    ports: [u16; 3],
    place: Place,
}

impl Front {
    /// With a draw that is open; `None` where another combination of backends was chosen.
    fn start(settings: &[(&str, &str)]) -> Option<Self> {
        Self::start_with(settings, NO_INTEGRATOR)
    }

    /// With more in `machine.conf`.
    fn start_with(settings: &[(&str, &str)], more: &str) -> Option<Self> {
        if !Backends::chosen().is_sqlite() {
            return None;
        }
        let mut place =
            Place::on(Ground::on(Backends::PostgresRedis)).with("DRAWBRIDGE_TRUSTED_PROXIES", "127.0.0.1");
        for (name, value) in settings {
            place = place.with(name, value);
        }
        place.apply(&[("open", "")]);
        let ports = [free_port(), free_port(), free_port()];
        let servers = ports.map(|port| place.serve_at(port)).into();
        Some(Self { nginx: nginx(ports, more), servers, ports, place })
    }

    fn client(&self) -> Client {
        Client::at(&url(&self.nginx))
    }
}

/// A server that pretends: it notes what it is sent and says what it was told to.
struct Stub {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Stub {
    /// Says the same to everything; `None` breaks off without a word.
    async fn start(answer: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let port = listener.local_addr().expect("has an address").port();
        let stub = Self { port, heads: Arc::default(), connections: Arc::default() };
        let (heads, connections) = (Arc::clone(&stub.heads), Arc::clone(&stub.connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(converse(stream, Arc::clone(&heads), answer));
            }
        });
        stub
    }

    fn ports(&self) -> [u16; 3] {
        [self.port; 3]
    }

    /// The heads of requests since it was last asked.
    fn heads(&self) -> Vec<String> {
        std::mem::take(&mut *self.heads.lock().expect("no panic"))
    }
}

/// Answers requests on one connection until it ends.
async fn converse(mut stream: TcpStream, heads: Arc<Mutex<Vec<String>>>, answer: Option<&'static str>) {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read_buf(&mut buffer).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.trim().parse().expect("a number"));
        while buffer.len() < end + length {
            if stream.read_buf(&mut buffer).await.is_ok_and(|read| read == 0) {
                return;
            }
        }
        buffer.drain(..end + length);
        heads.lock().expect("no panic").push(head);
        let Some(answer) = answer else { return };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A server's answer.
const CREATED: &str = "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

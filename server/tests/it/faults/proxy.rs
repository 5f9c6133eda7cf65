//! A link between a server and its database that can lose the answers to commits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use services::Commits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A proxy on a port of its own, for as long as it lives.
pub struct Proxy {
    address: SocketAddr,
    /// Commits whose answers are still to be lost.
    to_lose: Arc<AtomicUsize>,
    /// Commits whose answers were lost.
    lost: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// To a port of 127.0.0.1.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let address = listener.local_addr().expect("an address");
        let (to_lose, lost) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        let counters = (Arc::clone(&to_lose), Arc::clone(&lost));
        tasks.spawn(async move {
            let mut links = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.expect("accepts");
                let server = TcpStream::connect(("127.0.0.1", port)).await.expect("connects");
                links.spawn(link(client, server, counters.0.clone(), counters.1.clone()));
            }
        });
        Self { address, to_lose, lost, _tasks: tasks }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Loses the answers to the next so many commits.
    pub fn lose(&self, commits: usize) {
        self.to_lose.store(commits, Ordering::SeqCst);
    }

    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }
}

/// Carries bytes both ways until one side ends, or a commit's answer is to be lost.
async fn link(
    mut client: TcpStream,
    mut server: TcpStream,
    to_lose: Arc<AtomicUsize>,
    lost: Arc<AtomicUsize>,
) {
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut commits = Commits::default();
    let mut loses = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(bytes @ 1..) = read else { return };
                loses |= commits.are_in(&asked[..bytes])
                    && to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
                if server.write_all(&asked[..bytes]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(bytes @ 1..) = read else { return };
                if loses {
                    // The database has committed when it answers; nobody hears of it.
                    lost.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                if client.write_all(&answered[..bytes]).await.is_err() {
                    return;
                }
            }
        }
    }
}

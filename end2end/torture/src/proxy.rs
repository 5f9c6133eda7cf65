//! A link between two parts that can be troubled while it runs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use services::Commits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What a link does to what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// Every piece comes later, by up to twice so many milliseconds.
    Delay(u32),
    /// One piece in so many breaks its connection off, hard.
    Resets(u32),
    /// What was said first is passed on, then the sender's side is closed while the other stays open.
    HalfClose,
    /// Nothing gets through and nothing breaks: it arrives when the trouble is over.
    BlackHole,
    /// Connections break off and none can be made.
    Cut,
    /// One answer in so many is lost with its connection; what it answers was done.
    LosesAnswers(u32),
    /// The answer to one COMMIT in so many is lost with its connection.
    LosesCommits(u32),
    /// Answers of Redis are replaced, by others of the right form and by none.
    Garbles,
}

/// Replies of the right form and the wrong meaning, and of no form at all.
const LIES: [&[u8]; 7] = [
    b"$5\r\nhello\r\n",
    b":42\r\n",
    b"*2\r\n:1\r\n$3\r\nabc\r\n",
    b"+OK\r\n",
    b"$-1\r\n",
    b"-ERR no\r\n",
    b"\xff\x00\r\n",
];

/// What all connections of a link share.
#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    /// Whether the target is to see the address of the one who connects.
    keeps_source: bool,
    trouble: watch::Receiver<Trouble>,
    seed: u64,
    connections: AtomicU64,
    spoiled: AtomicUsize,
}

/// A link on a port of its own, for as long as this lives.
#[derive(Debug)]
pub struct Link {
    port: u16,
    trouble: watch::Sender<Trouble>,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

impl Link {
    /// To a port of 127.0.0.1.
    ///
    /// # Errors
    /// When nothing can be listened on.
    pub async fn new(target: u16, keeps_source: bool, seed: u64) -> std::io::Result<Self> {
        let port = services::free_port();
        let listener = listen(port)?;
        let (trouble, watched) = watch::channel(Trouble::None);
        let shared = Arc::new(Shared {
            target: (Ipv4Addr::LOCALHOST, target).into(),
            keeps_source,
            trouble: watched,
            seed,
            connections: AtomicU64::new(0),
            spoiled: AtomicUsize::new(0),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, port, Arc::clone(&shared)));
        Ok(Self { port, trouble, shared, _accepting: accepting })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on.
    pub fn set(&self, trouble: Trouble) {
        self.trouble.send_replace(trouble);
    }

    /// Connections broken off, answers lost or replaced, so far.
    pub fn spoiled(&self) -> usize {
        self.shared.spoiled.load(Ordering::Relaxed)
    }
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    socket.listen(4096)
}

/// Takes connections, except while it is cut: then its port is closed.
async fn accept(listener: TcpListener, port: u16, shared: Arc<Shared>) {
    let mut trouble = shared.trouble.clone();
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        let is_cut = *trouble.borrow_and_update() == Trouble::Cut;
        match &listener {
            Some(_) if is_cut => listener = None,
            // Somebody else may have the port for a moment.
            None if !is_cut => match listen(port) {
                Ok(again) => listener = Some(again),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(open) => tokio::select! {
                accepted = open.accept() => if let Ok((stream, peer)) = accepted {
                    connections.spawn(carry(stream, peer.ip(), Arc::clone(&shared)));
                },
                changed = trouble.changed() => if changed.is_err() { return },
                Some(_) = connections.join_next() => {}
            },
            None => {
                if trouble.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

/// How the carrying of one direction ended.
enum End {
    /// The sender has said everything.
    Done,
    /// The connection is to be broken off.
    Break,
}

/// Carries one connection until it ends or is broken off.
async fn carry(mut near: TcpStream, from: IpAddr, shared: Arc<Shared>) {
    let number = shared.connections.fetch_add(1, Ordering::Relaxed);
    let connected = tokio::select! {
        connected = connect(from, &shared) => connected,
        () = cut(shared.trouble.clone()) => return,
    };
    let Ok(mut far) = connected else {
        // As the target would have refused it.
        let _ = near.set_zero_linger();
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let broken = {
        let (near_reads, near_writes) = near.split();
        let (far_reads, far_writes) = far.split();
        let loses = AtomicUsize::new(0);
        let seed = shared.seed ^ (number << 1);
        let pump = |is_up, seed| Pump {
            shared: &shared,
            loses: &loses,
            is_up,
            random: StdRng::seed_from_u64(seed),
            commits: Commits::default(),
        };
        let (up, down) = (pump(true, seed), pump(false, seed | 1));
        let both = async {
            tokio::try_join!(up.run(near_reads, far_writes), down.run(far_reads, near_writes)).is_err()
        };
        tokio::select! {
            broken = both => broken,
            () = cut(shared.trouble.clone()) => true,
        }
    };
    if broken {
        shared.spoiled.fetch_add(1, Ordering::Relaxed);
        // A connection that has ended already cannot be reset.
        let _ = (near.set_zero_linger(), far.set_zero_linger());
    }
}

async fn connect(from: IpAddr, shared: &Shared) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if shared.keeps_source {
        socket.bind((from, 0).into())?;
    }
    socket.connect(shared.target).await
}

/// Ends when the link is cut.
async fn cut(mut trouble: watch::Receiver<Trouble>) {
    if trouble.wait_for(|trouble| *trouble == Trouble::Cut).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// One direction of a connection.
struct Pump<'a> {
    shared: &'a Shared,
    /// Whether the next answer is to be lost: set on the way up, obeyed on the way down.
    loses: &'a AtomicUsize,
    is_up: bool,
    random: StdRng,
    commits: Commits,
}

impl Pump<'_> {
    /// `Err` breaks the connection off.
    async fn run(
        mut self,
        mut from: tokio::net::tcp::ReadHalf<'_>,
        mut to: tokio::net::tcp::WriteHalf<'_>,
    ) -> Result<(), ()> {
        let mut trouble = self.shared.trouble.clone();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = from.read(&mut buffer).await.map_err(drop)?;
            if trouble.wait_for(|trouble| *trouble != Trouble::BlackHole).await.is_err() {
                return Err(());
            }
            if read == 0 {
                // The other side may have ended as well: then there is nobody to tell.
                let _ = to.shutdown().await;
                return Ok(());
            }
            let now = *trouble.borrow();
            match self.pass(now, &buffer[..read], &mut to).await? {
                Some(End::Done) => return Ok(()),
                Some(End::Break) => return Err(()),
                None => {}
            }
        }
    }

    /// Passes one piece on, as troubled.
    async fn pass(
        &mut self,
        trouble: Trouble,
        piece: &[u8],
        to: &mut tokio::net::tcp::WriteHalf<'_>,
    ) -> Result<Option<End>, ()> {
        if !self.is_up && self.loses.swap(0, Ordering::SeqCst) > 0 {
            return Ok(Some(End::Break));
        }
        // Whatever the trouble is now: what is prepared now is called later.
        let commits = self.is_up && self.commits.are_in(piece);
        match trouble {
            Trouble::Delay(millis) => {
                let pause = self.random.random_range(0..=u64::from(millis) * 2);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            Trouble::Resets(one_in) if self.random.random_ratio(1, one_in) => return Ok(Some(End::Break)),
            Trouble::LosesAnswers(one_in) if self.is_up && self.random.random_ratio(1, one_in) => {
                self.loses.store(1, Ordering::SeqCst);
            }
            Trouble::LosesCommits(one_in) if commits && self.random.random_ratio(1, one_in) => {
                self.loses.store(1, Ordering::SeqCst);
            }
            Trouble::Garbles if !self.is_up => {
                self.shared.spoiled.fetch_add(1, Ordering::Relaxed);
                let lie = LIES[self.random.random_range(0..LIES.len())];
                to.write_all(lie).await.map_err(drop)?;
                return Ok(None);
            }
            _ => {}
        }
        to.write_all(piece).await.map_err(drop)?;
        if trouble == Trouble::HalfClose && self.is_up {
            let _ = to.shutdown().await;
            return Ok(Some(End::Done));
        }
        Ok(None)
    }
}

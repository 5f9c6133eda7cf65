//! One connection: at most one request on its way.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::answer::{self, Answer};

/// Where a connection stands.
#[derive(Debug)]
pub enum State<J> {
    /// Being made.
    Connecting,
    /// Nothing is on its way.
    Idle,
    /// A request is.
    Busy {
        /// What was sent.
        job: J,
        /// When it was due.
        due: Instant,
        /// When it was sent.
        began: Instant,
    },
    /// Broken; to be made again at an instant.
    Broken(Instant),
}

/// A connection and what it has received of an answer.
#[derive(Debug)]
pub struct Connection<J> {
    /// Where it goes.
    pub target: SocketAddr,
    /// Where it stands.
    pub state: State<J>,
    stream: Option<TcpStream>,
    outgoing: Vec<u8>,
    written: usize,
    /// The beginning of an answer whose rest did not come yet.
    partial: Vec<u8>,
}

/// Buffers that the connections of a thread share: nearly every answer comes whole in one read.
#[derive(Debug)]
pub struct Buffers {
    read: Box<[u8]>,
    chunks: Vec<u8>,
}

impl Buffers {
    /// Empty ones.
    pub fn new() -> Self {
        Self { read: vec![0; 64 * 1024].into_boxed_slice(), chunks: Vec::new() }
    }
}

/// What reading came to.
#[derive(Debug)]
pub enum Received<R> {
    /// Not enough.
    Nothing,
    /// An answer, and what was made of it.
    Whole(R),
    /// The connection is of no use any more; why.
    Broken(&'static str),
}

impl<J> Connection<J> {
    /// One that is not made yet.
    pub fn new(target: SocketAddr, now: Instant) -> Self {
        let (outgoing, partial) = (Vec::with_capacity(1024), Vec::new());
        Self { target, state: State::Broken(now), stream: None, outgoing, written: 0, partial }
    }

    /// Begins to make it.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.close(registry);
        let mut stream = TcpStream::connect(self.target)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        self.stream = Some(stream);
        self.state = State::Connecting;
        Ok(())
    }

    /// Whether it is made now; `false` while it is not known.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub fn is_open(&mut self) -> io::Result<bool> {
        let Some(stream) = &self.stream else { return Ok(false) };
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            Ok(_) => {
                // A request is one write; it must not wait for the acknowledgement of the one before.
                stream.set_nodelay(true)?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives it up; the job that was on its way is dropped.
    pub fn close(&mut self, registry: &Registry) {
        if let Some(mut stream) = self.stream.take() {
            // A stream that is dropped is deregistered by the kernel.
            let _ = registry.deregister(&mut stream);
        }
        self.partial.clear();
        self.outgoing.clear();
        self.written = 0;
    }

    /// The empty buffer a request is written to, before [`Self::send`].
    pub fn outgoing(&mut self) -> &mut Vec<u8> {
        self.outgoing.clear();
        self.written = 0;
        &mut self.outgoing
    }

    /// Sends what was not sent yet, as far as it goes.
    ///
    /// # Errors
    /// What the system says.
    pub fn send(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        while self.written < self.outgoing.len() {
            match stream.write(&self.outgoing[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what has come. An answer that is whole ends the request on its way, which is given to `with`: when it was
    /// due, when it was sent, and the answer.
    pub fn receive<R>(
        &mut self,
        buffers: &mut Buffers,
        with: impl FnOnce(J, [Instant; 2], &Answer<'_>) -> R,
    ) -> Received<R> {
        let fresh = match self.read(&mut buffers.read) {
            Ok(fresh) => fresh,
            Err(why) => return Received::Broken(why),
        };
        if fresh == 0 && self.partial.is_empty() {
            return Received::Nothing;
        }
        let fresh = &buffers.read[..fresh];
        let bytes = if fresh.is_empty() { &self.partial } else { fresh };
        match answer::parse(bytes, &mut buffers.chunks) {
            Ok(Some((_, taken))) if taken < bytes.len() => Received::Broken("more came than one answer"),
            Ok(Some((answer, _))) => match std::mem::replace(&mut self.state, State::Idle) {
                State::Busy { job, due, began } => {
                    let made = with(job, [due, began], &answer);
                    self.partial.clear();
                    Received::Whole(made)
                }
                _ => Received::Broken("an answer came that nobody asked for"),
            },
            Ok(None) => {
                self.partial.extend_from_slice(fresh);
                Received::Nothing
            }
            Err(_) => Received::Broken("what came is no answer"),
        }
    }

    /// Empties the socket: how many bytes are in the buffer, unless they had to be added to earlier ones.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, &'static str> {
        let Some(stream) = &mut self.stream else { return Ok(0) };
        loop {
            match stream.read(buffer) {
                Ok(0) => return Err("the connection was closed before the answer was whole"),
                Ok(count) => {
                    // A short read has emptied the socket; what comes later is told as another event.
                    let is_last = count < buffer.len();
                    if is_last && self.partial.is_empty() {
                        return Ok(count);
                    }
                    self.partial.extend_from_slice(&buffer[..count]);
                    if is_last {
                        return Ok(0);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err("the connection was reset"),
            }
        }
    }
}

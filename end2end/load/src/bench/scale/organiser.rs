//! An organiser at a running server: signs in as a browser does, looks at pages, downloads the entries.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::bench::ground::{Server, Site};
use crate::{Failure, Targets, draw};

const EMAIL: &str = "olga@load.example";
const PASSWORD: &str = "correct horse battery";

/// Adds the organiser's account to a database.
///
/// # Errors
/// When the command fails.
pub fn add(site: &Site<'_>) -> Result<(), Failure> {
    site.run_with(&["admin", "add", EMAIL], PASSWORD).map(drop)
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Organiser {
    targets: Targets,
    cookie: String,
}

/// A download.
#[derive(Clone, Copy, Debug)]
pub struct Download {
    /// Lines, the first included.
    pub lines: u64,
    /// From the request to the last byte.
    pub took: Duration,
}

impl Organiser {
    /// Signs in with the account of [`add`].
    ///
    /// # Errors
    /// When there is no such account.
    pub fn sign_in(server: &Server) -> Result<Self, Failure> {
        let targets = server.targets.clone();
        let form = format!("email={}&password={}", EMAIL.replace('@', "%40"), PASSWORD.replace(' ', "+"));
        let mut answer = String::new();
        let origin = format!(
            "Origin: http://{}\r\nContent-Type: application/x-www-form-urlencoded\r\n",
            targets.host()
        );
        ask(&targets, "POST /admin/sign-in", &origin, &form)?.read_to_string(&mut answer)?;
        let line = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = line.and_then(|line| line.split(';').next());
        match cookie {
            Some(cookie) => Ok(Self { targets, cookie: cookie.to_owned() }),
            None => Err(Failure::Ground(format!("signing in: {answer}"))),
        }
    }

    /// A page below the draw's, or with a `/` in front any other.
    ///
    /// # Errors
    /// When it is not there.
    pub fn page(&self, path: &str) -> Result<String, Failure> {
        let mut body = String::new();
        self.get(path)?.read_to_string(&mut body)?;
        Ok(body)
    }

    /// Downloads all entries of the draw.
    ///
    /// # Errors
    /// When there are none.
    pub fn export(&self) -> Result<Download, Failure> {
        let began = Instant::now();
        let mut body = self.get("entries.csv")?;
        let mut lines = 0;
        loop {
            let bytes = body.fill_buf()?;
            if bytes.is_empty() {
                return Ok(Download { lines, took: began.elapsed() });
            }
            lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
            let length = bytes.len();
            body.consume(length);
        }
    }

    /// The body of an answer that has to be 200.
    fn get(&self, path: &str) -> Result<BufReader<TcpStream>, Failure> {
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/admin/draws/{}/{path}", draw::SLUG)
        };
        let cookie = format!("Cookie: {}\r\n", self.cookie);
        let mut answer = ask(&self.targets, &format!("GET {path}"), &cookie, "")?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && answer.read_line(&mut head)? > 0 {}
        if head.contains(" 200 OK\r\n") {
            return Ok(answer);
        }
        answer.read_to_string(&mut head)?;
        Err(Failure::Ground(format!("{path}: {head}")))
    }
}

/// One request by itself, in HTTP/1.0: its answer ends with the connection, without chunks in between.
fn ask(targets: &Targets, what: &str, headers: &str, body: &str) -> Result<BufReader<TcpStream>, Failure> {
    let mut stream = TcpStream::connect(targets.of(0))?;
    let (host, length) = (targets.host(), body.len());
    write!(stream, "{what} HTTP/1.0\r\nHost: {host}\r\n{headers}Content-Length: {length}\r\n\r\n{body}")?;
    Ok(BufReader::with_capacity(1 << 16, stream))
}

//! nginx, with a configuration file as it ships.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::guardian::{Guardian, persist};
use crate::{ports, program};

/// An nginx server. Its folder is its prefix, so relative paths in the configuration end up there.
#[derive(Debug)]
pub struct Nginx {
    guardian: Guardian,
    ports: Ports,
}

/// Where it listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// For plain HTTP.
    pub http: u16,
    /// For HTTPS.
    pub https: u16,
}

impl Nginx {
    /// Starts one with a configuration file, copied as it is, and files beside it that belong to this machine:
    /// pairs of a relative path and a text. `certificate.pem` and `key.pem`, for 127.0.0.1 and localhost, are
    /// there already.
    ///
    /// # Panics
    /// When nginx is not installed, refuses the configuration, or does not start.
    pub fn start(configuration: &Path, files: impl Fn(Ports) -> Vec<(&'static str, String)>) -> Self {
        persist(|| {
            let guardian = Guardian::new("nginx", "TERM");
            let ports = Ports { http: ports::free(), https: ports::free() };
            lay_out(guardian.folder(), configuration, &files(ports));
            let words = command_line(guardian.folder());
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            guardian.set_command(None, &words);
            let server = Self { guardian, ports };
            server.guardian.start(|| server.answers())?;
            Ok(server)
        })
    }

    /// Where it listens.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// A file in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.guardian.folder().join(name)
    }

    /// What `nginx -t` says about its configuration.
    ///
    /// # Panics
    /// When it is refused.
    pub fn check(&self) -> String {
        let words = command_line(self.guardian.folder());
        let output = program::output(Command::new(&words[0]).args(&words[1..]).arg("-t"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }

    /// A file in its folder as text, such as a log; empty when it is not there.
    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path(name)).unwrap_or_default()).into_owned()
    }

    /// Writes a file of its folder anew, such as the list of servers, and has the configuration read again.
    pub fn rewrite(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("writes");
        self.reload();
    }

    /// Has the configuration read again: old workers finish what they have begun, new ones take over.
    pub fn reload(&self) {
        self.guardian.send("HUP");
    }

    /// Stops every process of it where it stands.
    pub fn pause(&self) {
        self.guardian.freeze();
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.guardian.thaw();
    }

    /// Its main process.
    pub fn pid(&self) -> u32 {
        self.guardian.pid()
    }

    fn answers(&self) -> bool {
        [self.ports.http, self.ports.https]
            .iter()
            .all(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok())
    }
}

fn lay_out(folder: &Path, configuration: &Path, files: &[(&'static str, String)]) {
    std::fs::copy(configuration, folder.join("nginx.conf"))
        .unwrap_or_else(|error| panic!("{}: {error}", configuration.display()));
    program::text(
        Command::new(program::find("openssl"))
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .args(["-keyout", "key.pem", "-out", "certificate.pem"])
            .current_dir(folder),
    );
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("in the folder")).expect("makes a folder");
        std::fs::write(path, text).expect("writes");
    }
}

/// What a distribution's unit would say: in the foreground, with paths of its own for what has to be known before
/// the configuration is read.
fn command_line(folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy();
    let nginx = program::find("nginx").to_string_lossy().into_owned();
    let words = [
        "-p",
        &folder,
        "-c",
        &format!("{folder}/nginx.conf"),
        "-e",
        &format!("{folder}/error.log"),
        "-g",
        &format!("daemon off; pid {folder}/nginx.pid;"),
    ];
    std::iter::once(nginx).chain(words.iter().map(|word| (*word).to_owned())).collect()
}

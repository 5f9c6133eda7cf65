//! One service and the shell that ends it when this process is gone (see `guardian.sh`).

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::program::quoted;

/// How often a service that is starting is asked whether it answers.
const POLL: Duration = Duration::from_millis(20);
/// How often before it is given up: a minute.
const POLLS: u32 = 3000;

/// A service, running or not, in a folder of its own.
#[derive(Debug)]
pub struct Guardian {
    name: &'static str,
    folder: PathBuf,
    talk: Mutex<Talk>,
}

#[derive(Debug)]
struct Talk {
    shell: Child,
    answers: BufReader<ChildStdout>,
    pid: u32,
}

impl Guardian {
    /// Makes the folder. `last` is the signal that ends the service for good, without `SIG`.
    pub fn new(name: &'static str, last: &str) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", include_str!("guardian.sh"), "guardian", last])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // An interrupt from the keyboard is for the tests; the guardian ends after them.
            .process_group(0)
            .spawn()
            .expect("the guardian's shell starts");
        let mut answers = BufReader::new(shell.stdout.take().expect("piped"));
        let mut folder = String::new();
        answers.read_line(&mut folder).expect("the guardian answers");
        assert!(!folder.is_empty(), "{name}: no temporary folder could be made");
        let folder = PathBuf::from(folder.trim_end());
        Self { name, folder, talk: Mutex::new(Talk { shell, answers, pid: 0 }) }
    }

    /// The service's folder: gone when this is dropped.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Sets what runs: a program and its arguments, as a user of its own if one is named.
    pub fn set_command(&self, user: Option<&str>, words: &[&str]) {
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        let becomes = user.map(|user| format!("setpriv --reuid={user} --regid={user} --init-groups "));
        // A descriptor limit of old would stop a service long before it is busy. The variables are for the program
        // alone, not for what leads to it.
        let script = format!(
            "cd {}\nulimit -n \"$(ulimit -Hn)\"\nexec {}sh ./program\n",
            quoted(&self.folder.to_string_lossy()),
            becomes.unwrap_or_default(),
        );
        let program = format!("[ ! -f environment ] || . ./environment\nexec {}\n", words.join(" "));
        std::fs::write(self.folder.join("program"), program).expect("writes");
        std::fs::write(self.folder.join("run"), script).expect("writes");
    }

    /// Sets variables for the next start, beside those of this process; those that were set before are forgotten.
    pub fn set_environment(&self, variables: &[(&str, &str)]) {
        let lines: Vec<String> =
            variables.iter().map(|(name, value)| format!("export {name}={}\n", quoted(value))).collect();
        std::fs::write(self.folder.join("environment"), lines.concat()).expect("writes");
    }

    /// Puts a disk of its own, in memory and of so many megabytes, at a new folder in the service's folder. It goes
    /// with the folder.
    ///
    /// # Errors
    /// What the system said: only root may mount.
    pub fn mount(&self, name: &str, megabytes: u32) -> Result<PathBuf, String> {
        if self.ask(&format!("mount {name} {megabytes}")) == "done" {
            return Ok(self.folder.join(name));
        }
        let said = std::fs::read_to_string(self.folder.join("guardian")).unwrap_or_default();
        Err(said.lines().last().unwrap_or("it could not be mounted").to_owned())
    }

    /// Starts it and waits until `answers` says yes.
    ///
    /// # Errors
    /// Its log, when it ends before, or does not answer within a minute.
    pub fn start(&self, answers: impl Fn() -> bool) -> Result<(), String> {
        let pid = self.ask("start");
        self.lock().pid = pid.parse().unwrap_or_else(|_| panic!("{}: no process id: {pid:?}", self.name));
        for _ in 0..POLLS {
            if answers() {
                return Ok(());
            }
            if !self.is_alive() {
                return Err(format!("{} ended while starting:\n{}", self.name, self.log()));
            }
            std::thread::sleep(POLL);
        }
        Err(format!("{} does not answer:\n{}", self.name, self.log()))
    }

    /// Asks it to end by a signal (without `SIG`) and waits until all of it has ended.
    pub fn stop(&self, signal: &str) {
        self.demand(&format!("stop {signal}"));
    }

    /// Sends its main process a signal (without `SIG`).
    pub fn send(&self, signal: &str) {
        self.demand(&format!("send {signal}"));
    }

    /// Stops every process of it where it stands.
    pub fn freeze(&self) {
        self.demand("freeze");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.demand("thaw");
    }

    /// Whether its main process is there.
    pub fn is_alive(&self) -> bool {
        self.ask("alive") == "yes"
    }

    /// Its main process, of the last start.
    pub fn pid(&self) -> u32 {
        self.lock().pid
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn demand(&self, command: &str) {
        let answer = self.ask(command);
        assert_eq!(answer, "done", "{}: {command}\n{}", self.name, self.log());
    }

    fn ask(&self, command: &str) -> String {
        let mut talk = self.lock();
        let input = talk.shell.stdin.as_mut().expect("piped");
        writeln!(input, "{command}").expect("the guardian listens");
        let mut answer = String::new();
        talk.answers.read_line(&mut answer).expect("the guardian answers");
        answer.trim_end().to_owned()
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        let talk = self.talk.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Closes the pipe first: the guardian ends the service, removes the folder and goes.
        if let Err(error) = talk.shell.wait() {
            assert!(std::thread::panicking(), "{}: the guardian was not waited for: {error}", self.name);
        }
    }
}

/// Tries something that needs free ports a few times: between finding one and using it another may take it.
///
/// # Panics
/// With the last failure.
pub fn persist<T>(attempt: impl Fn() -> Result<T, String>) -> T {
    let mut last = String::new();
    for _ in 0..4 {
        match attempt() {
            Ok(value) => return value,
            Err(why) => last = why,
        }
    }
    panic!("{last}");
}

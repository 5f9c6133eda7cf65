//! Programs that are run to their end.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Where a program is; Debian keeps some out of users' PATH.
///
/// # Panics
/// When it is nowhere.
pub fn find(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed; `scripts/setup.sh test` installs it"))
}

/// Runs a command without input.
///
/// # Panics
/// When it cannot be run at all.
pub fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Runs a command that has to succeed; what it says, trimmed.
///
/// # Panics
/// When it fails.
pub fn text(command: &mut Command) -> String {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A word as the shell reads it back.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Whether this process is root's: some services then run as a user of their own.
pub fn is_root() -> bool {
    text(Command::new("id").arg("-u")) == "0"
}

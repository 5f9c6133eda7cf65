//! Scripts: each is one atomic step, and named by its hash, so that its text travels once.

use std::sync::LazyLock;

use redis::{Cmd, ErrorKind, ServerErrorKind, Value, cmd};

use super::groups::{Groups, Unanswered};

pub(super) static RELEASE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/release.lua")));
pub(super) static TELL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/tell.lua")));
pub(super) static WAIT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/wait.lua")));
pub(super) static DISCARD: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/discard.lua")));
pub(super) static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/take.lua")));

/// A script, with its hash.
pub(super) struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }

    /// Runs it for one key, by its hash. A node that does not know it (new, restarted, flushed) gets the text and runs it
    /// at once: `redis::Script` would first load it on all nodes of a Cluster, and fail if any one is away.
    pub async fn run(&self, groups: &Groups, key: &str, args: &[&[u8]]) -> Result<Value, Unanswered> {
        match groups.ask(call("EVALSHA", &self.hash, key, args)).await {
            Err(Unanswered::Failed(error))
                if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) =>
            {
                groups.ask(call("EVAL", self.text, key, args)).await
            }
            answer => answer,
        }
    }
}

fn call(how: &str, script: &str, key: &str, args: &[&[u8]]) -> Cmd {
    let mut call = cmd(how);
    call.arg(script).arg(1).arg(key);
    for arg in args {
        call.arg(*arg);
    }
    call
}

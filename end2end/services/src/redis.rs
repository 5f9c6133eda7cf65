//! Redis, alone and as a cluster.

use std::process::Command;
use std::time::Duration;

use crate::guardian::{Guardian, persist};
use crate::{ports, program};

/// A Redis server that keeps nothing on disk.
#[derive(Debug)]
pub struct Redis {
    guardian: Guardian,
    port: u16,
    bus: u16,
}

impl Redis {
    /// Starts one.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub fn start() -> Self {
        persist(|| Self::try_start(&[]))
    }

    fn try_start(more: &[&str]) -> Result<Self, String> {
        let guardian = Guardian::new("Redis", "KILL");
        let (port, bus) = (ports::free(), ports::free());
        let (program, port_text, bus_text) =
            (program::find("redis-server"), port.to_string(), bus.to_string());
        let mut words = vec![
            program.to_str().expect("UTF-8"),
            "--port",
            &port_text,
            "--cluster-port",
            &bus_text,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--enable-debug-command",
            "local",
        ];
        words.extend(more);
        guardian.set_command(None, &words);
        let server = Self { guardian, port, bus };
        server.guardian.start(|| server.answers())?;
        Ok(server)
    }

    /// Its address: `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs one command; the raw answer, trimmed.
    ///
    /// # Panics
    /// When it cannot be asked.
    pub fn cli(&self, command: &[&str]) -> String {
        program::text(self.client().args(command))
    }

    /// Stops it at once; what it held is gone.
    pub fn stop(&self) {
        self.guardian.stop("KILL");
    }

    /// Starts it again, empty, on the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&self) {
        if let Err(why) = self.guardian.start(|| self.answers()) {
            panic!("{why}");
        }
    }

    /// Stops it where it stands: connections stay open and nothing is answered.
    pub fn pause(&self) {
        self.guardian.freeze();
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.guardian.thaw();
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.guardian.pid()
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        self.guardian.log()
    }

    fn answers(&self) -> bool {
        let output = program::output(self.client().arg("ping"));
        String::from_utf8_lossy(&output.stdout).trim() == "PONG"
    }

    fn client(&self) -> Command {
        let mut command = Command::new(program::find("redis-cli"));
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        command
    }
}

/// Three Redis servers that share the slots of a cluster, without replicas.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts one and waits until every node calls it whole.
    ///
    /// # Panics
    /// When Redis is not installed, does not start, or the nodes do not find each other within a minute.
    pub fn start() -> Self {
        const SLOTS: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        let cluster = Self { nodes: (0..3).map(|_| persist(Self::node)).collect() };
        for (number, (node, (from, to))) in cluster.nodes.iter().zip(SLOTS).enumerate() {
            expect_ok(&node.cli(&["cluster", "set-config-epoch", &(number + 1).to_string()]));
            expect_ok(&node.cli(&["cluster", "addslotsrange", from, to]));
        }
        let first = &cluster.nodes[0];
        for node in &cluster.nodes[1..] {
            let (port, bus) = (node.port.to_string(), node.bus.to_string());
            expect_ok(&first.cli(&["cluster", "meet", "127.0.0.1", &port, &bus]));
        }
        for _ in 0..1200 {
            if cluster.nodes.iter().all(is_whole) {
                return cluster;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the cluster does not come together: {}", first.cli(&["cluster", "info"]));
    }

    fn node() -> Result<Redis, String> {
        Redis::try_start(&[
            "--cluster-enabled",
            "yes",
            "--cluster-announce-ip",
            "127.0.0.1",
            "--cluster-node-timeout",
            "2000",
        ])
    }

    /// Its nodes, each with a third of the slots in order.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// The addresses of all nodes, separated by commas.
    pub fn urls(&self) -> String {
        let urls: Vec<String> = self.nodes.iter().map(Redis::url).collect();
        urls.join(",")
    }

    /// Runs one command on whichever node its key belongs to; the raw answer, trimmed.
    pub fn cli(&self, command: &[&str]) -> String {
        program::text(self.nodes[0].client().arg("-c").args(command))
    }

    /// Runs one command on each node; the raw answers, in the order of the nodes.
    pub fn cli_each(&self, command: &[&str]) -> Vec<String> {
        self.nodes.iter().map(|node| node.cli(command)).collect()
    }

    /// Stops every node where it stands.
    pub fn pause(&self) {
        self.nodes.iter().for_each(Redis::pause);
    }

    /// Lets all go on.
    pub fn resume(&self) {
        self.nodes.iter().for_each(Redis::resume);
    }
}

fn expect_ok(answer: &str) {
    assert_eq!(answer, "OK");
}

fn is_whole(node: &Redis) -> bool {
    let info = node.cli(&["cluster", "info"]);
    ["cluster_state:ok", "cluster_slots_ok:16384", "cluster_known_nodes:3"]
        .iter()
        .all(|wanted| info.lines().any(|line| line.trim() == *wanted))
}

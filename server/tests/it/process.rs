//! The binary that ships, as a process of its own: a database of its own, a free port, killed when dropped.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use server::ambient::Ambient;

use crate::ground::{Connection, Ground};

pub const BINARY: &str = env!("CARGO_BIN_EXE_drawbridge");

/// A folder and a database, and commands on it.
pub struct Place {
    ground: Ground,
    settings: Vec<(String, String)>,
}

impl Place {
    /// With draws that are open now.
    pub fn new() -> Self {
        let place = Self::empty();
        place.apply(&[("open", ""), ("full-house", "capacity = 2")]);
        place
    }

    /// With nothing at all.
    pub fn empty() -> Self {
        Self::on(Ground::new())
    }

    /// With nothing at all, on a ground of one's choice.
    pub fn on(ground: Ground) -> Self {
        Self { ground, settings: Vec::new() }
    }

    /// On a ground of one's choice, with a draw that is open now and no limits.
    pub fn unlimited_on(ground: Ground) -> Self {
        let place = Self::on(ground).with("DRAWBRIDGE_IP_RATE", "off").with("DRAWBRIDGE_PERSON_RATE", "off");
        place.apply(&[("open", "")]);
        place
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.ground.path(name)
    }

    /// A connection past the server.
    pub async fn connect(&self) -> Connection {
        self.ground.connect().await
    }

    /// Applies draws that opened yesterday and close tomorrow.
    pub fn apply(&self, draws: &[(&str, &str)]) {
        let file = self.path("draws.toml");
        std::fs::write(&file, draws_now(draws)).expect("writes");
        let output = self.run(&["draw", "apply", file.to_str().expect("UTF-8")]);
        assert!(output.status.success(), "{output:?}");
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .env_clear()
            .envs(self.ground.settings().iter().map(|(name, value)| (name, value)))
            .env("DRAWBRIDGE_ADDR", "127.0.0.1:0")
            .env("DRAWBRIDGE_LOG", "warn")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .current_dir(self.ground.folder());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().expect("runs")
    }

    pub fn serve(&self) -> Server {
        Server::start(self.command(&["serve"]))
    }

    /// A server on a certain port.
    pub fn serve_at(&self, port: u16) -> Server {
        let mut command = self.command(&["serve"]);
        command.env("DRAWBRIDGE_ADDR", format!("127.0.0.1:{port}"));
        Server::start(command)
    }

    /// Counters, entries and claims agree.
    pub fn reconcile(&self) {
        let output = self.run(&["reconcile"]);
        assert!(output.status.success(), "{}", text(&output.stdout));
    }

    /// Receipts in the export, one a line.
    pub fn receipts(&self, draw: &str) -> Vec<String> {
        let output = self.run(&["entries", "export", draw]);
        assert!(output.status.success(), "{output:?}");
        let rows = text(&output.stdout);
        rows.lines().skip(1).map(|row| row.split(',').next().expect("a cell").to_owned()).collect()
    }
}

/// A file of draws with instants relative to now.
pub fn draws_now(draws: &[(&str, &str)]) -> String {
    let now = jiff::Timestamp::from_millisecond(Ambient::system().now()).expect("an instant");
    let day = jiff::SignedDuration::from_hours(24);
    draws
        .iter()
        .map(|(slug, more)| {
            format!(
                "[[draw]]\nslug = \"{slug}\"\ntitle = \"{slug}\"\ntimezone = \"Europe/London\"\nopens_at = {}\ncloses_at = {}\n{more}\n",
                now - day,
                now + day
            )
        })
        .collect()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running server.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let url = loop {
            let line = lines.next().expect("says where it serves before it ends").expect("text");
            if let Some(url) = line.strip_prefix("Drawbridge serves ") {
                break url.to_owned();
            }
        };
        Self { child, url }
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("is killed");
        self.child.wait().expect("has ended");
    }

    pub fn terminate(&self) {
        self.send("TERM");
    }

    /// Sends a signal, named without `SIG`.
    pub fn send(&self, signal: &str) {
        // The shell's own `kill` is there on every machine; the program of that name need not be.
        let done = Command::new("sh").args(["-c", &format!("kill -{signal} {}", self.child.id())]).status();
        assert!(done.expect("kill runs").success());
    }

    /// Waits for the end; whether it ended well.
    pub fn ended_well(mut self) -> bool {
        self.child.wait().expect("ends").success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}

/// A client without a pool limit, for one server.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub body: String,
    pub replayed: bool,
    pub retry_after: Option<String>,
}

impl Reply {
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["type"].as_str().unwrap_or_default().trim_start_matches("/problems/").to_owned()
    }

    pub fn receipt(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).expect("JSON");
        body["receipt"].as_str().expect("a receipt").to_owned()
    }
}

impl Client {
    pub fn new(server: &Server) -> Self {
        Self::at(&server.url)
    }

    /// Of whatever answers there.
    pub fn at(url: &str) -> Self {
        Self::with(reqwest::Client::new(), url)
    }

    /// With a way of its own to get there.
    pub fn with(http: reqwest::Client, url: &str) -> Self {
        Self { http, url: url.to_owned() }
    }

    pub async fn token(&self, draw: &str) -> Result<String, reqwest::Error> {
        let url = format!("{}/api/v1/draws/{draw}/tokens", self.url);
        let body: Value = self.http.post(url).send().await?.error_for_status()?.json().await?;
        Ok(body["token"].as_str().expect("a token").to_owned())
    }

    pub async fn register(&self, draw: &str, token: &str, form: &Value) -> Result<Reply, reqwest::Error> {
        let url = format!("{}/api/v1/draws/{draw}/entries", self.url);
        let response = self.http.post(url).header("idempotency-key", token).json(form).send().await?;
        let replayed = response.headers().contains_key("idempotent-replayed");
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let (status, retry_after) = (response.status().as_u16(), retry_after.map(str::to_owned));
        Ok(Reply { status, replayed, retry_after, body: response.text().await? })
    }

    pub async fn get(&self, path: &str) -> Result<(u16, String), reqwest::Error> {
        let response = self.http.get(format!("{}{path}", self.url)).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }
}

/// How many requests to register a server counted, by outcome and layer.
pub async fn decided(client: &Client) -> BTreeMap<(String, String), u64> {
    let (status, metrics) = client.get("/metrics").await.expect("answers");
    assert_eq!(status, 200, "{metrics}");
    let label = |labels: &str, name: &str| -> String {
        let rest = labels.split_once(&format!("{name}=\"")).expect("the label").1;
        rest.split('"').next().expect("its value").to_owned()
    };
    metrics
        .lines()
        .filter_map(|line| line.strip_prefix("drawbridge_admissions_total{")?.split_once("} "))
        .map(|(labels, count)| {
            ((label(labels, "outcome"), label(labels, "layer")), count.parse().expect("a count"))
        })
        .collect()
}

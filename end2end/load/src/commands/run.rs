//! `load run`.

use std::error::Error;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use load::report::{self, Told};
use load::{Crowd, Fixed, Mix, Outcome, Pace, Plan, Second, Stop, Targets, database, run_fixed};

use super::{say, tell};

/// Presses a second, and new people of those, that tokens are fetched for in a closed loop, whose speed nobody knows
/// before.
const PRESSES_A_SECOND: u64 = 60_000;
const NEW_A_SECOND: u64 = 10_000;

/// What is sent, where to, how fast and how long.
#[derive(Debug, Args)]
pub struct Options {
    /// A server, like 127.0.0.1:3000; more than one may be given, with commas or again.
    #[arg(long, required = true, value_delimiter = ',')]
    target: Vec<String>,
    /// The draw, made from `load draw`.
    #[arg(long, default_value = load::draw::SLUG)]
    slug: String,
    /// Connections, all threads together.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Threads of the generator.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// How long to measure, in seconds.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Ends after so many presses instead.
    #[arg(long)]
    requests: Option<u64>,
    /// How long to warm up before, in seconds.
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Presses a second, due at fixed instants whatever the server does (open loop); without it each connection sends
    /// when it has its answer (closed loop).
    #[arg(long)]
    rate: Option<f64>,
    /// Gaps by chance, as of people who know nothing of each other, instead of all the same.
    #[arg(long, requires = "rate")]
    poisson: bool,
    /// Weights of what people do.
    #[arg(long, default_value = "new=1")]
    mix: Mix,
    /// How often a duplicate is sent.
    #[arg(long, default_value_t = 2)]
    copies: u32,
    /// People to register before, who can retry from the start.
    #[arg(long, default_value_t = 0)]
    prepare: usize,
    /// Page tokens to fetch before, for new people and duplicates; as many as may be wanted if not given.
    #[arg(long)]
    tokens: Option<usize>,
    /// Takes 429 and 503 with Retry-After for refusals, and not for errors.
    #[arg(long)]
    expect_shed: bool,
    /// How long an answer is waited for, in seconds.
    #[arg(long, default_value_t = 10.0)]
    patience: f64,
    /// What chance is made from; a new one if none is given.
    #[arg(long)]
    seed: Option<u64>,
    /// Looks into this database at the end: `sqlite://PATH` or `postgres://...`.
    #[arg(long)]
    database: Option<String>,
    /// Gets this path again and again, instead of registering people.
    #[arg(long, conflicts_with_all = ["post", "mix", "database"])]
    get: Option<String>,
    /// Posts a body to this path again and again, instead of registering people.
    #[arg(long, conflicts_with_all = ["mix", "database"])]
    post: Option<String>,
    /// The file with that body; a registration if none is given.
    #[arg(long, requires = "post")]
    body: Option<PathBuf>,
    /// Its content type.
    #[arg(long, default_value = "application/json")]
    content_type: String,
    /// A further header of these, like "Accept-Encoding: br"; more than one may be given.
    #[arg(long)]
    header: Vec<String>,
    /// The status that has to come back.
    #[arg(long, default_value_t = 200)]
    expect: u16,
    /// Writes report.html and report.json to this folder.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Carries it out; fails when an answer or the database was wrong.
///
/// # Errors
/// When it could not be carried out.
pub fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let targets = Targets::new(&options.target)?;
    let plan = options.plan()?;
    // Connections are descriptors; the usual limit is for ordinary programs.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    tell(&format!("seed {}", plan.seed));
    let told = match options.fixed(&targets)? {
        Some(fixed) => options.told(run_fixed(&targets, &plan, &fixed, watch)?, plan.seed),
        None => options.send_crowd(&targets, &plan)?,
    };
    if let Some(folder) = &options.report {
        report::write(folder, &told)?;
        tell(&format!("{}", folder.join("report.html").display()));
    }
    if options.json {
        say(&serde_json::to_string_pretty(&told)?);
    } else {
        say(&report::summary(&told));
    }
    Ok(if told.is_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn watch(second: &Second) {
    tell(&report::progress(second));
}

/// The command as it was given, without what may hold a password.
fn command(arguments: impl Iterator<Item = String>) -> String {
    let mut text = String::from("load");
    let mut is_secret = false;
    for argument in arguments {
        let shown = match argument.strip_prefix("--database=") {
            Some(_) => "--database=URL",
            None if is_secret => "URL",
            None => &argument,
        };
        text.push(' ');
        text.push_str(shown);
        is_secret = argument == "--database";
    }
    text
}

fn seconds(name: &str, seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("--{name} {seconds} is no time"))
}

impl Options {
    fn plan(&self) -> Result<Plan, String> {
        let measured = seconds("seconds", self.seconds)?;
        Ok(Plan {
            connections: self.connections,
            threads: self.threads,
            pace: match self.rate {
                Some(per_second) => Pace::Open { per_second, poisson: self.poisson },
                None => Pace::Closed,
            },
            stop: self.requests.map_or(Stop::After(measured), Stop::Requests),
            warm_up: seconds("warm-up", self.warm_up)?,
            patience: seconds("patience", self.patience)?,
            expect_shed: self.expect_shed,
            seed: self.seed.unwrap_or_else(|| RandomState::new().hash_one(()) >> 32),
        })
    }

    fn fixed(&self, targets: &Targets) -> Result<Option<Fixed>, Box<dyn Error>> {
        let host = targets.host();
        let fixed = match (&self.get, &self.post, &self.body) {
            (Some(path), ..) => Fixed::get(host, path),
            (None, Some(path), Some(file)) => {
                Fixed::post(host, path, &self.content_type, &std::fs::read(file)?)
            }
            (None, Some(path), None) => {
                Fixed::post(host, path, &self.content_type, &load::work::Form::example(&self.slug))
            }
            (None, None, _) => return Ok(None),
        };
        let mut fixed = fixed.expecting(self.expect);
        for header in &self.header {
            let (name, value) = header.split_once(':').ok_or_else(|| format!("{header:?} is no header"))?;
            fixed = fixed.header(name.trim(), value.trim());
        }
        Ok(Some(fixed))
    }

    fn send_crowd(&self, targets: &Targets, plan: &Plan) -> Result<Told, Box<dyn Error>> {
        let mix = Mix { copies: self.copies, ..self.mix };
        let mut crowd = Crowd::new(targets, &self.slug);
        let fresh = plan.presses(PRESSES_A_SECOND) as f64 * mix.fresh();
        let fresh = match plan.pace {
            Pace::Closed => fresh.min(plan.presses(NEW_A_SECOND) as f64),
            Pace::Open { .. } => fresh,
        };
        // By chance there may be more new people than that, and until somebody can retry they are new as well.
        let some_more = (6.0 * fresh.sqrt()).ceil() + plan.connections as f64;
        let wanted = if mix.fresh() > 0.0 { (fresh + some_more).ceil() as usize } else { 0 };
        let tokens = self.tokens.unwrap_or(wanted);
        tell(&format!(
            "crowd {}: fetching {} tokens, registering {} people",
            crowd.name(),
            tokens,
            self.prepare
        ));
        if self.prepare > 0 {
            crowd.prepare(targets, plan, self.prepare)?;
        }
        crowd.fetch_tokens(targets, plan, tokens)?;
        let outcome = crowd.run(targets, plan, &mix, watch)?;
        let mut told = self.told(outcome, plan.seed);
        told.crowd = Some(crowd.name().to_owned());
        if let Some(url) = &self.database {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let found = runtime.block_on(database::check(url, &self.slug, crowd.name(), crowd.ledger()))?;
            told.database = Some(found);
        }
        Ok(told)
    }

    fn told(&self, outcome: Outcome, seed: u64) -> Told {
        let mut command = command(std::env::args().skip(1));
        if self.seed.is_none() {
            command.push_str(&format!(" --seed {seed}"));
        }
        let what = match (&self.get, &self.post) {
            (Some(path), _) => format!("GET {path}"),
            (_, Some(path)) => format!("POST {path}"),
            (None, None) => format!("Registrations: {}", self.mix),
        };
        Told { title: what, targets: self.target.clone(), crowd: None, command, outcome, database: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_repeated() {
        let told = |line: &str| command(line.split(' ').map(str::to_owned));
        assert_eq!(told("run --database postgres://u:secret@h/d --json"), "load run --database URL --json");
        assert_eq!(told("run --database=postgres://u:secret@h/d"), "load run --database=URL");
    }
}

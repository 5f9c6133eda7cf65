//! The organiser's pages of a large draw: what each costs the database, beside the first page of a small draw.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::organiser::Organiser;
use super::people::Made;
use super::statements::{Statement, Statements};
use super::{Hall, PAGES_SMALL, Scale, words};
use crate::Failure;
use crate::bench::ground::Server;
use crate::bench::{Comparison, Goal, median, table};

/// Looks at each page that are not counted: PostgreSQL plans a prepared statement anew the first five times.
const WARM_UP: usize = 6;
/// Milliseconds of the database that no page may take.
const MOST_MS: f64 = 50.0;
/// A position before all ids, and one after all names.
const NO_ID: &str = "00000000000000000000000000000000";
const LAST_NAME: &str = "\u{10FFFF}";

/// How many entries a page has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// A whole page.
    Full,
    /// What fits is rare: any part of a page, if it is not the end.
    Some,
    /// So many.
    Exactly(usize),
    /// It is no list.
    Any,
}

/// A page and how its address is made: somebody else's, somewhere else, in each round.
pub struct Page {
    /// What it shows.
    pub what: &'static str,
    /// How many entries.
    pub rows: Rows,
    /// Its address, by somebody live in the middle of the draw.
    pub path: fn(&Made) -> String,
}

const fn page(what: &'static str, rows: Rows, path: fn(&Made) -> String) -> Page {
    Page { what, rows, path }
}

/// Every kind of page of the list.
pub const PAGES: [Page; 32] = [
    page("first page, latest first", Rows::Full, |_| list("")),
    page("deep page, latest first", Rows::Full, |made| list(&format!("after={}", by_time(made)))),
    page("deep page, backwards", Rows::Full, |made| list(&format!("before={}", by_time(made)))),
    page("last page, latest first", Rows::Full, |_| list(&format!("before=0.{NO_ID}"))),
    page("first page, earliest first", Rows::Full, |_| list("sort=oldest")),
    page("deep page, earliest first", Rows::Full, |made| {
        list(&format!("sort=oldest&after={}", by_time(made)))
    }),
    page("first page by name", Rows::Full, |_| list("sort=name")),
    page("deep page by name", Rows::Full, |made| list(&format!("sort=name&after={}", by_name(made)))),
    page("last page by name", Rows::Full, |_| {
        list(&format!("sort=name&before={}.{NO_ID}", BASE64_URL_SAFE_NO_PAD.encode(LAST_NAME)))
    }),
    page("name that begins with one letter", Rows::Full, |_| list("q=m")),
    page("name that begins with a first name", Rows::Full, |_| list("q=fatima")),
    page("deep page of that", Rows::Full, |_| {
        list(&format!("q=fatima&after={}.{NO_ID}", BASE64_URL_SAFE_NO_PAD.encode("fatima lo")))
    }),
    page("name that nobody has", Rows::Exactly(0), |_| list("q=zzzz")),
    page("one email address", Rows::Exactly(1), |made| {
        list(&format!("q={}", made.email.typed.replace('@', "%40")))
    }),
    page("email address of nobody", Rows::Exactly(0), |_| list("q=nobody%40load.example")),
    page("one receipt", Rows::Exactly(1), |made| list(&format!("q={}", made.receipt))),
    page("common category", Rows::Full, |_| list("category=general")),
    page("rare category", Rows::Full, |_| list("category=student")),
    page("rare category, deep page", Rows::Full, |made| {
        list(&format!("category=student&after={}", by_time(made)))
    }),
    page("rare category by name, deep page", Rows::Some, |made| {
        list(&format!("category=student&sort=name&after={}", by_name(made)))
    }),
    page("common session", Rows::Full, |_| list("session=sat-evening")),
    page("rare session, earliest first", Rows::Full, |_| list("session=sun-evening&sort=oldest")),
    page("rare category and session", Rows::Some, |_| list("category=student&session=sun-evening")),
    page("category and session of nobody", Rows::Exactly(0), |_| list("category=family&session=sat-evening")),
    page("the same by name", Rows::Exactly(0), |_| list("category=family&session=sat-evening&sort=name")),
    page("name and rare category", Rows::Some, |_| list("q=m&category=student")),
    page("name, category and session of nobody", Rows::Exactly(0), |_| {
        list("q=m&category=family&session=sat-evening")
    }),
    page("withdrawn, first page", Rows::Full, |_| list("state=withdrawn")),
    page("withdrawn, deep page", Rows::Full, |made| {
        list(&format!("state=withdrawn&after={}", by_time(made)))
    }),
    page("removed, earliest first", Rows::Full, |_| list("state=removed&sort=oldest")),
    page("removed, category and session of nobody", Rows::Exactly(0), |_| {
        list("state=removed&category=family&session=sat-evening")
    }),
    page("one entry", Rows::Any, |made| format!("entries/{}-{}", made.registered_at, made.id)),
];

/// Whether a page says that its list goes on.
fn goes_on(body: &str) -> bool {
    body.contains("rel=\"next\"")
}

/// What keeps the overview up to date: it is no list, and has no first page to be compared with.
const OVERVIEW: Page = page("the overview's counts", Rows::Any, |_| "/admin/live.json".to_owned());

fn list(query: &str) -> String {
    format!("entries?{query}")
}

fn by_time(made: &Made) -> String {
    format!("{}.{}", made.registered_at, made.id.simple())
}

fn by_name(made: &Made) -> String {
    let name = BASE64_URL_SAFE_NO_PAD.encode(made.full_name.to_lowercase());
    format!("{name}.{}", made.id.simple())
}

/// Somebody who looks at the pages of a draw.
struct Desk<'a> {
    hall: &'a Hall<'a>,
    organiser: Organiser,
    random: SmallRng,
    _server: Server,
}

impl<'a> Desk<'a> {
    fn open(hall: &'a Hall<'a>) -> Result<Self, Failure> {
        let server = hall.site.serve()?;
        let organiser = Organiser::sign_in(&server)?;
        Ok(Self { hall, organiser, random: SmallRng::seed_from_u64(7), _server: server })
    }

    /// Somebody live in the middle of the draw: neither among the first tenth nor among the last.
    fn somebody(&mut self) -> Result<Made, Failure> {
        let people = &self.hall.filled.people;
        loop {
            let tenth = people.count / 10;
            let made = people.entry(self.random.random_range(tenth..people.count - tenth))?;
            if made.ending.is_none() {
                return Ok(made);
            }
        }
    }

    /// What a page, somewhere, costs the database in milliseconds.
    fn look(
        &mut self,
        statements: &mut Statements,
        page: &Page,
        wrong: &mut Vec<String>,
    ) -> Result<f64, Failure> {
        let path = (page.path)(&self.somebody()?);
        Ok(self.look_at(statements, page, &path, wrong)?.0)
    }

    /// What a page at an address costs the database in milliseconds, and its statements.
    fn look_at(
        &mut self,
        statements: &mut Statements,
        page: &Page,
        path: &str,
        wrong: &mut Vec<String>,
    ) -> Result<(f64, Vec<Statement>), Failure> {
        let database = self.hall.site.database()?;
        let (body, counted) = statements.of(database, || self.organiser.page(path))?;
        let rows = body.matches("<tr data-state=").count();
        let is_right = match page.rows {
            Rows::Full => rows == 50,
            Rows::Some => rows == 50 || goes_on(&body),
            Rows::Exactly(0) => rows == 0,
            Rows::Exactly(count) => rows == count,
            Rows::Any => true,
        };
        if !is_right {
            wrong.push(format!("{path} shows {rows} entries"));
        }
        Ok((counted.iter().map(|statement| statement.ms).sum(), counted))
    }
}

/// Each page of the large draw, in turn with the first page of the small one.
///
/// # Errors
/// When a server or a database fails.
pub fn compare(scale: &Scale<'_>) -> Result<Vec<Comparison>, Failure> {
    let small = scale.hall(scale.at_most(PAGES_SMALL))?;
    let large = scale.large()?;
    let mut statements = Statements::start(scale.ground.postgres)?;
    let (mut ours, mut theirs) = (Desk::open(large)?, Desk::open(&small)?);
    let count = words(large.filled.people.count);
    let against = format!("first page at {}", words(small.filled.people.count));
    let first = &PAGES[0];
    let mut all = Vec::new();
    for page in &PAGES {
        let what = format!("database time at {count}: {}", page.what);
        let mut comparison = Comparison::new(&what, &against, "ms", Goal::AtMost(3.0));
        // What is left of it when the blocks it needs were read a moment ago.
        let mut again = Comparison::new(&format!("{what}, the same again"), &against, "ms", Goal::Nothing);
        let mut wrong = Vec::new();
        for _ in 0..WARM_UP {
            ours.look(&mut statements, page, &mut wrong)?;
            theirs.look(&mut statements, first, &mut wrong)?;
        }
        let mut last = Vec::new();
        for round in 0..scale.rounds {
            if round % 2 == 1 {
                comparison.limit.push(theirs.look(&mut statements, first, &mut wrong)?);
            }
            let path = (page.path)(&ours.somebody()?);
            let (ms, counted) = ours.look_at(&mut statements, page, &path, &mut wrong)?;
            comparison.ours.push(ms);
            last = counted;
            again.ours.push(ours.look_at(&mut statements, page, &path, &mut wrong)?.0);
            if round % 2 == 0 {
                comparison.limit.push(theirs.look(&mut statements, first, &mut wrong)?);
            }
        }
        comparison.wrong = wrong;
        (scale.tell)(&format!("{what}: {:.2} ms", median(&comparison.ours)));
        if !comparison.is_reached() {
            for Statement { ms, calls, query } in last.iter().take(2) {
                let query = query.split_whitespace().collect::<Vec<_>>().join(" ");
                (scale.tell)(&format!("    {ms:.2} ms in {calls}: {query}"));
            }
        }
        again.limit.clone_from(&comparison.limit);
        let explains = !comparison.is_reached();
        all.push(comparison);
        all.extend(explains.then_some(again));
    }
    let mut slowest = Comparison::new(
        &format!("database time at {count}: the slowest of these pages, any round"),
        "",
        "ms",
        Goal::Below(MOST_MS),
    );
    slowest.ours.push(all.iter().flat_map(|page| &page.ours).copied().fold(0.0, f64::max));
    let mut overview = Comparison::new(
        &format!("database time at {count}: {}, half of them of the last hour", OVERVIEW.what),
        "",
        "ms",
        Goal::Below(MOST_MS),
    );
    for _ in 0..scale.rounds {
        overview.ours.push(ours.look(&mut statements, &OVERVIEW, &mut overview.wrong)?);
    }
    for comparison in [slowest, overview] {
        (scale.tell)(&table::round(&comparison));
        all.push(comparison);
    }
    Ok(all)
}

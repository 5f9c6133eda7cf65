//! Guarantee G7, the databases' part: what one layer rejects passes in no other.
//!
//! The corpus of the rules and thousands of made records are judged by the rules; their rows are inserted into
//! SQLite and PostgreSQL, past the server. `migrations/rules.toml` says what has to come of each:
//!
//! | the rules | the databases |
//! | --- | --- |
//! | accept it | both store it and give it back equal |
//! | refuse it, by a rule that has a constraint | both refuse it, by that constraint, or by one of those of several broken rules: which of them a database looks at first is its own affair |
//! | refuse it, by a rule that only the server keeps | both store it, so that the table says what is so |
//!
//! (The same records natively and as WASM: `make rules-test`.)

mod candidates;
mod databases;
mod expectations;
#[path = "../../../../shared/tests/records/mod.rs"]
mod records;
mod tally;

use serde::Deserialize;
use shared::rules::parse_date;
use shared::{Dates, DrawRules, Entry, EntryForm};

use crate::constraints::table;
use crate::ground::{Backends, Ground};
use candidates::{Candidate, candidates};
use databases::Answer;
use expectations::{Expected, expected, is_unrepresentable};
use records::{MADE, Record, made, seed, written};
use tally::Tally;

/// Most failures that are shown.
const SHOWN: usize = 20;

#[derive(Deserialize)]
struct Question {
    rules: DrawRules,
    today: String,
    closing_date: String,
    form: serde_json::Value,
}

/// The rows of a record; none when its form is not even one.
fn rows_of(turn: usize, record: &Record, tally: &mut Tally) -> Vec<Candidate> {
    let question = Question::deserialize(&record.question).expect("a question");
    let Ok(form) = EntryForm::deserialize(question.form) else {
        tally.malformed += 1;
        return Vec::new();
    };
    let day = |text: &str| parse_date(text).expect("a date");
    let dates = Dates { today: day(&question.today), closing: day(&question.closing_date) };
    let verdict = Entry::parse(&form, &question.rules, dates);
    if let Some(expect) = &record.expect {
        assert_eq!(expect.get("accepted").is_some(), verdict.is_ok(), "{}", record.id);
    }
    tally.judged(&verdict);
    candidates(&record.id, turn, &form, &question.rules, &verdict)
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_sqlite_and_postgresql_judge_alike() {
    if !Backends::chosen().is_sqlite() {
        return; // It always asks both: once is enough.
    }
    let (table, seed, mut tally) = (table(), seed(), Tally::default());
    let records: Vec<Record> = written().into_iter().chain(made(seed)).collect();
    let rows: Vec<Candidate> =
        records.iter().enumerate().flat_map(|(turn, record)| rows_of(turn, record, &mut tally)).collect();
    let (file, server) = (Ground::on(Backends::Sqlite), services::shared::postgres().own_database());
    let path = file.path("test.db");
    let ((sqlite, in_sqlite), (postgres, in_postgres)) =
        tokio::join!(databases::sqlite(&path, &rows), databases::postgres(server.url(), &rows));

    let mut failures = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let (id, sqlite, postgres) = (&row.record, &sqlite[number], &postgres[number]);
        let expected = expected(row, &table);
        tally.answered(row, sqlite, postgres);
        if let Err(why) = agrees(&expected, row, sqlite, postgres) {
            failures.push(format!(
                "{id}: {why}: SQLite {sqlite:?}, PostgreSQL {postgres:?}; {expected:?}\n    {row:?}"
            ));
        }
        for (answer, held) in [(sqlite, &in_sqlite), (postgres, &in_postgres)] {
            let held = held.get(&databases::id(number));
            if held != (*answer == Answer::Stored).then_some(&row.columns) {
                failures.push(format!("{id}: given back {held:?}\n    {row:?}"));
            }
        }
    }
    tally.announce(&format!(
        "{} records, of which {MADE} made from seed {seed}; {} rows",
        records.len(),
        rows.len()
    ));
    let (shown, all) = (failures.iter().take(SHOWN).cloned().collect::<Vec<_>>(), failures.len());
    assert!(failures.is_empty(), "seed {seed}: {all} failures:\n  {}", shown.join("\n  "));
    tally.assert_covers(&table);
}

/// Whether two answers are what was expected: both stored, or both refused.
fn agrees(
    expected: &Expected,
    row: &Candidate,
    sqlite: &Answer,
    postgres: &Answer,
) -> Result<(), &'static str> {
    let constraints = match (sqlite, postgres) {
        (Answer::Stored, Answer::Stored) => vec![],
        (Answer::Refused(one), Answer::Refused(other)) => vec![one, other],
        (Answer::Refused(one), Answer::Unrepresentable(state)) if is_unrepresentable(row, state) => vec![one],
        _ => return Err("the databases disagree"),
    };
    match expected {
        Expected::Stored | Expected::Either(_) if constraints.is_empty() => Ok(()),
        Expected::Refused(_) if constraints.is_empty() => Err("stored, and the rules refuse it"),
        Expected::Stored => Err("refused, and no constraint should"),
        Expected::Refused(by) | Expected::Either(by) if constraints.iter().all(|name| by.contains(*name)) => {
            Ok(())
        }
        Expected::Refused(_) | Expected::Either(_) => Err("refused by a constraint of another rule"),
    }
}

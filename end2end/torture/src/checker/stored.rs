//! Answers compared with the database, and the database with itself.

use std::collections::{HashMap, HashSet};

use super::{Check, Evidence, Index};
use crate::database::Dump;
use crate::history::{Moment, Step};

pub(super) fn check(index: &Index<'_>) -> Vec<Check> {
    let evidence = index.evidence;
    vec![
        acknowledged(index),
        told_of(index),
        one_live_entry(index),
        withdrawals(index),
        frozen(evidence),
        in_time(evidence),
        capacity(evidence),
        claims(evidence),
        reports(evidence),
        next_day(evidence),
        troubles(evidence),
    ]
}

/// An entry, live or ended.
struct Row<'a> {
    slug: &'a str,
    id: &'a str,
    receipt: &'a str,
    person_key: &'a str,
    registered_at: i64,
    ended_at: Option<i64>,
}

fn rows(dump: &Dump) -> Vec<Row<'_>> {
    let live = dump.entries.iter().map(|row| Row {
        slug: &row.slug,
        id: &row.id,
        receipt: &row.receipt,
        person_key: &row.person_key,
        registered_at: row.registered_at,
        ended_at: None,
    });
    let ended = dump.withdrawals.iter().map(|row| Row {
        slug: &row.slug,
        id: &row.id,
        receipt: &row.receipt,
        person_key: &row.person_key,
        registered_at: row.registered_at,
        ended_at: Some(row.ended_at),
    });
    live.chain(ended).collect()
}

fn millis(rfc3339: &str) -> Option<i64> {
    rfc3339.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// G2.
fn acknowledged(index: &Index<'_>) -> Check {
    let mut check = Check::new("every acknowledged entry is in the database as its receipt says");
    let rows = rows(&index.evidence.dump);
    let by_id: HashMap<&str, &Row<'_>> = rows.iter().map(|row| (row.id, row)).collect();
    let people: HashMap<&str, &str> = index
        .evidence
        .dump
        .entries
        .iter()
        .map(|row| (row.id.as_str(), row.email_canonical.as_str()))
        .collect();
    for (press, receipt) in index.receipts.values().flatten() {
        let holds = by_id.get(receipt.entry.as_str()).is_some_and(|row| {
            row.receipt == receipt.code
                && row.slug == receipt.draw
                && Some(row.registered_at) == millis(&receipt.registered_at)
                && people.get(row.id).is_none_or(|person| *person == press.payload.person)
        });
        check.look(holds, &[press.at], || format!("entry {} of {}", receipt.entry, press.payload.person));
    }
    check
}

/// G10, from the other side: in the end nobody is in without knowing.
fn told_of(index: &Index<'_>) -> Check {
    let mut check = Check::new("somebody was told of every entry");
    for row in rows(&index.evidence.dump) {
        check.look(index.receipts.contains_key(row.id), &[], || format!("entry {} in {}", row.id, row.slug));
    }
    check
}

/// G1, explained by the history: a person's next entry needs the one before to have been taken back.
fn one_live_entry(index: &Index<'_>) -> Check {
    let mut check = Check::new("a person has at most one live entry at any moment");
    let mut people: HashMap<(&str, &str), Vec<Row<'_>>> = HashMap::new();
    for row in rows(&index.evidence.dump) {
        people.entry((row.slug, row.person_key)).or_default().push(row);
    }
    for ((slug, _), mut entries) in people {
        entries.sort_by_key(|row| (row.registered_at, row.ended_at.is_none()));
        let live = entries.iter().filter(|row| row.ended_at.is_none()).count();
        check.look(live <= 1, &[], || format!("{slug}: {live} live entries of one person"));
        for pair in entries.windows(2) {
            let asked = asked_to_withdraw(index, pair[0].receipt);
            let told =
                index.receipts.get(pair[1].id).into_iter().flatten().map(|(press, _)| press.call.ended);
            let holds = match (asked, told.min()) {
                (Some(asked), Some(told)) => asked < told,
                (asked, None) => asked.is_some(),
                (None, _) => false,
            };
            check.look(holds, &[], || format!("{slug}: {} came beside {}", pair[1].id, pair[0].id));
        }
    }
    check
}

/// When a receipt was first asked to be taken back.
fn asked_to_withdraw(index: &Index<'_>, receipt: &str) -> Option<Moment> {
    let asked = index.withdraws.get(receipt)?;
    asked.iter().map(|at| index.evidence.calls[*at].began).min()
}

fn withdrawals(index: &Index<'_>) -> Check {
    let mut check = Check::new("what was taken back was asked to be, and stays so");
    for row in &index.evidence.dump.withdrawals {
        check.look(index.withdraws.contains_key(row.receipt.as_str()), &[], || {
            format!("nobody asked to take back entry {}", row.id)
        });
    }
    let ended: HashSet<&str> =
        index.evidence.dump.withdrawals.iter().map(|row| row.receipt.as_str()).collect();
    for (at, call) in index.evidence.calls.iter().enumerate() {
        let Step::Withdraw { receipt } = &call.step else { continue };
        if call.answer().is_some_and(|answer| answer.status == 204) {
            check.look(ended.contains(receipt.as_str()), &[at], || "it is still there".to_owned());
        }
    }
    check
}

/// G9.
fn frozen(evidence: &Evidence) -> Check {
    let mut check = Check::new("nothing enters a draw after somebody was told that it is closed");
    let mut now: HashMap<&str, HashSet<&str>> = HashMap::new();
    let rows = rows(&evidence.dump);
    for row in &rows {
        now.entry(row.slug).or_default().insert(row.id);
    }
    for (draw, before) in &evidence.frozen {
        let slug = evidence.draws[*draw].slug.as_str();
        let now = now.remove(slug).unwrap_or_default();
        let before: HashSet<&str> = before.iter().map(String::as_str).collect();
        check.look(now == before, &[], || {
            let (came, went) = (now.difference(&before).count(), before.difference(&now).count());
            format!("{slug}: {came} came, {went} went")
        });
    }
    check
}

fn in_time(evidence: &Evidence) -> Check {
    let mut check = Check::new("every entry of a closed draw was registered before it closed");
    let closings: HashMap<&str, (i64, Option<i64>)> = evidence
        .dump
        .draws
        .iter()
        .map(|draw| (draw.slug.as_str(), (draw.closes_at, draw.closed_at)))
        .collect();
    for row in rows(&evidence.dump) {
        let Some((closes_at, closed_at)) = closings.get(row.slug) else { continue };
        let holds = row.registered_at < *closes_at
            && closed_at.is_none_or(|closed_at| row.registered_at <= closed_at)
            && row.ended_at.is_none_or(|ended_at| ended_at < *closes_at);
        check.look(holds, &[], || format!("{}: entry {} at {}", row.slug, row.id, row.registered_at));
    }
    check
}

fn capacity(evidence: &Evidence) -> Check {
    let mut check = Check::new("counters say how many are in, and no draw is fuller than it may be");
    for draw in &evidence.dump.draws {
        let live = evidence.dump.entries.iter().filter(|row| row.slug == draw.slug).count();
        let is_counted = i64::try_from(live) == Ok(draw.taken);
        check.look(is_counted, &[], || {
            format!("{}: counters say {}, there are {live}", draw.slug, draw.taken)
        });
        let places = evidence.draws.iter().find(|it| it.slug == draw.slug).and_then(|it| it.capacity);
        let fits = places.is_none_or(|places| live <= places as usize);
        check.look(fits, &[], || format!("{}: {live} in {places:?} places", draw.slug));
    }
    check
}

fn claims(evidence: &Evidence) -> Check {
    let mut check = Check::new("every entry has the claims it needs, and no claim is without its entry");
    let mut held: HashMap<(&str, &str), usize> = HashMap::new();
    for claim in &evidence.dump.claims {
        *held.entry((&claim.entry, &claim.kind)).or_default() += 1;
    }
    let phones: HashSet<&str> =
        evidence.draws.iter().filter(|draw| draw.one_per_phone).map(|draw| draw.slug.as_str()).collect();
    let live: HashMap<&str, bool> = evidence
        .dump
        .entries
        .iter()
        .map(|row| (row.id.as_str(), row.phone.is_some() && phones.contains(row.slug.as_str())))
        .collect();
    for row in rows(&evidence.dump) {
        let count = |kind| held.get(&(row.id, kind)).copied().unwrap_or_default();
        check.look(count("token") >= 1, &[], || format!("entry {} has no token", row.id));
        let wanted = usize::from(live.get(row.id).copied().unwrap_or_default());
        check.look(count("phone") == wanted, &[], || format!("entry {}: {} phones", row.id, count("phone")));
    }
    let known: HashSet<&str> = rows(&evidence.dump).iter().map(|row| row.id).collect();
    for claim in &evidence.dump.claims {
        check.look(known.contains(claim.entry.as_str()), &[], || {
            format!("a {} of {}", claim.kind, claim.entry)
        });
    }
    check
}

fn reports(evidence: &Evidence) -> Check {
    let mut check = Check::new("the export holds the live entries, and reconciling finds nothing");
    for (slug, exported) in &evidence.exports {
        let live: HashSet<&str> =
            evidence.dump.entries.iter().filter(|row| row.slug == *slug).map(|row| row.id.as_str()).collect();
        let distinct: HashSet<&str> = exported.iter().map(String::as_str).collect();
        check.look(live == distinct && exported.len() == live.len(), &[], || {
            format!("{slug}: {} lines for {} entries", exported.len(), live.len())
        });
    }
    check.look(evidence.reconciled.is_empty(), &[], || evidence.reconciled.join("; "));
    check
}

/// Retries of yesterday's attempts change nothing.
fn next_day(evidence: &Evidence) -> Check {
    let mut check = Check::new("the next day's retries create nothing and change nothing");
    if let Some(next_day) = &evidence.next_day {
        let ids =
            |dump: &Dump| -> HashSet<String> { rows(dump).iter().map(|row| row.id.to_owned()).collect() };
        check.look(ids(&evidence.dump) == ids(next_day), &[], || "entries came or went".to_owned());
        let is_same = evidence.dump.claims.len() == next_day.claims.len();
        check.look(is_same, &[], || "claims came or went".to_owned());
    }
    check
}

fn troubles(evidence: &Evidence) -> Check {
    let mut check = Check::new("nothing else went wrong");
    check.examined = 1;
    for trouble in &evidence.troubles {
        check.look(false, &[], || trouble.clone());
    }
    check
}

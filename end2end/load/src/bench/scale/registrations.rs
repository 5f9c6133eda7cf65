//! One registration by itself, in a draw that many have entered.

use std::time::Duration;

use super::{Hall, REGISTRATIONS_SMALL, Scale, words};
use crate::bench::{Comparison, Goal, check, ground::Server, note, table};
use crate::{Crowd, Failure, Kind, Mix, Plan, Stop, draw};

/// Presses of one round.
const PRESSES: u64 = 600;
/// Rounds before the first that counts: connections are made, statements prepared, and what filling the database left to
/// the disk is written.
const WARM_UP: usize = 4;

/// A server and the people who register there.
struct Door<'a> {
    hall: &'a Hall<'a>,
    server: Server,
    crowd: Crowd,
}

impl<'a> Door<'a> {
    fn open(hall: &'a Hall<'a>, plan: &Plan, presses: u64) -> Result<Self, Failure> {
        let server = hall.site.serve()?;
        let mut crowd = Crowd::new(&server.targets, draw::SLUG);
        crowd.fetch_tokens(&server.targets, plan, presses as usize)?;
        Ok(Self { hall, server, crowd })
    }

    /// The median in milliseconds.
    fn register(&mut self, plan: &Plan, wrong: &mut Vec<String>) -> Result<f64, Failure> {
        let outcome = self.crowd.run(&self.server.targets, plan, &Mix::only(Kind::New), |_| {})?;
        note(&outcome, wrong);
        let service = outcome.kind(Kind::New).map(|kind| kind.service.quantile(0.5));
        Ok(service.map_or(f64::NAN, |micros| micros as f64 / 1000.0))
    }

    fn close(self, wrong: &mut Vec<String>) -> Result<(), Failure> {
        drop(self.server);
        check(&self.hall.site, &self.crowd, wrong)
    }
}

/// New people, one after the other over one connection, in the large draw and in a small one.
///
/// # Errors
/// When a server or a database fails.
pub fn compare(scale: &Scale<'_>) -> Result<Vec<Comparison>, Failure> {
    let small = scale.hall(scale.at_most(REGISTRATIONS_SMALL))?;
    let large = scale.large()?;
    let plan =
        Plan { connections: 1, stop: Stop::Requests(PRESSES), warm_up: Duration::ZERO, ..Plan::default() };
    let presses = PRESSES * (scale.rounds + WARM_UP) as u64;
    let mut ours = Door::open(large, &plan, presses)?;
    let mut theirs = Door::open(&small, &plan, presses)?;
    let what = format!("one registration at {} entries, median", words(large.filled.people.count));
    let against = format!("at {}", words(small.filled.people.count));
    let mut comparison = Comparison::new(&what, &against, "ms", Goal::AtMost(1.25));
    let mut wrong = Vec::new();
    for _ in 0..WARM_UP {
        ours.register(&plan, &mut wrong)?;
        theirs.register(&plan, &mut wrong)?;
    }
    for round in 0..scale.rounds {
        if round % 2 == 1 {
            comparison.limit.push(theirs.register(&plan, &mut wrong)?);
        }
        comparison.ours.push(ours.register(&plan, &mut wrong)?);
        if round % 2 == 0 {
            comparison.limit.push(theirs.register(&plan, &mut wrong)?);
        }
        (scale.tell)(&table::round(&comparison));
    }
    ours.close(&mut wrong)?;
    theirs.close(&mut wrong)?;
    comparison.wrong = wrong;
    Ok(vec![comparison])
}

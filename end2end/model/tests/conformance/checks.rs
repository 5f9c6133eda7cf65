//! What is checked: answers after each step, counts after each step, and in the end every row and every retry.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use model::reference::values::{End, Ended};
use server::admission::ending::{Answer, Ending};
use server::store::entries::ReceiptStatus;
use server::store::{Store, draws::Actor, entries};
use shared::{DrawState, Layer, Outcome};

use crate::explain::{Explanation, Operation, Told};
use crate::fixture::DESTINATIONS;
use crate::receipts;
use crate::rows::Census;
use crate::sending::Sent;
use crate::transitions::{Beside, Mood, SERVERS};
use crate::world::World;

impl World {
    /// Finds an order that explains what was told, and goes on from there. Who was put off was told nothing yet.
    pub(crate) fn settle_on(&mut self, operations: &[(Operation, Told)], put_off: &[usize]) -> Vec<usize> {
        let bodies: Vec<_> = self.acknowledged.iter().map(|(body, _)| body.clone()).collect();
        let left: Vec<usize> = (0..operations.len()).filter(|at| !put_off.contains(at)).collect();
        let Some(found) = Explanation::start(&self.reference, &bodies).find(operations, &left) else {
            panic!("{}", self.complaint(operations));
        };
        self.note_answers(operations, &found.order);
        self.reference = found.reference;
        found.makers
    }

    /// Does it once more in that order, to count what there is to see on the way.
    fn note_answers(&self, operations: &[(Operation, Told)], order: &[usize]) {
        let mut reference = self.reference.clone();
        for place in order {
            let before = reference.clone();
            match &operations[*place].0 {
                Operation::Register(attempt, _) => {
                    let expected = reference.submit(attempt);
                    let mut coverage = self.ground.coverage.borrow_mut();
                    coverage.note_answer(&before, attempt.form.person(), &expected);
                }
                Operation::End(entry, end) => drop(reference.end(*entry, *end)),
                Operation::Close => reference.close(),
                Operation::RequirePostcode(is_required) => reference.require_postcode(*is_required),
            }
        }
    }

    /// What cannot be explained, for people.
    fn complaint(&self, operations: &[(Operation, Told)]) -> String {
        let mut text = String::from("no order of these explains what they were told:\n");
        let mut alone = self.reference.clone();
        for (operation, told) in operations {
            // Writing to a string does not fail.
            let _ = writeln!(text, "  {operation:?}\n    was told {told:?}");
            if let Operation::Register(attempt, _) = operation {
                let _ = writeln!(text, "    first of all it would be {:?}", alone.clone().submit(attempt));
                let _ = writeln!(text, "    in the order of sending {:?}", alone.submit(attempt));
            }
        }
        let _ = writeln!(text, "before: {:#?}", self.reference);
        for (at, (body, _)) in self.acknowledged.iter().enumerate() {
            let _ = writeln!(text, "receipt of entry {at}: {}", String::from_utf8_lossy(body));
        }
        text
    }

    /// Whether another request under the same key was sent to the same server.
    pub(crate) fn is_in_a_crowd(&self, requests: &[(usize, Sent)], at: usize) -> bool {
        let (server, sent) = &requests[at];
        let key = |sent: &Sent| sent.claim(&self.ground, self.draw);
        let others = requests.iter().enumerate().filter(|(other, _)| *other != at);
        others.into_iter().any(|(_, (other, beside))| other == server && key(beside) == key(sent))
    }

    /// Whether a server remembers nothing under a request's key.
    pub(crate) fn is_news(&self, server: usize, sent: &Sent) -> bool {
        let claim = sent.claim(&self.ground, self.draw);
        claim.is_some_and(|claim| self.servers[server].memory.get(&claim).is_none())
    }

    /// Counts which layers answered. Who is replayed from a memory that knew nothing when it was sent, and was sent
    /// after a request that is the same, joined that one.
    pub(crate) fn note_layers(&self, requests: &[(usize, Sent)], endings: &[Ending], news: &[bool]) {
        let mut coverage = self.ground.coverage.borrow_mut();
        for (at, ending) in endings.iter().enumerate() {
            let (server, sent) = &requests[at];
            let first = requests[..at]
                .iter()
                .find(|(other, before)| other == server && before.attempt.key == sent.attempt.key);
            let joined = news[at]
                && ending.layer == Layer::Memory
                && first.is_some_and(|(_, first)| first.attempt == sent.attempt);
            coverage.note_layer(ending.outcome, ending.layer, joined);
        }
    }

    /// The counter says what there is.
    pub(crate) async fn check_count(&self) {
        let taken = self.store(0).taken(self.draw).await.expect("counts");
        assert_eq!(taken, self.reference.live() as i64, "{:#?}", self.reference);
    }

    /// Every row is one that the reference has, and the other way round; every receipt leads to its entry.
    pub(crate) async fn check_rows(&mut self) {
        assert_eq!(self.acknowledged.len(), self.reference.entries.len());
        let mut expected = Census {
            live: BTreeMap::new(),
            ended: BTreeMap::new(),
            claims: BTreeMap::new(),
            outbox: BTreeMap::new(),
        };
        for (at, entry) in self.reference.entries.iter().enumerate() {
            let receipt = receipts::read(&self.acknowledged[at].0);
            assert!(receipt.is_of(entry, self.slug()), "{receipt:?} is to be of {entry:?}");
            let status = self.status(&receipt).await;
            let is_as_expected = match (&status, entry.end) {
                (ReceiptStatus::Registered(stored), None) => {
                    let email = format!("person{}@example.org", entry.payload.person);
                    stored.email.canonical == email
                        && stored.full_name == format!("Name {}", entry.payload.name)
                }
                (ReceiptStatus::Withdrawn, Some(End::Withdrawn))
                | (ReceiptStatus::Removed, Some(End::Removed)) => true,
                _ => false,
            };
            assert!(is_as_expected, "{status:?} is to be of {entry:?}");
            let id = receipt.id();
            match entry.end {
                None => expected.live.insert(id.clone(), receipt.receipt),
                Some(End::Withdrawn) => {
                    expected.ended.insert(id.clone(), format!("{} withdrawn", receipt.receipt))
                }
                Some(End::Removed) => {
                    expected.ended.insert(id.clone(), format!("{} removed", receipt.receipt))
                }
            };
            let claims = self.reference.claims(at).into_iter().map(str::to_owned).collect();
            expected.claims.insert(id.clone(), claims);
            expected.outbox.insert(id, DESTINATIONS.map(str::to_owned).to_vec());
        }
        let found = self.ground.rows.lock().await.census(self.draw).await;
        assert_eq!(found, expected, "{:#?}", self.reference);
    }

    async fn status(&self, receipt: &receipts::Receipt) -> ReceiptStatus {
        let row = self.store(1).receipt(&receipt.receipt).await.expect("reads").expect("it leads somewhere");
        assert_eq!(row.entry_id.simple().to_string(), receipt.id());
        row.status
    }

    /// Servers that remember nothing, and share nothing, give every attempt the bytes of its first acknowledgement;
    /// and after closing as well.
    pub(crate) async fn check_that_retries_are_replayed(&mut self) {
        self.set_mood(Mood::Fine);
        for server in 0..SERVERS {
            self.restart(server).await;
        }
        self.wipe().await;
        self.close_if_over().await;
        for (at, (sent, body)) in self.receipts.clone().into_iter().enumerate() {
            let told = self.together(vec![(at % SERVERS, sent.clone())], &Beside::Nothing).await;
            // Whatever the reference thinks of it: this very attempt was acknowledged with these bytes.
            assert_eq!(told, [Told::Replayed(body)], "{:?} again", sent.attempt);
        }
        assert_eq!(self.acknowledged.len(), self.reference.entries.len());
    }

    /// The schedule closes what is over, and nothing else.
    async fn close_if_over(&self) {
        self.store(0).close_overdue().await.expect("answers");
        let draw = self.store(0).draw(self.slug()).await.expect("reads").expect("is there");
        let state = if self.reference.is_over() { DrawState::Closed } else { DrawState::Announced };
        assert_eq!(draw.state, state);
    }
}

/// What a request was told.
pub fn told(ending: Ending) -> Told {
    match (ending.outcome, ending.answer) {
        (Outcome::Created, Answer::Receipt(body)) => Told::Created(body),
        (Outcome::Replayed, Answer::Receipt(body)) => Told::Replayed(body),
        (outcome, Answer::Receipt(_)) => panic!("a receipt, counted as {outcome:?}"),
        (outcome, Answer::Problem(refusal)) => {
            assert_eq!(outcome, Ending::refused(refusal.problem, ending.layer).outcome);
            let fields = refusal.errors.into_iter().map(|error| (error.field.into(), error.code.into()));
            Told::Refused(refusal.problem, fields.collect(), refusal.retry_after)
        }
    }
}

/// Ends an entry, as its entrant or as an organiser.
pub async fn end_entry(store: &dyn Store, code: &str, end: End) -> Ended {
    let (ending, actor) = match end {
        End::Withdrawn => (entries::Ending::Withdrawn, Actor::Entrant),
        End::Removed => {
            let reason = "asked for by telephone".to_owned();
            (entries::Ending::Removed { reason }, Actor::Organiser("ada@example.org".to_owned()))
        }
    };
    match store.end(code, &ending, &actor).await.expect("answers") {
        entries::Ended::Done => Ended::Done,
        entries::Ended::Already => Ended::Already,
        entries::Ended::DrawClosed => Ended::DrawClosed,
        entries::Ended::Unknown => panic!("{code} leads nowhere"),
    }
}

//! Each check sees what it is there for.

use std::sync::Arc;

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::bad::BadInputs;
use super::ledger::TOKEN_CHARS;
use super::{Acknowledged, BadInput, Form, Ledger, Registrations, Rules, Token, Verdict, Work};
use crate::answer::Answer;
use crate::mix::{Kind, Mix};

const HOST: &str = "127.0.0.1:3000";

fn receipt(entry: u8) -> String {
    let id = uuid::Uuid::from_bytes([entry; 16]);
    format!(
        "{{\"receipt\":\"0123456789abcdefghjkmnpqrstv\",\"draw\":\"load\",\"entry_id\":\"{id}\",\"state\":\"registered\",\
         \"registered_at\":\"2026-07-01T12:00:00.000Z\"}}"
    )
}

fn answer(status: u16, body: &str) -> Answer<'_> {
    Answer {
        status,
        head: b"",
        body: body.as_bytes(),
        retry_after: None,
        is_replayed: false,
        is_problem: status >= 400,
        closes: false,
    }
}

fn replay(body: &str) -> Answer<'_> {
    Answer { is_replayed: true, ..answer(201, body) }
}

fn later(status: u16, body: &str) -> Answer<'_> {
    Answer { retry_after: Some(3), ..answer(status, body) }
}

fn tokens(count: u8) -> Vec<Token> {
    (0..count).map(|number| [b'a' + number; TOKEN_CHARS]).collect()
}

fn crowd(mix: &str, expect_shed: bool) -> Registrations {
    let form = Arc::new(Form::new(HOST, "load", "abcdefgh"));
    let rules = Rules { mix: mix.parse().unwrap(), slug: "load".into(), form, expect_shed };
    let bad = BadInputs::new(HOST, "load", tokens(2));
    Registrations::new(rules, SmallRng::seed_from_u64(1), tokens(5), bad, Ledger::default())
}

/// A crowd of one that was registered, and only retries from now on.
fn known(expect_shed: bool) -> Registrations {
    let mut crowd = crowd("retry=1", expect_shed);
    let job = crowd.next(&mut Vec::new()).unwrap();
    assert_eq!(crowd.kind(&job), Kind::New, "while nobody is known, somebody new comes");
    assert_eq!(crowd.judge(job, &answer(201, &receipt(1))), Verdict::Right);
    crowd
}

fn judge(crowd: &mut Registrations, answer: &Answer<'_>) -> Verdict {
    let job = crowd.next(&mut Vec::new()).unwrap();
    crowd.judge(job, answer)
}

fn is_wrong(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Wrong(_))
}

#[test]
fn a_new_person_gets_a_receipt_that_is_no_replay() {
    let mut crowd = crowd("new=1", false);
    assert_eq!(judge(&mut crowd, &answer(201, &receipt(1))), Verdict::Right);
    assert!(is_wrong(&judge(&mut crowd, &replay(&receipt(2)))));
    assert!(is_wrong(&judge(&mut crowd, &answer(201, &receipt(3).replace("\"load\"", "\"other\"")))));
    assert!(is_wrong(&judge(&mut crowd, &answer(200, &receipt(4)))));
    let entries: Vec<u8> = crowd.ledger.acknowledged.iter().map(|known| known.entry[0]).collect();
    assert_eq!(entries, [1, 2], "what was acknowledged is looked for, wrong or not");
}

#[test]
fn a_retry_gets_the_same_bytes_as_a_replay() {
    let mut crowd = known(true);
    assert_eq!(judge(&mut crowd, &replay(&receipt(1))), Verdict::Right);
    assert!(is_wrong(&judge(&mut crowd, &replay(&receipt(2)))), "another entry");
    assert!(is_wrong(&judge(&mut crowd, &replay(&format!("{} ", receipt(1))))), "a byte more");
    assert!(is_wrong(&judge(&mut crowd, &answer(201, &receipt(1)))), "not said to be a replay");
    assert!(is_wrong(&judge(&mut crowd, &answer(409, "{}"))));
    assert_eq!(judge(&mut crowd, &later(503, "{}")), Verdict::Refused);
    assert!(is_wrong(&judge(&mut crowd, &answer(503, "{}"))), "no Retry-After");
    assert_eq!(crowd.ledger.acknowledged.len(), 1);
}

#[test]
fn a_retry_sends_the_bytes_of_the_first_time_and_counts() {
    let mut crowd = crowd("retry=1", false);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let job = crowd.next(&mut first).unwrap();
    crowd.judge(job, &answer(201, &receipt(1)));
    crowd.next(&mut second).unwrap();
    let [first, second] = [first, second].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(first.contains("\r\nAttempt: 1\r\n"));
    assert_eq!(first.replace("Attempt: 1", "Attempt: 2"), second);
}

#[test]
fn whoever_is_not_told_is_unknown_and_whoever_is_refused_is_not() {
    let mut crowd = crowd("new=1", true);
    let overloaded = "{\"type\":\"/problems/overloaded\"}";
    assert_eq!(judge(&mut crowd, &later(503, overloaded)), Verdict::Refused);
    assert_eq!(judge(&mut crowd, &later(429, "{}")), Verdict::Refused);
    assert!(crowd.ledger.unknown.is_empty());
    assert_eq!(
        judge(&mut crowd, &later(503, "{\"type\":\"/problems/storage-unavailable\"}")),
        Verdict::Refused
    );
    assert!(is_wrong(&judge(&mut crowd, &answer(500, "{}"))));
    let job = crowd.next(&mut Vec::new()).unwrap();
    crowd.lost(job);
    assert_eq!(crowd.ledger.unknown, [2, 3, 4]);
    assert!(crowd.next(&mut Vec::new()).is_none(), "five tokens are used up");
}

/// Sends one attempt twice; what its answers are worth, and what is known afterwards.
fn duplicate(answers: [&Answer<'_>; 2]) -> ([Verdict; 2], Ledger) {
    let mut crowd = crowd("duplicate=1", false);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let one = crowd.next(&mut first).unwrap();
    assert!(crowd.has_companion());
    let other = crowd.companion(&mut second).unwrap();
    assert!(!crowd.has_companion());
    assert_eq!(first, second);
    assert_eq!(crowd.kind(&other), Kind::Duplicate);
    let verdicts = [crowd.judge(one, answers[0]), crowd.judge(other, answers[1])];
    (verdicts, crowd.finish().0)
}

#[test]
fn copies_of_an_attempt_get_equal_bytes_and_one_of_them_the_original() {
    let (one, two) = (receipt(1), receipt(2));
    let progress = "{\"type\":\"/problems/in-progress\"}";
    let ([first, second], ledger) = duplicate([&replay(&one), &answer(201, &one)]);
    assert_eq!((first, second, ledger.acknowledged.len()), (Verdict::Right, Verdict::Right, 1));
    let ([_, second], ledger) = duplicate([&answer(201, &one), &replay(&two)]);
    assert!(is_wrong(&second));
    assert_eq!(ledger.acknowledged.len(), 1);
    let ([_, second], _) = duplicate([&answer(201, &one), &answer(201, &one)]);
    assert!(is_wrong(&second), "two originals");
    let ([_, second], _) = duplicate([&replay(&one), &replay(&one)]);
    assert!(is_wrong(&second), "no original");
    let ([first, second], _) = duplicate([&later(409, progress), &answer(201, &one)]);
    assert_eq!((first, second), (Verdict::Refused, Verdict::Right));
    let ([first, _], _) = duplicate([&answer(409, progress), &answer(201, &one)]);
    assert!(is_wrong(&first), "no Retry-After");
}

#[test]
fn copies_that_were_told_nothing_leave_an_attempt_unknown() {
    let mut crowd = crowd("duplicate=1", false);
    let one = crowd.next(&mut Vec::new()).unwrap();
    let _never_answered = crowd.companion(&mut Vec::new()).unwrap();
    crowd.lost(one);
    assert_eq!(crowd.finish().0.unknown, [0]);
}

#[test]
fn bad_input_gets_its_own_problem() {
    let mut crowd = crowd("bad=1", false);
    for kind in BadInput::ALL {
        let (status, code) = kind.problem();
        let body = format!("{{\"type\":\"/problems/{code}\"}}");
        let mut sent = Vec::new();
        let job = crowd.next(&mut sent).unwrap();
        assert!(!sent.windows(2).any(|pair| pair == b"!!"), "{kind:?}: a hole was left");
        assert_eq!(crowd.judge(job, &answer(status, &body)), Verdict::Right, "{kind:?}");
        assert!(is_wrong(&kind.judge(&answer(201, &receipt(1)))));
        assert!(is_wrong(&kind.judge(&answer(status, "{\"type\":\"/problems/other\"}"))));
        assert!(is_wrong(&kind.judge(&Answer { is_problem: false, ..answer(status, &body) })));
    }
    assert!(crowd.ledger.acknowledged.is_empty());
}

#[test]
fn threads_take_turns_with_numbers() {
    let mut crowd = crowd(&Mix::only(Kind::New).to_string(), false);
    (crowd.next_person, crowd.stride) = (1, 3);
    for _ in 0..3 {
        judge(&mut crowd, &answer(201, &receipt(1)));
    }
    let people: Vec<u32> =
        crowd.ledger.acknowledged.iter().map(|known: &Acknowledged| known.person).collect();
    assert_eq!(people, [1, 4, 7]);
}

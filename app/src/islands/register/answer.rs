//! What an answer of the server means for the form. Pure, so that it is tested without a browser.

use std::borrow::Cow;

use shared::FieldError;

use crate::models::{Notice, Tone};

/// An HTTP answer, as far as the form looks at it: a receipt, a token, or a problem (RFC 9457).
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// Code of a receipt.
    pub receipt: String,
    /// A page token.
    pub token: String,
    /// When the token ends, milliseconds since 1970.
    pub expires_at: i64,
    /// Type of a problem: a URL.
    pub problem: String,
    /// Title of a problem.
    pub title: String,
    /// What to do about a problem.
    pub detail: String,
    /// To tell the organiser.
    pub request_id: String,
    /// What is wrong with which field.
    pub errors: Vec<FieldError>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The entry is registered: show this receipt.
    Registered(String),
    /// A fresh page token, and when it ends.
    Token(String, i64),
    /// Send the same again, not before so many seconds. The text says why.
    Again(String, Option<u32>),
    /// The token is too old, or not genuine: get another and send the same again.
    RenewToken,
    /// The token belongs to an entry sent before: get another, and ask whether this is another person.
    AskWhether,
    /// Not registered; the entrant has to do something.
    Refused(Option<Notice>, Vec<FieldError>),
}

/// What an answer means; `None` is a request that got no answer at all, or not in time.
pub fn judge(answer: Option<Answer>) -> Verdict {
    let Some(answer) = answer else {
        return Verdict::Again("The connection was interrupted".to_owned(), None);
    };
    if answer.status == 201 && !answer.receipt.is_empty() {
        return Verdict::Registered(answer.receipt);
    }
    if answer.status == 201 && !answer.token.is_empty() {
        return Verdict::Token(answer.token, answer.expires_at);
    }
    let code = answer.problem.rsplit('/').next().unwrap_or_default();
    match (answer.status, code) {
        (403, "token-expired" | "token-invalid") => Verdict::RenewToken,
        (409, "idempotency-key-reused") => Verdict::AskWhether,
        (409, "already-registered") => already_registered(answer.errors),
        (422, _) if !answer.errors.is_empty() => Verdict::Refused(None, answer.errors),
        // A success that cannot be read: the same request gets the same receipt again.
        (201 | 408 | 429 | 500..=599, _) | (409, "in-progress") => {
            let reason = Some(answer.title).filter(|title| !title.is_empty());
            Verdict::Again(reason.unwrap_or_else(|| "The server is busy".to_owned()), answer.retry_after)
        }
        _ => Verdict::Refused(Some(unexpected(answer)), Vec::new()),
    }
}

fn already_registered(mut errors: Vec<FieldError>) -> Verdict {
    let detail = if errors.is_empty() {
        "This email address takes part already. If that was you, the receipt you got then is valid and there is \
         nothing more to do. To register someone else, change the email address. If you have lost your receipt, \
         ask the organiser."
    } else {
        "Another entry uses what is marked below, and only one may. If that was you, the receipt you got then is \
         valid and there is nothing more to do. Otherwise change it and register again."
    };
    for error in &mut errors {
        if error.message.is_empty() {
            error.message = Cow::Borrowed("Another entry in this draw uses this already");
        }
    }
    let title = "Already registered in this draw".to_owned();
    Verdict::Refused(Some(Notice { tone: Tone::Problem, title, detail: detail.to_owned() }), errors)
}

/// The server's own words, and the request id for whom they do not help.
fn unexpected(answer: Answer) -> Notice {
    let Answer { status, mut title, mut detail, request_id, .. } = answer;
    if title.is_empty() {
        title = "Your registration was not accepted".to_owned();
    }
    if detail.is_empty() {
        detail = ["The server answered with status ", &status.to_string(), "."].concat();
    }
    if !request_id.is_empty() {
        detail = [&detail, " Request id: ", &request_id].concat();
    }
    Notice { tone: Tone::Problem, title, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, code: &str) -> Answer {
        Answer { status, problem: format!("/problems/{code}"), retry_after: Some(3), ..Answer::default() }
    }

    fn refused(answer: Answer) -> (Option<Notice>, Vec<FieldError>) {
        match judge(Some(answer)) {
            Verdict::Refused(notice, errors) => (notice, errors),
            other => panic!("{other:?}"),
        }
    }

    fn wrong(field: &'static str) -> FieldError {
        FieldError { field: field.into(), code: "taken".into(), message: "".into() }
    }

    #[test]
    fn a_receipt_ends_it() {
        let answer = Answer { status: 201, receipt: "abc".to_owned(), ..Answer::default() };
        assert_eq!(judge(Some(answer)), Verdict::Registered("abc".to_owned()));
    }

    #[test]
    fn a_success_that_cannot_be_read_is_asked_for_again() {
        let answer = Answer { status: 201, retry_after: Some(3), ..Answer::default() };
        assert!(matches!(judge(Some(answer)), Verdict::Again(_, Some(3))));
    }

    #[test]
    fn what_may_pass_is_tried_again_and_no_earlier_than_asked() {
        assert!(matches!(judge(None), Verdict::Again(_, None)));
        for status in [429, 500, 502, 503, 504] {
            assert!(matches!(judge(Some(problem(status, "any"))), Verdict::Again(_, Some(3))), "{status}");
        }
        let answer = Answer { title: "Still worked on".to_owned(), ..problem(409, "in-progress") };
        assert_eq!(judge(Some(answer)), Verdict::Again("Still worked on".to_owned(), Some(3)));
    }

    #[test]
    fn tokens_are_renewed_and_a_used_one_asks() {
        for code in ["token-expired", "token-invalid"] {
            assert_eq!(judge(Some(problem(403, code))), Verdict::RenewToken);
        }
        assert_eq!(judge(Some(problem(409, "idempotency-key-reused"))), Verdict::AskWhether);
    }

    #[test]
    fn wrong_fields_are_named_without_a_notice() {
        let answer = Answer { errors: vec![wrong("email")], ..problem(422, "validation-failed") };
        let (notice, errors) = refused(answer);
        assert_eq!((notice, errors.len()), (None, 1));
    }

    #[test]
    fn a_taken_phone_number_is_marked_with_words() {
        let (notice, errors) =
            refused(Answer { errors: vec![wrong("phone")], ..problem(409, "already-registered") });
        assert!(notice.is_some_and(|notice| notice.detail.contains("marked below")));
        assert!(!errors[0].message.is_empty());
    }

    #[test]
    fn anything_else_is_shown_with_the_request_id() {
        let answer = Answer {
            title: "The draw is closed".to_owned(),
            detail: "Over.".to_owned(),
            request_id: "r1".to_owned(),
            ..problem(409, "draw-closed")
        };
        let notice = refused(answer).0.expect("a notice");
        assert_eq!(
            (notice.title.as_str(), notice.detail.as_str()),
            ("The draw is closed", "Over. Request id: r1")
        );
        assert!(refused(problem(404, "any")).0.expect("a notice").detail.contains("404"));
    }
}

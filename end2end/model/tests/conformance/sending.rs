//! A press of the button as a server gets it: the token's text, the cookie, the typed form.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use model::reference::values::{Attempt, Flaw, Form, Key};
use server::admission::attempt::Token;
use server::admission::ending::Ending;
use server::admission::remembered::press;
use server::admission::sender::Sender;
use server::admission::{Admission, Submission, Unread};
use server::ambient::{Ambient, Clock as _, ManualClock};
use server::integrators::Credentials;
use server::secrets::Digest;
use server::store::Draw;
use shared::EntryForm;
use shared::integrator::{Registration, Sequence};
use tokio::time::Instant;
use uuid::Uuid;

use crate::ground::Ground;
use crate::transitions::{Named, Press};

/// Longer than any request takes on the slowest machine: no case is about giving up.
const UNTIL: Duration = Duration::from_secs(60);

/// A page that is open in some browser.
#[derive(Clone, Debug)]
pub struct Page {
    number: u32,
    issued_at: i64,
    text: String,
}

impl Page {
    /// Loads it from a server whose clock is ahead by so many milliseconds.
    pub fn load(ground: &Ground, draw: Uuid, number: u32, ahead: i64) -> Self {
        let issued_at = ground.clock.now() + ahead;
        let ambient = Ambient::with_clock(Arc::new(ManualClock::at(issued_at)));
        let (text, _) = Token::issue(&ambient, &ground.keys, draw);
        Self { number, issued_at, text }
    }

    /// The token's text with a character changed.
    fn forged(&self) -> String {
        let (head, tail) = self.text.split_at(20);
        let other = if tail.starts_with('A') { "B" } else { "A" };
        format!("{head}{other}{}", &tail[1..])
    }
}

/// A request, as it is sent and as the reference sees it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// For the reference.
    pub attempt: Attempt,
    key: String,
    sender: Sender,
    registration: Registration,
    /// What it says of itself, which is often a lie.
    is_first: bool,
}

impl Sent {
    /// What becomes of a press, with the pages that are open.
    pub fn new(ground: &Ground, pages: &[Page], press: &Press) -> Self {
        let (key, text, credentials) = match press.named {
            Named::Page(page) => {
                let Page { number, issued_at, text } = pages[page].clone();
                (Key::Page { number, issued_at }, text, Credentials::Anonymous)
            }
            Named::Forged(page) => (Key::NotGenuine, pages[page].forged(), Credentials::Anonymous),
            Named::OfAnotherDraw => {
                let page = Page::load(ground, ground.ambient.new_id(), 0, 0);
                (Key::NotGenuine, page.text, Credentials::Anonymous)
            }
            Named::Integrator { source, key, sequence } => {
                let (api_key, _) = &ground.integrators[usize::from(source)];
                (Key::Integrator { source, key, sequence }, order(key), Credentials::ApiKey(api_key.clone()))
            }
        };
        let sequence =
            key.sequence().and_then(|(_, sequence)| Sequence::parse(&format!("booking-{sequence}")));
        Self {
            attempt: Attempt { key, browser: press.browser, form: press.form },
            key: text,
            sender: Sender {
                address: IpAddr::V4(Ipv4Addr::LOCALHOST),
                cookie: press.browser.map(|browser| [browser; 16]),
                credentials,
                has_turn: false,
            },
            registration: Registration { form: typed(&press.form, press.sloppy), sequence },
            is_first: !press.sloppy,
        }
    }

    /// The same content under another key: the token of a page, or, for an integrator, a key of its own for the
    /// same sequence.
    pub fn under(self, pages: &[Page], named: &Named) -> Self {
        match (*named, self.attempt.key) {
            (Named::Page(page), _) => {
                let Page { number, issued_at, text } = pages[page].clone();
                Self {
                    attempt: Attempt { key: Key::Page { number, issued_at }, ..self.attempt },
                    key: text,
                    sender: Sender { credentials: Credentials::Anonymous, ..self.sender },
                    registration: Registration { sequence: None, ..self.registration },
                    is_first: self.is_first,
                }
            }
            (Named::Integrator { key, .. }, Key::Integrator { source, sequence, .. }) => Self {
                attempt: Attempt { key: Key::Integrator { source, key, sequence }, ..self.attempt },
                key: order(key),
                ..self
            },
            _ => self,
        }
    }

    /// Names what is remembered under its key, when that is genuine by now.
    pub fn claim(&self, ground: &Ground, draw: Uuid) -> Option<Digest> {
        let token = match self.attempt.key {
            Key::Integrator { source, .. } => {
                let (_, integrator) = &ground.integrators[usize::from(source)];
                Token::of_integrator(&self.key, Arc::clone(integrator), &ground.keys, draw)
            }
            Key::Page { .. } | Key::NotGenuine => {
                Token::read(&self.key, &ground.keys, draw, ground.clock.now()).ok()?
            }
        };
        Some(token.claim)
    }

    /// Sends it to a server, which goes by what it knows of the draw.
    pub async fn submit(self, server: Arc<Admission>, draw: Arc<Draw>) -> Ending {
        let Self { key, sender, registration, is_first, .. } = self;
        let until = Instant::now() + UNTIL;
        // As a server does: what it has told its receipt before, it knows by key and bytes.
        let is_anonymous = sender.credentials == Credentials::Anonymous;
        let press = is_anonymous.then(|| press(format!("{:?}", registration.form).as_bytes()));
        if let Some(press) = &press
            && let Unread::Ended(ending) =
                server.admit_unread(&draw, &key, press, sender.address, is_first).await
        {
            return ending;
        }
        let body = async move { Ok(server::admission::Sent { registration, press }) };
        server.admit(Submission { draw, sender, key: Ok(key), body, is_first, until }).await
    }
}

/// The text of an integrator's key, the same for either: scopes keep them apart.
fn order(key: u8) -> String {
    format!("order-000000000{key}")
}

/// A form as somebody types it.
fn typed(form: &Form, sloppy: bool) -> EntryForm {
    let Form { payload, flaw } = form;
    let text = |neat: String, sloppily: String| if sloppy { sloppily } else { neat };
    let person = payload.person;
    let email = match flaw {
        Some(Flaw::NoEmail) => format!("person{person}"),
        _ => text(format!("person{person}@example.org"), format!("  Person{person}@Example.ORG ")),
    };
    let phone = match (flaw, payload.phone) {
        (Some(Flaw::NoPhoneNumber), _) => "12".to_owned(),
        (_, Some(number)) => text(format!("+4416329609{number:02}"), format!("+44 (1632) 96-09-{number:02}")),
        (_, None) => String::new(),
    };
    let postcode = text("AB1 2CD".to_owned(), " ab1 2cd".to_owned());
    EntryForm {
        full_name: text(format!("Name {}", payload.name), format!(" Name {} ", payload.name)),
        email,
        phone,
        postcode: if payload.has_postcode { postcode } else { String::new() },
        category: if payload.member.is_some() { "member" } else { "general" }.to_owned(),
        member_id: payload
            .member
            .map(|number| text(format!("M{number}"), format!("m{number}")))
            .unwrap_or_default(),
        accept_terms: *flaw != Some(Flaw::TermsRefused),
        ..EntryForm::default()
    }
}

//! What pages show. The server fills these values; a page is a pure function of one of them.
//!
//! Nothing here is looked up while rendering, so a page needs no database, no clock and no context.

use serde::{Deserialize, Serialize};
use shared::{DrawRules, EntryForm, FieldError, Phase};

/// An instant, as people and machines read it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct When {
    /// Milliseconds since 1970, UTC.
    pub ms: i64,
    /// RFC 3339, for `<time datetime>`.
    pub iso: String,
    /// In the draw's time zone, with its abbreviation: "Monday 1 June 2026, 10:00 BST".
    pub text: String,
}

/// One draw in the list of draws.
#[derive(Clone, Debug)]
pub struct DrawCard {
    /// Address below `/draws/`.
    pub slug: String,
    /// Title.
    pub title: String,
    /// Description, whole.
    pub description: String,
    /// State as seen now.
    pub phase: Phase,
    /// Opening instant.
    pub opens: When,
    /// Closing instant.
    pub closes: When,
}

/// One draw, as its page shows it.
#[derive(Clone, Debug)]
pub struct DrawView {
    /// Address below `/draws/`.
    pub slug: String,
    /// Title.
    pub title: String,
    /// Paragraphs are separated by empty lines.
    pub description: String,
    /// State as seen now.
    pub phase: Phase,
    /// Whether the draw has a capacity and it is reached.
    pub is_full: bool,
    /// Entries accepted before the draw is full; `None` means that it cannot be full, and that being early
    /// brings nothing.
    pub capacity: Option<u32>,
    /// Opening instant.
    pub opens: When,
    /// Closing instant.
    pub closes: When,
    /// When winners are drawn.
    pub draws: Option<When>,
    /// Terms to accept.
    pub terms_url: Option<String>,
    /// Privacy notice.
    pub privacy_url: Option<String>,
    /// Whom to ask: an email address or a URL.
    pub contact: Option<String>,
    /// What is asked.
    pub rules: DrawRules,
    /// The server's clock, milliseconds since 1970.
    pub server_time: i64,
}

/// Everything the form island needs; travels to the browser as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormView {
    /// The draw's slug.
    pub slug: String,
    /// What is asked.
    pub rules: DrawRules,
    /// Today in the draw's time zone, `YYYY-MM-DD`.
    pub today: String,
    /// The closing date in the draw's time zone, `YYYY-MM-DD`.
    pub closing_date: String,
    /// Whether the draw has a capacity.
    pub capped: bool,
    /// The page token.
    pub token: String,
    /// When the token ends, milliseconds since 1970.
    pub token_expires_at: i64,
    /// The server's clock when the page was made, milliseconds since 1970.
    pub server_time: i64,
    /// Terms to accept.
    pub terms_url: Option<String>,
    /// Privacy notice.
    pub privacy_url: Option<String>,
    /// What was typed before, where the form comes back without JavaScript.
    pub values: FormValues,
    /// What is wrong with it.
    pub errors: Vec<FieldError>,
    /// Anything else there is to say above the form.
    pub notice: Option<Notice>,
}

/// The form's texts exactly as typed, so that nothing is lost however wrong it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FormValues {
    /// Text as typed.
    pub full_name: String,
    /// Text as typed.
    pub email: String,
    /// Text as typed.
    pub phone: String,
    /// Text as typed.
    pub date_of_birth: String,
    /// Text as typed.
    pub country: String,
    /// Text as typed.
    pub postcode: String,
    /// Id of the chosen category.
    pub category: String,
    /// Id of the chosen session.
    pub session: String,
    /// Text as typed.
    pub party_size: String,
    /// Text as typed.
    pub guardian_name: String,
    /// Text as typed.
    pub member_id: String,
    /// Whether the box is ticked.
    pub accept_terms: bool,
}

impl FormValues {
    /// Takes each field's text from `typed`, by the field's name. The box counts as ticked when it has any.
    pub fn collect(typed: impl Fn(&str) -> String) -> Self {
        Self {
            full_name: typed("full_name"),
            email: typed("email"),
            phone: typed("phone"),
            date_of_birth: typed("date_of_birth"),
            country: typed("country"),
            postcode: typed("postcode"),
            category: typed("category"),
            session: typed("session"),
            party_size: typed("party_size"),
            guardian_name: typed("guardian_name"),
            member_id: typed("member_id"),
            accept_terms: !typed("accept_terms").is_empty(),
        }
    }

    /// The text of the field of that name, the opposite of [`FormValues::collect`].
    pub fn text(&self, field: &str) -> &str {
        match field {
            "full_name" => &self.full_name,
            "email" => &self.email,
            "phone" => &self.phone,
            "date_of_birth" => &self.date_of_birth,
            "country" => &self.country,
            "postcode" => &self.postcode,
            "category" => &self.category,
            "session" => &self.session,
            "party_size" => &self.party_size,
            "guardian_name" => &self.guardian_name,
            "member_id" => &self.member_id,
            "accept_terms" if self.accept_terms => "true",
            _ => "",
        }
    }

    /// What is sent: the texts as typed. A party size that is no number becomes one that no draw takes, so
    /// that the rules complain about it instead of not seeing it.
    pub fn to_entry_form(&self) -> EntryForm {
        let party = self.party_size.trim();
        EntryForm {
            full_name: self.full_name.clone(),
            email: self.email.clone(),
            phone: self.phone.clone(),
            date_of_birth: self.date_of_birth.clone(),
            country: self.country.clone(),
            postcode: self.postcode.clone(),
            category: self.category.clone(),
            session: self.session.clone(),
            party_size: (!party.is_empty()).then(|| party.parse().unwrap_or(-1)),
            guardian_name: self.guardian_name.clone(),
            member_id: self.member_id.clone(),
            accept_terms: self.accept_terms,
        }
    }
}

/// A problem or a piece of news above a page's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// How it looks.
    pub tone: Tone,
    /// One line.
    pub title: String,
    /// One or two sentences.
    pub detail: String,
}

/// How a notice looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tone {
    /// News.
    #[default]
    Info,
    /// It worked.
    Success,
    /// Something needs attention.
    Problem,
}

/// What a receipt is now worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptState {
    /// The entry takes part.
    Registered,
    /// The entrant withdrew.
    Withdrawn,
    /// An organiser removed the entry.
    Removed,
}

/// One receipt, with personal data masked: whoever has the link sees the page.
#[derive(Clone, Debug)]
pub struct ReceiptView {
    /// The code, which is the key to this page.
    pub code: String,
    /// What it is worth now.
    pub state: ReceiptState,
    /// When the entry was registered.
    pub registered: When,
    /// Masked: "A. L."; absent once withdrawn.
    pub name: Option<String>,
    /// Masked: "a••@e••.org"; absent once withdrawn.
    pub email: Option<String>,
    /// Label of the category.
    pub category: Option<String>,
    /// Label of the session.
    pub session: Option<String>,
    /// How many people; absent once withdrawn.
    pub party_size: Option<u32>,
    /// Title of the draw.
    pub draw_title: String,
    /// Slug of the draw.
    pub draw_slug: String,
    /// State of the draw as seen now.
    pub draw_phase: Phase,
    /// When the draw closes.
    pub closes: When,
    /// When winners are drawn; a calendar file is offered at `/receipts/{code}/calendar.ics`.
    pub draws: Option<When>,
    /// Whom to ask.
    pub contact: Option<String>,
    /// Whether withdrawing is still possible.
    pub can_withdraw: bool,
    /// News about an action just taken.
    pub notice: Option<Notice>,
}

/// A page for one problem type, or for a failed request.
#[derive(Clone, Debug)]
pub struct ProblemView {
    /// HTTP status.
    pub status: u16,
    /// Stable code.
    pub code: String,
    /// One line.
    pub title: String,
    /// What to do.
    pub detail: String,
    /// To tell the organiser; absent on the pages that explain a problem type.
    pub request_id: Option<String>,
    /// Seconds after which trying again makes sense.
    pub retry_after: Option<u32>,
}

/// What surrounds every page.
#[derive(Clone, Debug, Default)]
pub struct Chrome {
    /// Nonce of the Content-Security-Policy for this response.
    pub nonce: String,
    /// Addresses of the assets.
    pub assets: Assets,
    /// Who is signed in, on organisers' pages.
    pub organiser: Option<OrganiserView>,
}

/// Addresses of the assets, named by content hash.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Assets {
    /// Stylesheet of every page.
    pub css: String,
    /// Stylesheet of organisers' pages beside it.
    pub admin_css: String,
    /// wasm-bindgen's module.
    pub js: String,
    /// WebAssembly.
    pub wasm: String,
    /// The module that starts the islands.
    pub boot: String,
    /// Icon.
    pub icon: String,
}

/// Who is signed in.
#[derive(Clone, Debug, Default)]
pub struct OrganiserView {
    /// Sign-in name.
    pub email: String,
    /// Token every form of theirs carries in a hidden field `csrf`.
    pub csrf: String,
}

//! What organisers' pages show. The server fills these values; numbers and times are texts already where
//! nothing is computed from them.

pub mod edit;

use shared::{Action, DrawRules, Phase};

use crate::models::{Notice, When};

/// The sign-in page.
#[derive(Clone, Debug, Default)]
pub struct SignInView {
    /// Where to go afterwards: a path below `/admin`.
    pub next: String,
    /// Address as typed before.
    pub email: String,
    /// Why it did not work.
    pub notice: Option<Notice>,
}

/// All draws at a glance.
#[derive(Clone, Debug, Default)]
pub struct OverviewView {
    /// In the order shown.
    pub draws: Vec<DrawTile>,
    /// When the counts were read: "12:04:31 UTC".
    pub read_at: String,
}

/// One draw at a glance.
#[derive(Clone, Debug)]
pub struct DrawTile {
    /// What names it.
    pub draw: DrawRef,
    /// Opening instant.
    pub opens: When,
    /// Closing instant.
    pub closes: When,
    /// Its counts.
    pub live: LiveView,
}

/// What names a draw on organisers' pages.
#[derive(Clone, Debug)]
pub struct DrawRef {
    /// Address below `/admin/draws/`.
    pub slug: String,
    /// Title.
    pub title: String,
    /// State as seen now.
    pub phase: Phase,
    /// Whether it has a capacity and has reached it.
    pub is_full: bool,
}

/// Counts of a draw that change while one looks.
#[derive(Clone, Debug, Default)]
pub struct LiveView {
    /// The draw's slug.
    pub slug: String,
    /// Live entries.
    pub taken: i64,
    /// Entries accepted before the draw is full.
    pub capacity: Option<u32>,
    /// Entries of the last 60 minutes, or that there are more than are counted.
    pub last_hour: String,
    /// Entries of the last 60 seconds, alike.
    pub last_minute: String,
    /// What each layer caught, outermost layer first; the layers do not change while one looks.
    pub caught: Vec<CaughtView>,
}

/// What one layer caught.
#[derive(Clone, Debug)]
pub struct CaughtView {
    /// Layer's name.
    pub layer: String,
    /// In the clock hour that has begun.
    pub this_hour: i64,
    /// In the last 24 hours.
    pub last_day: i64,
}

impl LiveView {
    /// Every text of this view that changes, under the name by which [`crate::islands::live::Live`] finds
    /// its place in the page.
    pub fn texts(&self) -> Vec<(String, String)> {
        let mut texts = vec![
            self.text("taken", self.taken),
            (self.name("hour"), self.last_hour.clone()),
            (self.name("minute"), self.last_minute.clone()),
            self.text("caught", self.caught_this_hour()),
        ];
        for caught in &self.caught {
            texts.push(self.text(&format!("{}-hour", caught.layer), caught.this_hour));
            texts.push(self.text(&format!("{}-day", caught.layer), caught.last_day));
        }
        if self.capacity.is_some() {
            texts.push((self.name("bar"), self.taken.to_string()));
        }
        texts
    }

    /// What all layers caught in the clock hour that has begun.
    pub fn caught_this_hour(&self) -> i64 {
        self.caught.iter().map(|caught| caught.this_hour).sum()
    }

    fn text(&self, what: &str, number: i64) -> (String, String) {
        (self.name(what), grouped(number))
    }

    /// The name of one changing text.
    pub fn name(&self, what: &str) -> String {
        format!("{}/{what}", self.slug)
    }
}

/// A number with its thousands apart: "12,345".
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// One draw with all there is to know and do.
#[derive(Clone, Debug)]
pub struct DrawPage {
    /// What names it.
    pub draw: DrawRef,
    /// Its counts.
    pub live: LiveView,
    /// What each layer caught, hour by hour.
    pub hours: Vec<HourView>,
    /// Name and text of what was decided about it.
    pub facts: Vec<(&'static str, String)>,
    /// What is asked of entrants.
    pub rules: DrawRules,
    /// What may be done now, in the order shown.
    pub actions: Vec<Action>,
    /// News of what was just done.
    pub notice: Option<Notice>,
}

/// What was caught in one hour.
#[derive(Clone, Debug)]
pub struct HourView {
    /// When it began: "10:00 BST".
    pub hour: String,
    /// One number a layer, in the order of [`LiveView::caught`].
    pub counts: Vec<i64>,
}

/// Asks whether a change of state is meant.
#[derive(Clone, Debug)]
pub struct ChangeView {
    /// What names the draw.
    pub draw: DrawRef,
    /// The change.
    pub action: Action,
    /// Live entries.
    pub taken: i64,
}

/// A draw's entries, one page of them.
#[derive(Clone, Debug)]
pub struct EntriesView {
    /// What names the draw.
    pub draw: DrawRef,
    /// What was asked for.
    pub query: EntriesQuery,
    /// Ids and labels of the draw's categories.
    pub categories: Vec<(String, String)>,
    /// Ids and labels of the draw's sessions.
    pub sessions: Vec<(String, String)>,
    /// What is listed, in words: "Entries whose name begins with "ada"".
    pub heading: String,
    /// The rows.
    pub rows: Vec<EntryLineView>,
    /// Addresses of the pages around.
    pub pager: PagerView,
    /// Live entries of the draw.
    pub taken: i64,
}

/// What an organiser asked a list of entries for; texts as in the address.
#[derive(Clone, Debug, Default)]
pub struct EntriesQuery {
    /// What was searched for.
    pub search: String,
    /// `registered`, `withdrawn` or `removed`.
    pub state: String,
    /// Id of a category; empty for all.
    pub category: String,
    /// Id of a session; empty for all.
    pub session: String,
    /// `newest`, `oldest` or `name`.
    pub sort: String,
}

impl EntriesQuery {
    /// Whether anything narrows the list.
    pub fn is_narrowed(&self) -> bool {
        let given = [&self.search, &self.category, &self.session];
        given.iter().any(|text| !text.is_empty()) || self.state != "registered"
    }
}

/// Addresses of the pages around a page.
#[derive(Clone, Debug, Default)]
pub struct PagerView {
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
}

/// One entry in a list.
#[derive(Clone, Debug)]
pub struct EntryLineView {
    /// Address of its page.
    pub href: String,
    /// Name; absent once ended.
    pub name: Option<String>,
    /// Email address; absent once ended.
    pub email: Option<String>,
    /// Label of the category.
    pub category: Option<String>,
    /// Label of the session.
    pub session: Option<String>,
    /// How many people; absent once ended.
    pub party_size: Option<u32>,
    /// When it was registered.
    pub registered: When,
    /// Retries that were caught; absent once ended.
    pub retries: Option<i64>,
    /// `registered`, `withdrawn` or `removed`.
    pub state: &'static str,
}

/// One entry with all that is known of it.
#[derive(Clone, Debug)]
pub struct EntryPage {
    /// What names the draw.
    pub draw: DrawRef,
    /// Address of this page.
    pub href: String,
    /// The name, or what stands for it once it is gone.
    pub title: String,
    /// `registered`, `withdrawn` or `removed`.
    pub state: &'static str,
    /// Name and text of what was typed.
    pub fields: Vec<(&'static str, String)>,
    /// Name and text of how it came in, and what became of it.
    pub history: Vec<(&'static str, String)>,
    /// Whether it can be removed.
    pub can_remove: bool,
    /// News of what was just done.
    pub notice: Option<Notice>,
}

/// Asks whether, and why, an entry is to be removed.
#[derive(Clone, Debug)]
pub struct RemoveView {
    /// What names the draw.
    pub draw: DrawRef,
    /// Address of the entry's page.
    pub href: String,
    /// The entrant's name.
    pub name: String,
    /// Reason as typed before.
    pub reason: String,
    /// What is wrong with it.
    pub error: Option<String>,
}

/// One page of the audit list.
#[derive(Clone, Debug, Default)]
pub struct AuditView {
    /// The rows, latest first.
    pub rows: Vec<AuditLineView>,
    /// Addresses of the pages around.
    pub pager: PagerView,
}

/// Something that somebody did.
#[derive(Clone, Debug)]
pub struct AuditLineView {
    /// When.
    pub at: When,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// Slug of the draw.
    pub draw: Option<String>,
    /// To what, where it is not the draw itself.
    pub subject: Option<String>,
    /// More about it.
    pub detail: Option<String>,
}

/// The page for another password.
#[derive(Clone, Debug, Default)]
pub struct PasswordView {
    /// What is wrong with the present password.
    pub current: Option<String>,
    /// What is wrong with the new one.
    pub new: Option<String>,
    /// What is wrong with its repetition.
    pub repeated: Option<String>,
    /// News.
    pub notice: Option<Notice>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        assert_eq!(
            [0, 999, 1000, 12_345, 1_234_567, -1000].map(grouped),
            ["0", "999", "1,000", "12,345", "1,234,567", "-1,000"]
        );
    }

    #[test]
    fn every_changing_text_has_a_name_of_its_own() {
        let caught = ["memory", "cache"].map(|layer| CaughtView {
            layer: layer.to_owned(),
            this_hour: 1,
            last_day: 2,
        });
        let live = LiveView {
            slug: "a".to_owned(),
            capacity: Some(9),
            caught: caught.into(),
            ..LiveView::default()
        };
        let mut names: Vec<String> = live.texts().into_iter().map(|(name, _)| name).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!((names.len(), all), (9, 9));
    }
}

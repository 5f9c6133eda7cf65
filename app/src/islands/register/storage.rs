//! What survives a reload, in this tab's session storage. A storage that fails only means that a reload
//! starts over.

use shared::entry::FIELDS;
use web_sys::Storage;

use crate::islands::json::Json;
use crate::models::FormValues;

/// An unfinished registration.
#[derive(Clone, Debug)]
pub struct Saved {
    /// What was typed.
    pub values: FormValues,
    /// The page token it is, or will be, sent with.
    pub token: String,
    /// When the token ends, milliseconds since 1970.
    pub expires_at: i64,
    /// Whether it was being sent, so that it may be registered already.
    pub is_sending: bool,
    /// Requests made for it so far.
    pub requests: u32,
}

fn storage() -> Option<Storage> {
    web_sys::window()?.session_storage().ok()?
}

fn key(slug: &str) -> String {
    ["drawbridge:", slug].concat()
}

fn sent_key(slug: &str) -> String {
    ["drawbridge:", slug, ":sent"].concat()
}

/// The unfinished registration in this draw.
pub fn load(slug: &str) -> Option<Saved> {
    let text = storage()?.get_item(&key(slug)).ok()??;
    let json = Json::parse(&text);
    let typed = json.member("values");
    Some(Saved {
        values: FormValues::collect(|field| typed.text(field)),
        token: json.given("token")?,
        expires_at: json.number("expires_at"),
        is_sending: json.flag("sending"),
        requests: u32::try_from(json.number("requests")).unwrap_or_default(),
    })
}

/// Keeps an unfinished registration.
pub fn save(slug: &str, saved: &Saved) {
    let typed = Json::object();
    for field in FIELDS {
        typed.put(field, saved.values.text(field));
    }
    let json = Json::object();
    json.put("values", typed.into_value());
    json.put("token", saved.token.as_str());
    json.put("expires_at", saved.expires_at as f64);
    json.put("sending", saved.is_sending);
    json.put("requests", saved.requests);
    if let Some(storage) = storage() {
        // Full or forbidden: then nothing survives a reload, and all else works.
        let _ = storage.set_item(&key(slug), &json.to_text());
    }
}

/// Forgets the registration, which is finished. All that stays is that there was one: no name, no token.
pub fn finish(slug: &str) {
    if let Some(storage) = storage() {
        let _ = storage.remove_item(&key(slug));
        let _ = storage.set_item(&sent_key(slug), "1");
    }
}

/// Whether a registration in this draw was finished in this tab.
pub fn was_finished(slug: &str) -> bool {
    storage().is_some_and(|storage| matches!(storage.get_item(&sent_key(slug)), Ok(Some(_))))
}

//! The targets. Each file says what comes from outside there, and its function what must hold.

pub mod api_key;
pub mod cached_value;
pub mod client_address;
pub mod cookie;
pub mod draws_file;
pub mod edit_form;
pub mod form_body;
pub mod json_body;
pub mod key_header;
pub mod redis_reply;
pub mod settings;
pub mod token;
pub mod url;

/// One parser.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As in `FUZZ_TARGET`, and of its folder in `corpus`.
    pub name: &'static str,
    /// Panics when a promise is broken.
    pub run: fn(&[u8]),
}

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// Every target.
pub const ALL: [Target; 13] = [
    target("token", token::run),
    target("key_header", key_header::run),
    target("json_body", json_body::run),
    target("form_body", form_body::run),
    target("cached_value", cached_value::run),
    target("redis_reply", redis_reply::run),
    target("draws_file", draws_file::run),
    target("edit_form", edit_form::run),
    target("cookie", cookie::run),
    target("api_key", api_key::run),
    target("client_address", client_address::run),
    target("settings", settings::run),
    target("url", url::run),
];

//! What may stand in a line of text that a person typed.

/// Trimmed and in Unicode's composed form (NFC), so that two ways of typing `é` are one text.
pub fn tidy(text: &str) -> String {
    let text = text.trim();
    if text.is_ascii() {
        return text.to_owned();
    }
    compose(text).trim().to_owned()
}

/// The composed form (NFC).
#[cfg(not(target_arch = "wasm32"))]
fn compose(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    text.nfc().collect()
}

/// The composed form (NFC), by the browser's own tables, or node's: ours would be 49 KB of what every page
/// loads. Unicode promises that what is assigned keeps its form, so both sides agree.
#[cfg(target_arch = "wasm32")]
fn compose(text: &str) -> String {
    js_sys::JsString::from(text).normalize("NFC").into()
}

/// Lowercase, by Unicode's full mapping.
#[cfg(not(target_arch = "wasm32"))]
pub fn lowercase(text: &str) -> String {
    text.to_lowercase()
}

/// Lowercase, by Unicode's full mapping, which is the browser's as well (ECMA-262, toLowerCase).
#[cfg(target_arch = "wasm32")]
pub fn lowercase(text: &str) -> String {
    js_sys::JsString::from(text).to_lower_case().into()
}

/// Whether a character steers the display instead of being shown: a control, a line or paragraph
/// separator, or one of the bidirectional overrides and isolates with which text can be made to read as
/// another text ("Trojan Source", CVE-2021-42574).
pub fn steers_display(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character has no shape of its own: joiners, zero-width spaces, marks of direction, fillers.
/// Some are needed inside words (Persian, Hindi), so names may hold them; a text of nothing else is empty.
pub fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{00AD}'
                | '\u{034F}'
                | '\u{061C}'
                | '\u{115F}'
                | '\u{1160}'
                | '\u{17B4}'
                | '\u{17B5}'
                | '\u{180B}'..='\u{180F}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2060}'..='\u{206F}'
                | '\u{3164}'
                | '\u{FE00}'..='\u{FE0F}'
                | '\u{FEFF}'
                | '\u{FFA0}'
                | '\u{E0000}'..='\u{E0FFF}'
        )
}

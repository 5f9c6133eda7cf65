//! Canonical email addresses and phone numbers: when two typed ones are the same.

use crate::{limits, text};

/// Why an email address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailFault {
    /// Not of the form `name@domain`.
    Shape,
    /// Longer than [`limits::EMAIL_BYTES`], or its local part than [`limits::EMAIL_LOCAL_BYTES`].
    TooLong,
    /// The domain has letters beyond ASCII and must be typed in its `xn--` form. Converting it here would
    /// put IDNA's tables into every page.
    UnicodeDomain,
}

/// An email address that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// As typed, trimmed and in NFC: for display and for mail.
    pub typed: String,
    /// The form that names the person: see [`Email::parse`].
    pub canonical: String,
}

impl Email {
    /// Reads an email address.
    ///
    /// Canonical is lowercase; `googlemail.com` is `gmail.com`, and there, and only there, dots and
    /// `+tag` are dropped, because that provider documents that it ignores them.
    ///
    /// # Errors
    /// [`EmailFault`], which names what is wrong.
    pub fn parse(typed: &str) -> Result<Self, EmailFault> {
        let typed = text::tidy(typed);
        if typed.len() > limits::EMAIL_BYTES {
            return Err(EmailFault::TooLong);
        }
        let (local, domain) = typed.split_once('@').ok_or(EmailFault::Shape)?;
        check_parts(local, domain)?;
        let canonical = canonical(local, domain)?;
        Ok(Self { typed, canonical })
    }
}

fn check_parts(local: &str, domain: &str) -> Result<(), EmailFault> {
    let forbidden = |c: char| c == '"' || c == '@' || text::steers_display(c) || text::is_invisible(c);
    if local.is_empty() || local.contains(forbidden) || domain.contains(forbidden) {
        return Err(EmailFault::Shape);
    }
    if local.len() > limits::EMAIL_LOCAL_BYTES {
        return Err(EmailFault::TooLong);
    }
    if !domain.is_ascii() {
        return Err(EmailFault::UnicodeDomain);
    }
    if !domain.contains('.') || !domain.split('.').all(is_label) {
        return Err(EmailFault::Shape);
    }
    Ok(())
}

fn is_label(label: &str) -> bool {
    (1..=limits::DOMAIN_LABEL_BYTES).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn canonical(local: &str, domain: &str) -> Result<String, EmailFault> {
    // NFC once more: lowercasing can leave a letter beside a mark that together have a composed form.
    let mut local = text::tidy(&text::lowercase(local));
    let mut domain = domain.to_ascii_lowercase();
    if domain == "gmail.com" || domain == "googlemail.com" {
        domain.replace_range(.., "gmail.com");
        let untagged = local.split_once('+').map_or(local.as_str(), |(name, _tag)| name);
        // A dropped dot can leave a mark beside the letter it composes with.
        local = text::tidy(&untagged.replace('.', ""));
        if local.is_empty() {
            return Err(EmailFault::Shape);
        }
    }
    let canonical = format!("{local}@{domain}");
    // A few letters take more bytes in lowercase. The database holds the canonical form to the same limits.
    if canonical.len() > limits::EMAIL_BYTES || local.len() > limits::EMAIL_LOCAL_BYTES {
        return Err(EmailFault::TooLong);
    }
    Ok(canonical)
}

/// The E.164 form of a phone number: `+` and 8 to 15 digits, the first not zero. Spaces, dots, dashes and
/// brackets are dropped. `None` when what is left is anything else.
pub fn phone(typed: &str) -> Option<String> {
    let kept: String = typed.trim().chars().filter(|&c| !is_phone_filler(c)).collect();
    let digits = kept.strip_prefix('+')?;
    let length = limits::PHONE_DIGITS_MIN..=limits::PHONE_DIGITS_MAX;
    (length.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0'))
        .then_some(kept)
}

fn is_phone_filler(c: char) -> bool {
    matches!(c, ' ' | '\u{A0}' | '\u{2009}' | '\u{202F}' | '.' | '-' | '(' | ')' | '[' | ']')
        || matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}')
}

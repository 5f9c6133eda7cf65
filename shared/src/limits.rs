//! Every maximum, one constant each, with the reason where it is not plain.

/// Characters of a name, after NFC and trimming.
pub const NAME_CHARS: usize = 100;
/// Bytes of an email address: the longest path SMTP carries, less its brackets (RFC 5321, erratum 1690).
pub const EMAIL_BYTES: usize = 254;
/// Bytes of an email address before the `@` (RFC 5321, 4.5.3.1.1).
pub const EMAIL_LOCAL_BYTES: usize = 64;
/// Bytes of one label of a domain (RFC 1035, 2.3.4).
pub const DOMAIN_LABEL_BYTES: usize = 63;
/// Fewest digits of a phone number with its country code.
pub const PHONE_DIGITS_MIN: usize = 8;
/// Most digits of a phone number with its country code (ITU-T E.164).
pub const PHONE_DIGITS_MAX: usize = 15;
/// Oldest age, in years, that a date of birth may give.
pub const AGE_MAX: i16 = 120;
/// Age, in years, below which a guardian has to be named.
pub const ADULT_AGE: i16 = 18;
/// Fewest characters of a postcode.
pub const POSTCODE_CHARS_MIN: usize = 2;
/// Most characters of a postcode.
pub const POSTCODE_CHARS_MAX: usize = 12;
/// Most people one entry may stand for, in any category.
pub const PARTY_MAX: u32 = 100;
/// Bytes of one request body to register, JSON or form.
pub const BODY_BYTES: usize = 16 * 1024;
/// Fewest characters of an idempotency key.
pub const KEY_CHARS_MIN: usize = 16;
/// Most characters of an idempotency key.
pub const KEY_CHARS_MAX: usize = 255;
/// Most characters of an integrator's sequence.
pub const SEQUENCE_CHARS: usize = 64;
/// Largest number that is a sequence: above it JSON's readers no longer agree on integers (RFC 8259, 6).
pub const SEQUENCE_NUMBER_MAX: u64 = (1 << 53) - 1;
/// Most characters of an integrator's name.
pub const SOURCE_CHARS: usize = 64;
/// Milliseconds a page token lives.
pub const TOKEN_LIFE_MS: i64 = 24 * 60 * 60 * 1000;
/// Milliseconds after its life in which a page token is not refused yet: an attempt that came in time may still be
/// on its way into the database, or be in doubt there, and must not be told that it is refused. Longer than all the
/// rounds and repetitions of one write together.
pub const TOKEN_SETTLES_MS: i64 = 2 * 60 * 1000;
/// Milliseconds by which a page token may seem to come from the future (clocks differ).
pub const TOKEN_SKEW_MS: i64 = 120 * 1000;
/// Characters of a draw's slug.
pub const SLUG_CHARS: usize = 64;
/// Characters of a draw's title, of a category's or session's label.
pub const TITLE_CHARS: usize = 120;
/// Characters of a draw's description.
pub const DESCRIPTION_CHARS: usize = 4000;
/// Categories, and sessions, of one draw.
pub const CHOICES: usize = 50;
/// Characters of a membership number's pattern.
pub const MEMBER_PATTERN_CHARS: usize = 40;
/// Characters of the reason an organiser gives for removing an entry.
pub const REASON_CHARS: usize = 500;
/// Fewest characters of an organiser's password.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Most bytes of an organiser's password: bounds the work of hashing.
pub const PASSWORD_BYTES_MAX: usize = 1024;

//! What may be typed into a field: at the edges of its rules, on either side.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::generators::{any_text, likely_email, likely_phone, likely_postcode};

/// A field with something to type into it.
pub(super) fn slip(field: &'static str) -> BoxedStrategy<(&'static str, Value)> {
    let text = match field {
        "full_name" | "guardian_name" => name().boxed(),
        "email" => prop_oneof![4 => email(), 1 => likely_email()].boxed(),
        "phone" => prop_oneof![3 => phone(), 1 => likely_phone()].boxed(),
        "date_of_birth" => date().boxed(),
        "country" => country().boxed(),
        "postcode" => prop_oneof![3 => postcode(), 1 => likely_postcode()].boxed(),
        "category" | "session" => id().boxed(),
        "member_id" => member_id().boxed(),
        "party_size" => return party_size().prop_map(move |size| (field, json!(size))).boxed(),
        _ => return any::<bool>().prop_map(move |accepted| (field, json!(accepted))).boxed(),
    };
    // Character 0 ends a text for some functions of some layers, and what stands before it may be right.
    let cut = text.clone().prop_map(|text| text + "\0");
    prop_oneof![20 => text, 2 => cut, 1 => any_text(), 1 => Just(String::new()), 1 => space()]
        .prop_map(move |text| (field, json!(text)))
        .boxed()
}

/// First and last of each kind of character that a rule knows: controls, separators and what steers bidirectional
/// text; spaces; what has no shape.
const RANGES: &[(u32, u32)] = &[
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0x2028, 0x2029),
    (0x202A, 0x202E),
    (0x2066, 0x2069),
    (0x20, 0x20),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xE0000, 0xE0FFF),
];
/// Where spaces begin and end in [`RANGES`].
const SPACES: std::ops::Range<usize> = 5..12;

/// A character of some kind, or one beside them: where ranges end is where two layers may differ.
fn special() -> impl Strategy<Value = String> {
    let near = |(first, last): (u32, u32)| {
        prop_oneof![
            4 => first..=last,
            1 => Just(first),
            1 => Just(last),
            1 => Just(first.saturating_sub(1)),
            1 => Just(last + 1),
        ]
    };
    let odd = select(&["\0", "\"", "@", "'", "\u{301}", "\u{FFFD}", "\u{10FFFF}", "]", "^", "\\", "*"][..]);
    prop_oneof![
        4 => select(RANGES).prop_flat_map(near).prop_filter_map("no character", char::from_u32)
            .prop_map(String::from),
        2 => odd.prop_map(str::to_owned),
    ]
}

fn space() -> impl Strategy<Value = String> {
    select(&RANGES[SPACES])
        .prop_flat_map(|(first, last)| first..=last)
        .prop_filter_map("no character", |code| char::from_u32(code).map(String::from))
}

/// A text, often with a character of note before, in or after it.
fn noted(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let place = prop_oneof![Just(0), Just(1), Just(2)];
    let note = proptest::option::weighted(0.5, (prop_oneof![2 => special(), 1 => space()], place));
    (text, note, any::<Index>()).prop_map(|(text, note, within)| match note {
        None => text,
        Some((note, 0)) => note + &text,
        Some((note, 1)) => text + &note,
        Some((note, _)) => {
            let at = within.index(text.chars().count() + 1);
            let before: String = text.chars().take(at).collect();
            let after: String = text.chars().skip(at).collect();
            before + &note + &after
        }
    })
}

/// Letters of one to four bytes; some change their length in NFC or in lowercase, or take two characters.
const LETTERS: &[&str] = &[
    "a",
    "Z",
    "é",
    "e\u{301}",
    "İ",
    "Σ",
    "\u{212A}",
    "\u{1E9E}",
    "Ⱥ",
    "\u{958}",
    "\u{1100}\u{1161}",
    "王",
    "𠮷",
    "👩",
    "𐐀",
];

fn name() -> impl Strategy<Value = String> {
    let length = prop_oneof![2 => 1_usize..5, 3 => 49_usize..52, 3 => 98_usize..103, 1 => Just(300)];
    let plain = (select(LETTERS), length).prop_map(|(letter, length)| letter.repeat(length));
    let shapeless = vec(special(), 1..4).prop_map(|pieces| pieces.concat());
    prop_oneof![4 => noted(plain), 1 => shapeless]
}

/// What may stand after the `@`.
const DOMAINS: &[&str] = &[
    "example.org",
    "Example.ORG",
    "gmail.com",
    "GMail.com",
    "googlemail.com",
    "mail.gmail.com",
    "a.b",
    "1.2",
    "xn--bcher-kva.example",
    "a-b.c-d",
    "127.0.0.1",
    "a--b.example",
    "com",
    "",
    ".",
    "a.",
    ".a",
    "a..b",
    "-a.b",
    "a-.b",
    "a.-b",
    "a.b-",
    "a_b.c",
    "[127.0.0.1]",
    "a.b:25",
    "a b.c",
    "a@b.c",
    "bücher.example",
    "ⓔxample.org",
    "\u{212A}elvin.example",
    "exampleß.org",
    "ex\u{430}mple.org",
    "example。org",
    "example.org.",
    "a.b/c",
    "a.b\0",
];

fn email() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => noted((local(), select(DOMAINS)).prop_map(|(local, domain)| format!("{local}@{domain}"))),
        1 => (local(), long_domain()).prop_map(|(local, domain)| format!("{local}@{domain}")),
        2 => filled_up(),
    ]
}

fn local() -> impl Strategy<Value = String> {
    let odd =
        select(&["", "+", "+x", "a+b", "A.d.a", ".", "..", "a+\"b\"", "a.\u{301}", "a+ b", "ada", "a'b"][..]);
    prop_oneof![
        3 => (select(LETTERS), 1_usize..4).prop_map(|(letter, length)| letter.repeat(length)),
        // Around 64 bytes, whatever a letter takes.
        3 => (select(LETTERS), 62_usize..67).prop_map(|(letter, bytes)| of_bytes(letter, bytes)),
        1 => (62_usize..67).prop_map(|bytes| of_bytes("a.", bytes)),
        1 => (select(LETTERS), 62_usize..67).prop_map(|(tag, bytes)| format!("a+{}", of_bytes(tag, bytes - 2))),
        3 => odd.prop_map(str::to_owned),
    ]
}

/// A domain with a label of about 63 bytes.
fn long_domain() -> impl Strategy<Value = String> {
    (62_usize..66, any::<bool>()).prop_map(|(bytes, is_first)| {
        let label = "a".repeat(bytes);
        if is_first { format!("{label}.example") } else { format!("mail.{label}") }
    })
}

/// An address of about 254 bytes, as typed or in lowercase.
fn filled_up() -> impl Strategy<Value = String> {
    let letters = select(&["a", "\u{1E9E}", "\u{1E9E}", "Ⱥ", "Ⱥ", "é", "e\u{301}"][..]);
    let locals = (letters, 1_usize..64).prop_map(|(letter, bytes)| of_bytes(letter, bytes));
    (locals, 252_usize..258, any::<bool>()).prop_map(|(local, bytes, in_lowercase)| {
        let length = if in_lowercase { local.to_lowercase().len() } else { local.len() };
        let mut domain = "a.".repeat((bytes - length - 1).saturating_sub(2) / 2);
        domain.push_str(&"b".repeat(bytes - length - 1 - domain.len()));
        format!("{local}@{domain}")
    })
}

/// As many letters as fit, and ASCII up to exactly so many bytes.
fn of_bytes(letter: &str, bytes: usize) -> String {
    let mut text = letter.repeat(bytes / letter.len());
    text.push_str(&"b".repeat(bytes - text.len()));
    text
}

fn phone() -> impl Strategy<Value = String> {
    let start = select(&["+", "+", "+", "+", "", "00", "++", "(+", "\u{FF0B}", "+0"][..]);
    let digit = prop_oneof![20 => 1_u32..=9, 1 => Just(0)];
    let digits = prop_oneof![3 => vec(digit.clone(), 6..10), 3 => vec(digit, 14..18)];
    let filler = select(
        &["", "", "", "", " ", "-", ".", "(", ")", "[", "]", "\u{A0}", "\u{2009}", "\u{2212}", "/"][..],
    );
    let number = (start, digits, filler).prop_map(|(start, digits, filler)| {
        let digits: Vec<String> = digits.iter().map(u32::to_string).collect();
        format!("{start}{}", digits.join(filler))
    });
    prop_oneof![3 => noted(number), 1 => Just("+٤٤١٦٣٢٩٦٠٩٦١".to_owned()), 1 => Just("+44 1632 CALLME".to_owned())]
}

fn date() -> impl Strategy<Value = String> {
    let year = prop_oneof![
        select(
            &[
                0, 1, 1583, 1899, 1900, 1904, 1905, 1906, 1907, 2000, 2004, 2023, 2024, 2025, 2026, 2027,
                2100, 9999
            ][..]
        ),
        1900_u32..2030,
    ];
    let day = prop_oneof![2 => 1_u32..=28, 4 => 28_u32..=32, 1 => Just(0)];
    let any_day =
        (year, 0_u32..=13, day).prop_map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"));
    let edges = select(
        &[
            "2026-05-31",
            "2026-06-01",
            "2026-06-02",
            "1906-05-31",
            "1906-06-01",
            "1906-06-02",
            "2008-06-08",
            "2008-06-09",
            "2010-06-08",
            "2010-06-09",
            "2000-02-29",
            "1900-02-29",
            "2024-02-29",
            "2023-02-29",
            "2100-02-29",
            "0000-02-29",
        ][..],
    );
    let misshapen = select(
        &[
            "1990-1-1",
            "90-01-01",
            "1990/12/10",
            "10.12.1990",
            "1990-12-10T00:00",
            "19901210",
            "+1990-12-10",
            "-1990-12-10",
            "１９９０-12-10",
            "1990-12-1O",
            "1990-12-10\0",
            "1990-344",
            "now",
            "2448236.5",
        ][..],
    );
    prop_oneof![
        4 => any_day,
        3 => edges.clone().prop_map(str::to_owned),
        2 => misshapen.prop_map(str::to_owned),
        1 => noted(edges.prop_map(str::to_owned)),
    ]
}

fn country() -> impl Strategy<Value = String> {
    let codes = select(
        &[
            "GB",
            "gb",
            "Ie",
            "FR",
            "AX",
            "UK",
            "XX",
            "ZZ",
            "EU",
            "G",
            "GBR",
            "G1",
            "1A",
            "ſK",
            "ıe",
            "GB\0",
            "\u{FF27}B",
            "É",
            "ÉÉ",
        ][..],
    );
    let codes = codes.prop_map(str::to_owned);
    prop_oneof![3 => codes.clone(), 1 => "[A-Za-z]{2}", 2 => noted(codes)]
}

fn postcode() -> impl Strategy<Value = String> {
    let plain =
        prop_oneof![2 => "[A-Za-z0-9]{1,3}", 3 => "[A-Z0-9 -]{11,14}", 2 => "[a-z]{2,12}", 1 => "[ -]{2,12}"];
    let odd = select(&["ß1", "AB1\n2CD", "AB１", "AB1_2", "ſk1", "AB1\u{A0}2CD", "AB\0", "--"][..])
        .prop_map(str::to_owned);
    prop_oneof![3 => plain.clone(), 2 => noted(plain), 1 => odd]
}

fn id() -> impl Strategy<Value = String> {
    let known = select(
        &[
            "general",
            "family",
            "coach_party",
            "member",
            "club",
            "sat-evening",
            "sun-matinee",
            "General",
            "vip",
            "-",
            "famıly",
            "general\0",
            "GENERAL",
        ][..],
    );
    let known = known.prop_map(str::to_owned);
    let long = (63_usize..67).prop_map(|length| "x".repeat(length));
    prop_oneof![4 => known.clone(), 2 => noted(known), 1 => long]
}

fn member_id() -> impl Strategy<Value = String> {
    let fits = prop_oneof!["[Mm][0-9]{5,7}", "[A-Za-z]{2}-[0-9]{2}[{]~[}]"];
    let odd =
        select(&["M12345٣", "Ⅿ123456", "É-12", "M 12345", "ab-12\0", "ſk-12{~}"][..]).prop_map(str::to_owned);
    let long = (38_usize..43).prop_map(|length| "1".repeat(length));
    prop_oneof![3 => fits.clone(), 2 => noted(fits), 1 => odd, 1 => long]
}

fn party_size() -> impl Strategy<Value = Option<i64>> {
    let edges = [
        i64::MIN,
        i64::from(i32::MIN),
        -1,
        0,
        99,
        100,
        101,
        i64::from(i32::MAX),
        i64::from(i32::MAX) + 1,
        i64::from(u32::MAX),
        i64::from(u32::MAX) + 2,
        i64::MAX,
    ];
    prop_oneof![1 => Just(None), 4 => (0_i64..12).prop_map(Some), 3 => select(edges.to_vec()).prop_map(Some)]
}

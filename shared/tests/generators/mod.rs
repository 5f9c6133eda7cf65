//! What the property tests feed to the rules: any text at all, draws that make no sense, and, so that the
//! accepting side is reached too, sensible draws with forms that mostly keep their rules.

use jiff::civil::Date;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use shared::{Asked, Category, Dates, DrawRules, EntryForm, Session, limits};

/// A sensible draw, the two days, and a form that mostly keeps its rules.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) rules: DrawRules,
    pub(crate) dates: Dates,
    pub(crate) form: EntryForm,
}

/// Pieces of text that have broken programs: joiners, overrides, marks, letters whose case or composition
/// changes their length, and what the rules themselves look for.
const NASTY: &[&str] = &[
    "\0",
    "\n",
    "\u{85}",
    "\u{A0}",
    "\u{AD}",
    "\u{200B}",
    "\u{200D}",
    "\u{200F}",
    "\u{2028}",
    "\u{202E}",
    "\u{2066}",
    "\u{3000}",
    "\u{FEFF}",
    "\u{FFFF}",
    "\u{301}",
    "\u{307}",
    "\u{323}",
    "\u{331}",
    "\u{345}",
    "\u{958}",
    "\u{1100}",
    "\u{1161}",
    "\u{11A8}",
    "\u{212A}",
    "\u{212B}",
    "\u{2126}",
    "\u{37E}",
    "\u{1E9E}",
    "\u{130}",
    "\u{3A3}",
    "\u{23A}",
    "\u{1F98}",
    "\u{FB01}",
    "\u{F900}",
    "\u{13A0}",
    "\u{10FFFF}",
    "𠮷",
    "👩\u{200D}👧",
    "é",
    "H\u{331}",
    "@",
    ".",
    "+",
    "-",
    "\"",
    " ",
    "a",
    "Z",
    "0",
    "7",
    "gmail.com",
    "@googlemail.com",
    "@example.org",
    "xn--",
    "1990-12-10",
    "M123456",
    "+44",
];

/// Any text: random characters, random nasty pieces, or a mixture.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => select(NASTY).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[ -~]{0,8}",
    ];
    prop_oneof![8 => vec(piece, 0..24).prop_map(|pieces| pieces.concat()), 1 => vec(any::<char>(), 0..300).prop_map(String::from_iter)]
}

/// Any day the calendar has, ancient and far ones too.
pub(crate) fn any_date() -> impl Strategy<Value = Date> {
    prop_oneof![
        (-9999_i16..=9999, 1_i8..=12, 1_i8..=31),
        (1880_i16..=2040, 1_i8..=12, 1_i8..=31),
        (1880_i16..=2040, Just(2_i8), 27_i8..=29),
    ]
    .prop_filter_map("no such day", |(year, month, day)| Date::new(year, month, day).ok())
}

/// Today and the closing date, in any order.
pub(crate) fn any_dates() -> impl Strategy<Value = Dates> {
    (any_date(), any_date()).prop_map(|(today, closing)| Dates { today, closing })
}

/// A form with anything in it.
pub(crate) fn any_form() -> impl Strategy<Value = EntryForm> {
    let texts = vec(any_text(), 10);
    (texts, option::of(any::<i64>()), any::<bool>()).prop_map(|(texts, party_size, accept_terms)| {
        let mut texts = texts.into_iter();
        let mut next = || texts.next().unwrap_or_default();
        EntryForm {
            full_name: next(),
            email: next(),
            phone: next(),
            date_of_birth: next(),
            country: next(),
            postcode: next(),
            category: next(),
            session: next(),
            party_size,
            guardian_name: next(),
            member_id: next(),
            accept_terms,
        }
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    select(&[Asked::Required, Asked::Optional, Asked::Off][..])
}

/// A draw no organiser would make: texts of any kind everywhere, minima above maxima, ids twice.
pub(crate) fn any_rules() -> impl Strategy<Value = DrawRules> {
    let category = (any_text(), any::<u32>(), any::<u32>(), option::of(any_text())).prop_map(
        |(id, min_party, max_party, member_id)| Category {
            label: id.clone(),
            id,
            min_party,
            max_party,
            member_id,
        },
    );
    let session = (any_text(), vec(any_text(), 0..3)).prop_map(|(id, excludes)| Session {
        label: id.clone(),
        id,
        excludes,
    });
    let ages = option::of(any::<u8>());
    let lists = (vec(any_text(), 0..3), vec(category, 0..4), vec(session, 0..4));
    (ages, lists, [asked(), asked(), asked(), asked()]).prop_map(
        |(min_age, (countries, categories, sessions), asked)| {
            let [country, postcode, phone, date_of_birth] = asked;
            DrawRules {
                min_age,
                countries,
                country,
                postcode,
                phone,
                date_of_birth,
                one_per_phone: false,
                categories,
                sessions,
            }
        },
    )
}

/// A draw as `draw apply` lets it through: ids of plain ASCII, parties in order.
pub(crate) fn sensible_rules() -> impl Strategy<Value = DrawRules> {
    let pattern = select(&["M######", "@@-##", "guest/#@", "*-##"][..]).prop_map(str::to_owned);
    let category = (1_u32..=4, 0_u32..=6, option::weighted(0.4, pattern));
    let lists = (vec(category, 0..4), vec(vec(any::<Index>(), 0..2), 0..4));
    let countries = select(vec![&[][..], &["GB", "IE"], &["FR"]]);
    (option::weighted(0.3, 0_u8..=21), countries, lists, [asked(), asked(), asked(), asked()]).prop_map(
        |(min_age, countries, (categories, sessions), asked)| {
            let [country, postcode, phone, date_of_birth] = asked;
            let categories: Vec<Category> = categories.into_iter().zip(1..).map(numbered_category).collect();
            let sessions = sessions.into_iter().zip(1..).map(|(excluded, number)| Session {
                id: format!("session-{number}"),
                label: format!("Session {number}"),
                excludes: excluded
                    .iter()
                    .filter(|_| categories.len() > 1)
                    .map(|at| at.get(&categories).id.clone())
                    .collect(),
            });
            let countries = countries.iter().map(|&code| code.to_owned()).collect();
            let sessions = sessions.collect();
            DrawRules {
                min_age,
                countries,
                country,
                postcode,
                phone,
                date_of_birth,
                one_per_phone: true,
                categories,
                sessions,
            }
        },
    )
}

fn numbered_category(((min_party, more, member_id), number): ((u32, u32, Option<String>), u32)) -> Category {
    let max_party = (min_party + more).min(limits::PARTY_MAX);
    Category {
        id: format!("category-{number}"),
        label: format!("Category {number}"),
        min_party,
        max_party,
        member_id,
    }
}

/// Letters that make canonical forms hard: what providers ignore stands among letters and marks that join
/// once it is gone, and letters that change length or composition in lowercase.
const LETTERS: [(u32, &[&str]); 3] = [
    (3, &["a", "e", "\u{1100}", "B", "王", "'"]),
    (3, &[".", ".", ".", "\u{301}", "\u{301}", "\u{1161}", "\u{1161}", "+"]),
    (2, &["é", "É", "Σ", "İ", "H\u{331}", "\u{212A}", "ẞ", "Ⱥ", "𐐔", "\u{345}"]),
];

/// Domains: the provider that ignores dots and tags, others, and wrong ones.
const DOMAINS: [(u32, &[&str]); 3] = [
    (4, &["gmail.com", "GoogleMail.com"]),
    (2, &["example.org", "Sub.Example.ORG", "xn--bcher-kva.example", "\u{212A}elvin.example"]),
    (1, &["bücher.example", "nodot"]),
];

/// An address that is mostly right.
pub(crate) fn likely_email() -> impl Strategy<Value = String> {
    let one_of = |[a, b, c]: [(u32, &'static [&'static str]); 3]| prop_oneof![a.0 => select(a.1), b.0 => select(b.1), c.0 => select(c.1)];
    let edge = select(&["", "", "", " ", "\u{3000}"][..]);
    let local = vec(one_of(LETTERS), 1..12).prop_map(|letters| letters.concat());
    (edge, local, one_of(DOMAINS)).prop_map(|(edge, local, domain)| format!("{edge}{local}@{domain}{edge}"))
}

/// A number that is mostly right, in many writings.
pub(crate) fn likely_phone() -> impl Strategy<Value = String> {
    let filler = select(&["", "", " ", ".", "-", "(", ")", "\u{A0}", "\u{2011}", "–"][..]);
    vec((filler, 1_u8..=9), 7..17).prop_map(|digits| {
        digits.iter().fold("+".to_owned(), |number, (filler, digit)| format!("{number}{filler}{digit}"))
    })
}

/// A postcode that is mostly right.
pub(crate) fn likely_postcode() -> impl Strategy<Value = String> {
    "[ ]?[A-Za-z0-9][A-Za-z0-9 -]{0,10}[A-Za-z0-9]"
}

fn likely_name() -> impl Strategy<Value = String> {
    let pieces = [
        "Ada",
        "é",
        "e\u{301}",
        " ",
        "\u{3000}",
        "\u{200D}",
        "क्",
        "王",
        "𠮷",
        "שרה",
        "\u{1100}\u{1161}",
        "\u{958}",
        "-",
        "\u{212B}",
    ];
    vec(select(pieces.to_vec()), 1..40).prop_map(|pieces| pieces.concat())
}

/// A number for a pattern, lowercase, sometimes a wrong one.
pub(crate) fn number_for(pattern: &str, digit: u8) -> String {
    let fit = |c| match c {
        '#' => char::from(b'0' + digit % 10),
        '@' => char::from(b'a' + digit % 26),
        literal => literal.to_ascii_lowercase(),
    };
    pattern.chars().map(fit).collect()
}

/// A sensible draw with a form that keeps its rules more often than not.
pub(crate) fn attempt() -> impl Strategy<Value = Attempt> {
    let texts = (
        likely_name(),
        likely_email(),
        likely_phone(),
        likely_postcode(),
        option::weighted(0.9, likely_name()),
    );
    let born = (1920_i16..=2018, 1_i8..=12, 1_i8..=28)
        .prop_filter_map("no such day", |(y, m, d)| Date::new(y, m, d).ok());
    let choices = (any::<Index>(), any::<Index>(), any::<Index>(), any::<u8>());
    let given = [any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()];
    let country = select(&["gb", "GB", "IE", "FR"][..]);
    let slip = option::weighted(0.15, (0_usize..10, any_text()));
    (sensible_rules(), texts, born, choices, given, country, slip).prop_map(
        |(rules, texts, born, choices, given, country, slip)| {
            let (full_name, email, phone, postcode, guardian) = texts;
            let (category_at, session_at, party, digit) = choices;
            let when =
                |asked: Asked, given: bool| asked == Asked::Required || (asked == Asked::Optional && given);
            let pick = |asked: Asked, given: bool, text: String| {
                if when(asked, given) { text } else { String::new() }
            };
            let category = (!rules.categories.is_empty()).then(|| category_at.get(&rules.categories));
            let session = (!rules.sessions.is_empty()).then(|| session_at.get(&rules.sessions));
            let country = rules.countries.first().map_or(country, |code| code.as_str()).to_owned();
            let member_id = category.and_then(|category| category.member_id.as_deref());
            let form = EntryForm {
                full_name,
                email,
                phone: pick(rules.phone, given[0], phone),
                date_of_birth: pick(rules.date_of_birth, given[1], born.to_string()),
                country: pick(rules.country, given[2], country),
                postcode: pick(rules.postcode, given[3], postcode),
                category: category.map(|category| category.id.clone()).unwrap_or_default(),
                session: session.map(|session| session.id.clone()).unwrap_or_default(),
                party_size: category.map(|category| {
                    let sizes = usize::try_from(category.max_party - category.min_party).unwrap_or(0) + 1;
                    i64::from(category.min_party) + i64::try_from(party.index(sizes)).unwrap_or(0)
                }),
                guardian_name: guardian.unwrap_or_default(),
                member_id: member_id.map(|pattern| number_for(pattern, digit)).unwrap_or_default(),
                accept_terms: true,
            };
            let dates = Dates { today: Date::constant(2026, 6, 1), closing: Date::constant(2026, 6, 8) };
            Attempt { form: slipped(form, slip), rules, dates }
        },
    )
}

/// The form with one field typed wrongly.
fn slipped(mut form: EntryForm, slip: Option<(usize, String)>) -> EntryForm {
    let Some((at, text)) = slip else { return form };
    let fields = [
        &mut form.full_name,
        &mut form.email,
        &mut form.phone,
        &mut form.date_of_birth,
        &mut form.country,
        &mut form.postcode,
        &mut form.category,
        &mut form.session,
        &mut form.guardian_name,
        &mut form.member_id,
    ];
    if let Some(field) = fields.into_iter().nth(at) {
        *field = text;
    }
    form
}

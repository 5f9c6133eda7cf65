//! Entries as a crowd would have made them: names of which some are common and most are not, a popular category and
//! rare ones, keys that are as long and as unpredictable as real ones.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use shared::contact::Email;
use uuid::Uuid;

use super::keys::{Digest, Identity, bucket};
use crate::Failure;

/// Milliseconds over which a crowd arrives: so many people within two hours are what the largest draws see.
pub const SPAN_MS: i64 = 7_200_000;
/// Entries that are committed together share their instant: milliseconds between two of them.
const BATCH_MS: i64 = 10;
/// Crockford's base 32, of which receipts are made.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// The more common, the earlier.
const FIRST_NAMES: [&str; 32] = [
    "Maria",
    "Mohammed",
    "Anna",
    "James",
    "Olivia",
    "Zoë",
    "Liam",
    "Fatima",
    "José",
    "Sinéad",
    "Ada",
    "Bob",
    "Chloe",
    "Daniel",
    "Élodie",
    "Finn",
    "Grace",
    "Hugo",
    "Ines",
    "Jakob",
    "Katarzyna",
    "Luca",
    "Mary Anne",
    "Nguyễn",
    "Oscar",
    "Priya",
    "Quentin",
    "Rosa",
    "Søren",
    "Tomás",
    "Ursula",
    "Yusuf",
];
const LAST_NAMES: [&str; 16] = [
    "Smith", "Jones", "Khan", "Müller", "García", "Murphy", "Dubois", "Patel", "Kelly", "Silva", "Nowak",
    "Byrne", "Rossi", "Lovelace", "Wright", "O'Brien",
];
/// Of which the names are made that few people share.
const SYLLABLES: [&str; 32] = [
    "ba", "bel", "cor", "dan", "der", "ek", "far", "gan", "har", "ing", "jo", "kel", "lan", "ler", "mar",
    "mon", "nor", "os", "pel", "quin", "ra", "ros", "sal", "sen", "tan", "ter", "ul", "van", "wel", "win",
    "yar", "zan",
];
const DOMAINS: [&str; 6] =
    ["gmail.com", "example.org", "mail.example", "post.example.co.uk", "poste.example.fr", "uni.example.ie"];
/// In a hundred: category, session, party. No family takes part on Saturday evening, which the draw excludes.
const CHOICES: [(u32, &str, &str, i32); 8] = [
    (45, "general", "sat-evening", 2),
    (18, "general", "sun-matinee", 4),
    (7, "general", "sun-evening", 1),
    (17, "family", "sun-matinee", 5),
    (8, "family", "sun-evening", 2),
    (3, "student", "sat-evening", 1),
    (1, "student", "sun-matinee", 1),
    (1, "student", "sun-evening", 1),
];
const COUNTRIES: [&str; 8] = ["GB", "GB", "GB", "GB", "GB", "IE", "IE", "FR"];
/// Entries that have ended, in a thousand, and those of them that an organiser removed.
const ENDED: u32 = 20;
const REMOVED: u32 = 2;

/// How an entry ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// `withdrawn` or `removed`.
    pub name: &'static str,
    /// When, milliseconds since 1970.
    pub at: i64,
    /// Why it was removed.
    pub reason: Option<&'static str>,
}

/// One entry, live or ended, with all the keys that it has in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Names the person.
    pub person: Digest,
    /// `UUIDv7`.
    pub id: Uuid,
    /// Receipt code.
    pub receipt: String,
    /// Names the payload.
    pub fingerprint: Digest,
    /// Names the browser; programs have none.
    pub browser: Option<Digest>,
    /// The claim on the page token.
    pub token: Digest,
    /// Name as typed.
    pub full_name: String,
    /// Address as typed and canonical.
    pub email: Email,
    /// E.164.
    pub phone: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: &'static str,
    /// Category's id.
    pub category: &'static str,
    /// Session's id.
    pub session: &'static str,
    /// How many people it stands for.
    pub party_size: i32,
    /// Milliseconds since 1970.
    pub registered_at: i64,
    /// Names the network.
    pub network: Digest,
    /// Milliseconds between page load and press.
    pub token_age: i64,
    /// Retries that were caught, and when the last one was.
    pub retries: (i64, Option<i64>),
    /// How it ended, if it did.
    pub ending: Option<Ending>,
}

/// Who registers in a draw: the same people for the same draw, secret and seed.
#[derive(Clone, Debug)]
pub struct People {
    /// The draw's id.
    pub draw: Uuid,
    /// The secret's.
    pub identity: Identity,
    /// How many there are.
    pub count: u64,
    /// When the last of them arrives, milliseconds since 1970.
    pub until: i64,
    /// What chance is made from.
    pub seed: u64,
}

impl People {
    /// The entry of a number below [`Self::count`]; numbers ascend with the instant of registration.
    ///
    /// # Errors
    /// [`Failure::Ground`] when its email address is none.
    pub fn entry(&self, number: u64) -> Result<Made, Failure> {
        let mut random = SmallRng::seed_from_u64(self.seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let full_name = name(&mut random);
        let email = Email::parse(&email(&mut random, &full_name, number))
            .map_err(|fault| Failure::Ground(format!("entry {number}: {fault:?}")))?;
        let person = self.identity.person(self.draw, &email.canonical);
        let at = SPAN_MS * i64::try_from(number).unwrap_or(0) / i64::try_from(self.count).unwrap_or(1).max(1);
        let registered_at = (self.until - SPAN_MS + at) / BATCH_MS * BATCH_MS;
        let millis = u64::try_from(registered_at).unwrap_or_default();
        let (category, session, party_size) = choice(&mut random);
        let retries = if random.random_range(0..10) == 0 { random.random_range(1..4) } else { 0 };
        Ok(Made {
            id: uuid::Builder::from_unix_timestamp_millis(millis, &random.random()).into_uuid(),
            receipt: receipt(&mut random, bucket(&person)),
            fingerprint: random.random(),
            browser: (random.random_range(0..20) > 0).then(|| random.random()),
            token: random.random(),
            phone: random.random_bool(0.5).then(|| format!("+447{number:09}")),
            country: one_of(&mut random, &COUNTRIES),
            network: random.random(),
            token_age: random.random_range(2_000..90_000),
            retries: (retries, (retries > 0).then_some(registered_at + 1_500)),
            ending: ending(&mut random, registered_at),
            person,
            full_name,
            email,
            category,
            session,
            party_size,
            registered_at,
        })
    }
}

fn one_of<'a>(random: &mut SmallRng, of: &[&'a str]) -> &'a str {
    of[random.random_range(0..of.len())]
}

/// Of a list in which each is about as common as all that come after it together, in four steps.
fn by_rank<'a>(random: &mut SmallRng, of: &[&'a str]) -> &'a str {
    let most = (of.len() >> random.random_range(0..4_u32)).max(1);
    of[random.random_range(0..most)]
}

fn name(random: &mut SmallRng) -> String {
    let first = by_rank(random, &FIRST_NAMES);
    if random.random_range(0..3) == 0 {
        return format!("{first} {}", by_rank(random, &LAST_NAMES));
    }
    let mut last: String = (0..3).map(|_| one_of(random, &SYLLABLES)).collect();
    last[..1].make_ascii_uppercase();
    format!("{first} {last}")
}

fn email(random: &mut SmallRng, full_name: &str, number: u64) -> String {
    let local: String = full_name.chars().filter(char::is_ascii_alphabetic).collect();
    format!("{local}.{number}@{}", by_rank(random, &DOMAINS))
}

fn choice(random: &mut SmallRng) -> (&'static str, &'static str, i32) {
    let mut at = random.random_range(0..100);
    for (share, category, session, party) in CHOICES {
        if at < share {
            return (category, session, party);
        }
        at -= share;
    }
    ("general", "sat-evening", 1)
}

fn receipt(random: &mut SmallRng, bucket: i32) -> String {
    let bucket = usize::try_from(bucket).unwrap_or_default();
    let bytes: [u8; 26] = random.random();
    let symbols = [bucket >> 5, bucket & 31].into_iter().chain(bytes.map(|byte| usize::from(byte & 31)));
    symbols.map(|symbol| char::from(ALPHABET[symbol])).collect()
}

fn ending(random: &mut SmallRng, registered_at: i64) -> Option<Ending> {
    let at = registered_at + random.random_range(1_000..600_000);
    match random.random_range(0..1000) {
        chance if chance < REMOVED => Some(Ending { name: "removed", at, reason: Some("Registered twice") }),
        chance if chance < ENDED => Some(Ending { name: "withdrawn", at, reason: None }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use shared::{Dates, Entry, EntryForm};

    use super::*;
    use crate::draw;

    fn people() -> People {
        let identity = Identity::of_secret(&"07".repeat(32)).unwrap();
        People { draw: Uuid::from_u128(7), identity, count: 5000, until: 1_780_000_000_000, seed: 1 }
    }

    #[test]
    fn everybody_keeps_the_rules_and_is_somebody_else() {
        let (people, rules) = (people(), draw::rules());
        let dates = Dates { today: jiff::civil::date(2026, 7, 1), closing: jiff::civil::date(2099, 1, 1) };
        let mut seen = HashSet::new();
        for number in 0..people.count {
            let made = people.entry(number).unwrap();
            let form = EntryForm {
                full_name: made.full_name.clone(),
                email: made.email.typed.clone(),
                phone: made.phone.clone().unwrap_or_default(),
                country: made.country.to_owned(),
                category: made.category.to_owned(),
                session: made.session.to_owned(),
                party_size: Some(made.party_size.into()),
                accept_terms: true,
                ..EntryForm::default()
            };
            let entry = Entry::parse(&form, &rules, dates).unwrap();
            assert_eq!((entry.full_name, entry.email), (made.full_name, made.email));
            assert!(seen.insert(made.person.to_vec()) && seen.insert(made.token.to_vec()));
            assert!(seen.insert(made.receipt.clone().into_bytes()));
            assert_eq!(made.receipt.len(), 28);
        }
    }

    #[test]
    fn people_come_in_order_and_some_are_rarer_than_others() {
        let people = people();
        let all: Vec<Made> = (0..people.count).map(|number| people.entry(number).unwrap()).collect();
        assert!(all.is_sorted_by_key(|made| made.registered_at));
        assert!(all.iter().all(|made| (0..=SPAN_MS).contains(&(people.until - made.registered_at))));
        let count = |is: fn(&Made) -> bool| all.iter().filter(|made| is(made)).count();
        let students = count(|made| made.category == "student");
        assert!((100..500).contains(&students), "{students} of 5000");
        assert_eq!(count(|made| made.category == "family" && made.session == "sat-evening"), 0);
        let ended = count(|made| made.ending.is_some());
        assert!((40..200).contains(&ended), "{ended} of 5000");
        assert_eq!(all[7], people.entry(7).unwrap(), "the same every time");
    }
}

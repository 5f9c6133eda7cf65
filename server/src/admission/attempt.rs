//! One press of Register, as the admission path sees it.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use shared::entry::{FINGERPRINT_VERSION, Names};
use shared::integrator::{Registration, Sequence};
use shared::token::{Freshness, TokenParts};
use shared::{Entry, Layer, Problem};
use uuid::Uuid;

use super::ending::{Ending, Refusal};
use super::protocol::Claimant;
use super::sender::Sender;
use crate::ambient::Ambient;
use crate::receipt;
use crate::secrets::{Digest, Keys, bucket};
use crate::store::Draw;
use crate::store::entries::{Claim, ClaimKind, Identity, NewEntry};
use crate::store::integrators::Integrator;

/// Milliseconds after which a token that settles is worth asking for again.
const SETTLING_RETRY_MS: i64 = 5000;

/// What names an attempt: a genuine page token of this draw, or the key an integrator chose.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its claim, and the key of everything remembered under it.
    pub claim: Digest,
    issuer: Issuer,
}

/// Who made a token.
#[derive(Clone, Debug)]
enum Issuer {
    /// This service, with a page.
    Page { issued_at: i64, freshness: Freshness },
    /// An integrator, by itself.
    Integrator(Arc<Integrator>),
}

impl Token {
    /// Makes a new one; the text, and the instant at which it ends.
    pub fn issue(ambient: &Ambient, keys: &Keys, draw: Uuid) -> (String, i64) {
        let mut parts = TokenParts { issued_at: ambient.now(), nonce: ambient.random(), mac: [0; 16] };
        parts.mac = keys.sign_token(draw, &parts.signed_bytes());
        let ends_at = parts.issued_at + shared::limits::TOKEN_LIFE_MS;
        (BASE64_URL_SAFE_NO_PAD.encode(parts.to_bytes()), ends_at)
    }

    /// Reads a page token: size and syntax, then mark and draw. That it is old is held against it only later.
    ///
    /// # Errors
    /// `idempotency-key-invalid` for what is no token, `token-invalid` for one that is not genuine.
    pub fn read(key: &str, keys: &Keys, draw: Uuid, now: i64) -> Result<Self, Problem> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(key).map_err(|_| Problem::KeyInvalid)?;
        let parts = TokenParts::from_bytes(&bytes).ok_or(Problem::KeyInvalid)?;
        if !keys.is_token(draw, &parts.signed_bytes(), &parts.mac) {
            return Err(Problem::TokenInvalid);
        }
        let freshness = parts.freshness(now);
        if freshness == Freshness::FromTheFuture {
            return Err(Problem::TokenInvalid);
        }
        // Without the mark, so that the same token signed anew by a rotated secret is the same claim.
        let claim = keys.claim(draw, ClaimKind::Token.as_str(), &parts.signed_bytes());
        Ok(Self { claim, issuer: Issuer::Page { issued_at: parts.issued_at, freshness } })
    }

    /// Takes an integrator's key for its token. Its scope is the integrator and the draw: another integrator's key
    /// of the same text, or a page token, is another claim.
    pub fn of_integrator(key: &str, integrator: Arc<Integrator>, keys: &Keys, draw: Uuid) -> Self {
        // The id's length is fixed, so that no two pairs are the same bytes.
        let named = [integrator.id.as_bytes(), key.as_bytes()].concat();
        let claim = keys.claim(draw, "integrator-key", &named);
        Self { claim, issuer: Issuer::Integrator(integrator) }
    }

    /// The claim on an integrator's source and sequence.
    fn source(&self, sequence: Option<&Sequence>, keys: &Keys, draw: Uuid) -> Option<Digest> {
        let (Issuer::Integrator(integrator), Some(sequence)) = (&self.issuer, sequence) else { return None };
        // Neither part holds a zero byte.
        let named = [integrator.name.as_bytes(), b"\0", sequence.as_str().as_bytes()].concat();
        Some(keys.claim(draw, ClaimKind::Source.as_str(), &named))
    }

    /// Whether its age holds nothing against it.
    pub(super) fn is_fresh(&self) -> bool {
        self.too_old().is_none()
    }

    /// What its age holds against it, unless it turns out to be known.
    fn too_old(&self) -> Option<Refusal> {
        match self.issuer {
            Issuer::Page { freshness: Freshness::Settling, .. } => {
                Some(Refusal::after(Problem::InProgress, SETTLING_RETRY_MS))
            }
            Issuer::Page { freshness: Freshness::Expired, .. } => Some(Problem::TokenExpired.into()),
            Issuer::Page { freshness: Freshness::Fresh | Freshness::FromTheFuture, .. }
            | Issuer::Integrator(_) => None,
        }
    }
}

/// One attempt, judged by the rules of one version of its draw.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The draw, at the version it was judged by.
    pub draw: Arc<Draw>,
    /// The key of everything remembered.
    pub token: Token,
    /// What it tells of itself.
    pub claimant: Claimant,
    /// The way into the database, or the verdict that is held back until the key is known to be unused.
    pub verdict: Result<(Entry, Identity), Ending>,
    /// Where it comes from.
    pub sender: Sender,
}

impl Attempt {
    /// Judges what was sent.
    pub fn judge(
        draw: Arc<Draw>,
        token: Token,
        registration: &Registration,
        sender: Sender,
        keys: &Keys,
        now: i64,
    ) -> Self {
        let Registration { form, sequence } = registration;
        let source = token.source(sequence.as_ref(), keys, draw.id);
        let browser = sender.cookie.as_ref().map(|cookie| keys.browser_proof(cookie));
        let parsed = Entry::parse(form, &draw.spec.rules, draw.dates(now));
        // An invalid form can still be the retry of one that was valid under earlier rules, so what can be
        // read of it is.
        let names = match &parsed {
            Ok(entry) => {
                Names { email: Some(entry.email.canonical.clone()), payload: Some(entry.canonical_bytes()) }
            }
            Err(_) => Names::read(form, &draw.spec.rules),
        };
        let person = names.email.map(|email| keys.person(draw.id, &email));
        let fingerprint = names.payload.map(|payload| keys.fingerprint(draw.id, &payload));
        let claimant = Claimant {
            person,
            fingerprint: fingerprint.map(|print| (print, FINGERPRINT_VERSION)),
            browser,
            source,
        };
        let verdict = match (parsed, token.too_old(), person, fingerprint) {
            (Err(errors), ..) => {
                let refusal = Refusal { errors, ..Problem::ValidationFailed.into() };
                Err(Ending::refused(refusal, Layer::Rules))
            }
            (Ok(_), Some(too_old), ..) => Err(Ending::refused(too_old, Layer::Token)),
            (Ok(entry), None, Some(person), Some(fingerprint)) => {
                let fingerprint_version = FINGERPRINT_VERSION;
                Ok((entry, Identity { person, fingerprint, fingerprint_version, browser }))
            }
            (Ok(_), ..) => Err(Ending::refused(Problem::Internal, Layer::Rules)),
        };
        Self { draw, token, claimant, verdict, sender }
    }

    /// The row to write. Made once for an attempt, however often it is written.
    pub fn new_entry(&self, entry: &Entry, identity: Identity, keys: &Keys, ambient: &Ambient) -> NewEntry {
        let draw = &self.draw;
        let mut claims = vec![Claim { kind: ClaimKind::Token, key: self.token.claim }];
        claims.extend(self.claimant.source.map(|key| Claim { kind: ClaimKind::Source, key }));
        let mut claim = |kind: ClaimKind, value: Option<&String>| {
            claims.extend(
                value.map(|value| Claim { kind, key: keys.claim(draw.id, kind.as_str(), value.as_bytes()) }),
            );
        };
        claim(ClaimKind::Phone, entry.phone.as_ref().filter(|_| draw.spec.rules.one_per_phone));
        claim(ClaimKind::Member, entry.member_id.as_ref());
        // An integrator's network says nothing of the entrant's, and it loads no page.
        let (ip_prefix, token_age) = match self.token.issuer {
            Issuer::Page { issued_at, .. } => {
                let prefix = keys.ip_prefix(draw.id, &network(self.sender.address));
                (Some(prefix), Some(ambient.now() - issued_at))
            }
            Issuer::Integrator(_) => (None, None),
        };
        NewEntry {
            id: ambient.new_id(),
            receipt: receipt::new_code(ambient, bucket(&identity.person)),
            identity,
            claims,
            entry: entry.clone(),
            draw_version: draw.version,
            ip_prefix,
            token_age,
        }
    }
}

/// The part of an address that names its network: 24 bits of IPv4, 48 of IPv6.
fn network(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets()[..3].to_vec(),
        IpAddr::V6(address) => address.octets()[..6].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    #[test]
    fn an_integrators_key_has_the_scope_of_integrator_and_draw() {
        let keys = Keys::new(&Secret::new([1; 32]), None);
        let ambient = Ambient::system();
        let (draw, other) = (ambient.new_id(), ambient.new_id());
        let integrator =
            |id: u128, name: &str| Arc::new(Integrator { id: Uuid::from_u128(id), name: name.to_owned() });
        let claim = |key: &str, id, draw| Token::of_integrator(key, integrator(id, "a"), &keys, draw).claim;
        let (text, _) = Token::issue(&ambient, &keys, draw);
        let page = Token::read(&text, &keys, draw, ambient.now()).expect("genuine");
        let claims = [
            claim(&text, 1, draw),
            claim(&text, 2, draw),
            claim(&text, 1, other),
            claim(&text[1..], 1, draw),
            page.claim,
        ];
        for (at, one) in claims.iter().enumerate() {
            assert_eq!(claims.iter().filter(|other| one == *other).count(), 1, "{at}");
        }
        assert_eq!(claim(&text, 1, draw), claims[0]);

        let source = |name: &str, sequence: &str, id, draw| {
            let token = Token::of_integrator(&text, integrator(id, name), &keys, draw);
            token.source(Sequence::parse(sequence).as_ref(), &keys, draw).expect("a claim")
        };
        assert_eq!(source("a", "1", 1, draw), source("a", "1", 2, draw), "a source is its name");
        assert_ne!(source("a", "11", 1, draw), source("a1", "1", 1, draw));
        assert_ne!(source("a", "1", 1, draw), source("a", "1", 1, other));
        assert_eq!(page.source(Sequence::parse("1").as_ref(), &keys, draw), None, "a page has no source");
    }

    #[test]
    fn a_token_is_genuine_in_its_draw_only() {
        let keys = Keys::new(&Secret::new([1; 32]), None);
        let ambient = Ambient::system();
        let (draw, other) = (ambient.new_id(), ambient.new_id());
        let (text, _) = Token::issue(&ambient, &keys, draw);
        assert_eq!(text.len(), 52);
        assert!(Token::read(&text, &keys, draw, ambient.now()).is_ok());
        assert_eq!(Token::read(&text, &keys, other, ambient.now()).err(), Some(Problem::TokenInvalid));
        assert_eq!(Token::read(&text[1..], &keys, draw, ambient.now()).err(), Some(Problem::KeyInvalid));
        for at in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).expect("ASCII");
            assert_eq!(
                Token::read(&forged, &keys, draw, ambient.now()).err(),
                Some(Problem::TokenInvalid),
                "{at}"
            );
        }
        let early = ambient.now() - 200_000;
        assert_eq!(
            Token::read(&text, &keys, draw, early).err(),
            Some(Problem::TokenInvalid),
            "from the future"
        );
    }
}

//! What something that is known already means for a request.

use crate::store::draws::Mode;
use crate::store::entries::Identity;

/// What a request gets when something about it is known already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The original receipt, byte for byte.
    Replay,
    /// The key belongs to another request; nothing changes.
    KeyReused,
    /// The person is registered; nothing of the entry is told.
    AlreadyRegistered,
}

/// What a later request tells of itself. Parts are absent where the form could not be read that far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// Names the person within the draw.
    pub person: Option<[u8; 32]>,
    /// Names the payload, with its version.
    pub fingerprint: Option<([u8; 32], i16)>,
    /// Names the browser.
    pub browser: Option<[u8; 32]>,
    /// Names an integrator's source and sequence.
    pub source: Option<[u8; 32]>,
}

impl From<&Identity> for Claimant {
    fn from(identity: &Identity) -> Self {
        Self {
            person: Some(identity.person),
            fingerprint: Some((identity.fingerprint, identity.fingerprint_version)),
            browser: identity.browser,
            source: None,
        }
    }
}

impl Claimant {
    fn is_person_of(&self, stored: &Identity) -> bool {
        self.person == Some(stored.person)
    }

    fn has_payload_of(&self, stored: &Identity) -> bool {
        self.fingerprint == Some((stored.fingerprint, stored.fingerprint_version))
    }
}

/// The key was used before: by whom, and for what?
pub fn key_is_known(mode: Mode, stored: &Identity, new: &Claimant) -> Decision {
    if !new.is_person_of(stored) {
        // A second family member after Back, in both modes. Who cannot be told apart from a stranger is one.
        Decision::KeyReused
    } else if new.has_payload_of(stored) || (mode == Mode::Lenient && new.source.is_none()) {
        // Who names a sequence is told of another payload in both modes, also when the key is the same.
        Decision::Replay
    } else {
        Decision::KeyReused
    }
}

/// An integrator's source and sequence were used before, under another key: the same entry, or another payload
/// or person, which is told in both modes.
pub fn source_is_known(stored: &Identity, new: &Claimant) -> Decision {
    if new.is_person_of(stored) && new.has_payload_of(stored) {
        Decision::Replay
    } else {
        Decision::KeyReused
    }
}

/// The person is registered under another key: a reload after a time-out, or somebody else who knows the
/// address?
pub fn person_is_known(stored: &Identity, new: &Identity) -> Decision {
    if is_same_browser(stored, new) { Decision::Replay } else { Decision::AlreadyRegistered }
}

/// Whether a request proves that it comes from the browser that made the entry, with the same payload.
pub fn is_same_browser(stored: &Identity, new: &Identity) -> bool {
    let new = Claimant::from(new);
    new.browser.is_some()
        && new.browser == stored.browser
        && new.is_person_of(stored)
        && new.has_payload_of(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(person: u8, payload: u8, browser: Option<u8>) -> Identity {
        Identity {
            person: [person; 32],
            fingerprint: [payload; 32],
            fingerprint_version: 1,
            browser: browser.map(|byte| [byte; 32]),
        }
    }

    #[test]
    fn a_known_key_replays_for_the_same_attempt_in_both_modes() {
        let stored = identity(1, 1, Some(1));
        for mode in [Mode::Lenient, Mode::Strict] {
            let same = Claimant::from(&identity(1, 1, None));
            assert_eq!(key_is_known(mode, &stored, &same), Decision::Replay);
        }
    }

    #[test]
    fn a_known_key_with_another_payload_depends_on_the_mode() {
        let stored = identity(1, 1, None);
        let other = Claimant::from(&identity(1, 2, None));
        assert_eq!(key_is_known(Mode::Lenient, &stored, &other), Decision::Replay);
        assert_eq!(key_is_known(Mode::Strict, &stored, &other), Decision::KeyReused);
    }

    #[test]
    fn a_known_key_never_replays_for_another_or_an_unknown_person() {
        let stored = identity(1, 1, Some(1));
        for mode in [Mode::Lenient, Mode::Strict] {
            let other = Claimant::from(&identity(2, 1, Some(1)));
            assert_eq!(key_is_known(mode, &stored, &other), Decision::KeyReused);
            let unreadable = Claimant { person: None, fingerprint: None, ..Claimant::from(&stored) };
            assert_eq!(key_is_known(mode, &stored, &unreadable), Decision::KeyReused);
        }
    }

    #[test]
    fn a_known_key_or_sequence_replays_the_same_payload_only_for_who_names_a_sequence() {
        let stored = identity(1, 1, None);
        let sequenced = |person, payload| Claimant {
            source: Some([9; 32]),
            ..Claimant::from(&identity(person, payload, None))
        };
        for (person, payload, expected) in
            [(1, 1, Decision::Replay), (1, 2, Decision::KeyReused), (2, 1, Decision::KeyReused)]
        {
            let new = sequenced(person, payload);
            assert_eq!(source_is_known(&stored, &new), expected, "{person} {payload}");
            for mode in [Mode::Lenient, Mode::Strict] {
                assert_eq!(key_is_known(mode, &stored, &new), expected, "{person} {payload} {mode:?}");
            }
        }
        let unreadable = Claimant { person: None, fingerprint: None, ..sequenced(1, 1) };
        assert_eq!(source_is_known(&stored, &unreadable), Decision::KeyReused);
    }

    #[test]
    fn another_key_replays_only_with_proof_of_the_browser_and_the_same_payload() {
        let stored = identity(1, 1, Some(1));
        assert_eq!(person_is_known(&stored, &identity(1, 1, Some(1))), Decision::Replay);
        assert_eq!(person_is_known(&stored, &identity(1, 1, Some(2))), Decision::AlreadyRegistered);
        assert_eq!(person_is_known(&stored, &identity(1, 1, None)), Decision::AlreadyRegistered);
        assert_eq!(person_is_known(&stored, &identity(1, 2, Some(1))), Decision::AlreadyRegistered);
        let without_cookie = identity(1, 1, None);
        assert_eq!(person_is_known(&without_cookie, &without_cookie), Decision::AlreadyRegistered);
    }
}

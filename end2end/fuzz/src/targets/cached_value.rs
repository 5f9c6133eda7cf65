//! Committed outcomes as they come back from what servers share, where anybody may have written.

use bytes::Bytes;
use server::admission::remembered::Committed;
use server::store::entries::Identity;

use crate::input::Input;
use crate::world::{DRAW, OTHER_DRAW, OURS, THEIRS};

const EPOCH: [u8; 32] = [4; 32];
const KEY: [u8; 32] = [5; 32];

/// What this service sealed, for that database, draw and key, opens as it was; everything else is nothing.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    match input.byte() % 4 {
        0 => assert_eq!(open(input.rest()), None, "nobody else can seal"),
        1 => {
            let sealed = committed(Input::new(b"")).seal(&OURS, &EPOCH, DRAW, &KEY);
            let spoilt = input.spoil(&sealed);
            assert_eq!(open(&spoilt).is_some(), spoilt == sealed, "a spoilt value is nothing");
        }
        2 => sealed(&committed(input)),
        // A value that this service marked, but wrote otherwise: another version of it, say.
        _ => {
            let content = input.rest();
            let mac = OURS.cached_outcome(&[b"sealed", &EPOCH, DRAW.as_bytes(), &KEY, content]);
            if let Some(opened) = open(&[content, &mac].concat()) {
                assert!(content.ends_with(&opened.body));
            }
        }
    }
}

fn open(sealed: &[u8]) -> Option<Committed> {
    Committed::open(&Bytes::copy_from_slice(sealed), &OURS, &EPOCH, DRAW, &KEY)
}

fn committed(mut input: Input<'_>) -> Committed {
    let has_browser = input.byte() % 2 == 1;
    let identity = Identity {
        person: input.array(),
        fingerprint: input.array(),
        fingerprint_version: i16::from_be_bytes(input.array()),
        browser: has_browser.then(|| input.array()),
    };
    Committed::new(identity, Bytes::copy_from_slice(input.rest()))
}

fn sealed(committed: &Committed) {
    let sealed = committed.seal(&OURS, &EPOCH, DRAW, &KEY);
    assert_eq!(open(&sealed).as_ref(), Some(committed));
    let elsewhere = [
        Committed::open(&sealed, &THEIRS, &EPOCH, DRAW, &KEY),
        Committed::open(&sealed, &OURS, &[0; 32], DRAW, &KEY),
        Committed::open(&sealed, &OURS, &EPOCH, OTHER_DRAW, &KEY),
        Committed::open(&sealed, &OURS, &EPOCH, DRAW, &[0; 32]),
        Committed::open(&sealed.slice(1..), &OURS, &EPOCH, DRAW, &KEY),
    ];
    assert_eq!(elsewhere, [const { None }; 5], "a value opens only where it belongs");
}

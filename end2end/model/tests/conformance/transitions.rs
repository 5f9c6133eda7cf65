//! What can happen in a case: the draw it is about, and the steps that are taken in it, drawn at random.
//!
//! Answers of requests that are under way together depend on who comes first, so the state that generation goes by
//! is only the case's setting: every transition is possible at any time, and means nothing where it names something
//! that is not there. What the answers have to be is decided while the case runs, in `world.rs`.

use model::reference::values::{End, Flaw, Form, Mode, Payload};
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;
use proptest_state_machine::ReferenceStateMachine;

use crate::ground::{Ground, Layout};

/// Servers of a case.
pub const SERVERS: usize = 2;
/// Pages that are open in some browser: each holds a token.
pub const PAGES: usize = 4;
/// Milliseconds of an hour.
pub const HOUR: i64 = 3_600_000;

/// What a case is about.
#[derive(Clone, Debug)]
pub struct Setting {
    /// What its servers share.
    pub layout: Layout,
    /// What another payload under a known key comes to.
    pub mode: Mode,
    /// Whether a phone number may stand in one entry only.
    pub one_per_phone: bool,
    /// How many may be in the draw.
    pub capacity: Option<usize>,
    /// Milliseconds until it opens.
    pub opens_in: i64,
}

/// What a request names itself by.
#[derive(Clone, Copy, Debug)]
pub enum Named {
    /// The token of an open page.
    Page(usize),
    /// The token of a page, with a character changed.
    Forged(usize),
    /// A token of another draw.
    OfAnotherDraw,
    /// A key that an integrator chose.
    Integrator { source: u8, key: u8, sequence: Option<u8> },
}

/// One press of the button.
#[derive(Clone, Copy, Debug)]
pub struct Press {
    pub named: Named,
    /// Whose cookie comes along; never an integrator's.
    pub browser: Option<u8>,
    pub form: Form,
    /// Typed in another way that says the same.
    pub sloppy: bool,
}

/// What happens while a burst is under way.
#[derive(Clone, Copy, Debug)]
pub enum Beside {
    Nothing,
    /// What servers share is lost.
    Wipe,
    Close,
    End {
        entry: usize,
        end: End,
    },
    RequirePostcode(bool),
}

/// A value that has no business where it is put.
#[derive(Clone, Copy, Debug)]
pub enum Planted {
    /// Bytes that nobody made.
    Garbage,
    /// The genuine outcome of an entry, which was made under another key.
    OfAnotherKey(usize),
    /// An outcome of an entry for this very key, of a database that was restored since.
    OfAnotherEpoch(usize),
    /// An outcome of an entry for this very key, with one bit turned over.
    OneBitOff(usize, usize),
}

/// How what is shared behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Fine,
    /// Nothing is done or answered.
    Away,
    /// All is done and nothing answered.
    Mute,
}

/// One step.
#[derive(Clone, Debug)]
pub enum Transition {
    /// A request, alone.
    Submit {
        server: usize,
        press: Press,
    },
    /// An earlier request once more, as it was or under another key.
    Again {
        server: usize,
        back: usize,
        under: Option<Named>,
    },
    /// Several requests at once.
    Burst {
        presses: Vec<(usize, Press)>,
        beside: Beside,
    },
    /// A server loses what it remembers.
    Restart {
        server: usize,
    },
    /// What servers share is lost.
    Wipe,
    /// What servers share changes its behaviour.
    Shared(Mood),
    /// What servers share says something else under the key of a request.
    Plant {
        server: usize,
        named: Named,
        planted: Planted,
    },
    /// Time passes, in milliseconds.
    Advance(i64),
    /// A page is loaded again: by a server whose clock is ahead by so much, in milliseconds.
    Reload {
        page: usize,
        ahead: i64,
    },
    Close,
    RequirePostcode(bool),
    SetCapacity(Option<usize>),
    End {
        server: usize,
        entry: usize,
        end: End,
    },
}

/// Generates cases.
#[derive(Debug)]
pub struct Cases;

impl ReferenceStateMachine for Cases {
    type State = Setting;
    type Transition = Transition;

    fn init_state() -> BoxedStrategy<Setting> {
        let layouts = Ground::current().layouts().to_vec();
        (
            proptest::sample::select(layouts),
            prop_oneof![Just(Mode::Lenient), Just(Mode::Strict)],
            any::<bool>(),
            option::weighted(0.4, 1..5_usize),
            prop_oneof![9 => Just(0), 1 => Just(HOUR / 6)],
        )
            .prop_map(|(layout, mode, one_per_phone, capacity, opens_in)| Setting {
                layout,
                mode,
                one_per_phone,
                capacity,
                opens_in,
            })
            .boxed()
    }

    fn transitions(_: &Setting) -> BoxedStrategy<Transition> {
        prop_oneof![
            30 => (server(), press()).prop_map(|(server, press)| Transition::Submit { server, press }),
            20 => (server(), 0..8_usize, option::weighted(0.5, another_key()))
                .prop_map(|(server, back, under)| Transition::Again { server, back, under }),
            18 => (burst(), beside()).prop_map(|(presses, beside)| Transition::Burst { presses, beside }),
            5 => server().prop_map(|server| Transition::Restart { server }),
            2 => Just(Transition::Wipe),
            2 => prop_oneof![2 => Just(Mood::Fine), 1 => Just(Mood::Away), 1 => Just(Mood::Mute)]
                .prop_map(Transition::Shared),
            5 => (server(), named(), planted())
                .prop_map(|(server, named, planted)| Transition::Plant { server, named, planted }),
            4 => prop_oneof![
                4 => Just(1000),
                4 => Just(HOUR / 5),
                2 => Just(24 * HOUR),
                1 => Just(24 * HOUR + HOUR / 20),
                1 => Just(72 * HOUR),
            ]
            .prop_map(Transition::Advance),
            8 => (page(), prop_oneof![14 => Just(0), 1 => Just(119_000), 1 => Just(200_000)])
                .prop_map(|(page, ahead)| Transition::Reload { page, ahead }),
            1 => Just(Transition::Close),
            3 => any::<bool>().prop_map(Transition::RequirePostcode),
            2 => option::of(1..5_usize).prop_map(Transition::SetCapacity),
            5 => (server(), entry(), end())
                .prop_map(|(server, entry, end)| Transition::End { server, entry, end }),
        ]
        .boxed()
    }

    fn apply(setting: Setting, _: &Transition) -> Setting {
        setting
    }
}

fn server() -> impl Strategy<Value = usize> + Clone {
    0..SERVERS
}

fn page() -> impl Strategy<Value = usize> + Clone {
    0..PAGES
}

/// An entry that was made in the case, counted round and round.
fn entry() -> impl Strategy<Value = usize> + Clone {
    0..16_usize
}

fn end() -> impl Strategy<Value = End> + Clone {
    prop_oneof![2 => Just(End::Withdrawn), 1 => Just(End::Removed)]
}

fn named() -> impl Strategy<Value = Named> + Clone {
    prop_oneof![
        24 => page().prop_map(Named::Page),
        1 => page().prop_map(Named::Forged),
        1 => Just(Named::OfAnotherDraw),
        12 => (0..2_u8, 0..3_u8, option::weighted(0.7, 0..2_u8))
            .prop_map(|(source, key, sequence)| Named::Integrator { source, key, sequence }),
    ]
}

fn another_key() -> impl Strategy<Value = Named> + Clone {
    prop_oneof![
        1 => page().prop_map(Named::Page),
        1 => (0..3_u8).prop_map(|key| Named::Integrator { source: 0, key, sequence: None }),
    ]
}

fn form() -> impl Strategy<Value = Form> + Clone {
    let rarely = |max: u8| prop_oneof![5 => Just(0), 1 => 1..=max];
    let flaw = prop_oneof![
        2 => Just(Flaw::TermsRefused),
        1 => Just(Flaw::NoPhoneNumber),
        1 => Just(Flaw::NoEmail),
    ];
    let payload = (
        0..3_u8,
        rarely(1),
        option::weighted(0.25, rarely(1)),
        option::weighted(0.2, rarely(1)),
        prop_oneof![1 => Just(false), 5 => Just(true)],
    )
        .prop_map(|(person, name, phone, member, has_postcode)| Payload {
            person,
            name,
            phone,
            member,
            has_postcode,
        });
    (payload, option::weighted(0.1, flaw)).prop_map(|(payload, flaw)| Form { payload, flaw })
}

fn press() -> impl Strategy<Value = Press> + Clone {
    (named(), option::weighted(0.7, 0..2_u8), form(), any::<bool>()).prop_map(
        |(named, browser, form, sloppy)| {
            let browser = browser.filter(|_| !matches!(named, Named::Integrator { .. }));
            Press { named, browser, form, sloppy }
        },
    )
}

/// Two to six requests, most of them like the first in something.
fn burst() -> impl Strategy<Value = Vec<(usize, Press)>> {
    let like_the_first = prop_oneof![3 => Just(0_u8), 1 => Just(1), 1 => Just(2), 1 => Just(3), 1 => Just(4)];
    let others = proptest::collection::vec((server(), like_the_first, press()), 1..6);
    (server(), press(), others).prop_map(|(server, first, others)| {
        let others = others.into_iter().map(|(server, likeness, other)| {
            let press = match likeness {
                0 => Press { sloppy: other.sloppy, ..first },
                1 => Press { form: other.form, ..first },
                2 => Press { browser: other.browser.and(first.browser).map(|browser| 1 - browser), ..first },
                3 => Press { form: first.form, ..other },
                _ => other,
            };
            (server, press)
        });
        std::iter::once((server, first)).chain(others).collect()
    })
}

fn beside() -> impl Strategy<Value = Beside> {
    prop_oneof![
        20 => Just(Beside::Nothing),
        4 => Just(Beside::Wipe),
        1 => Just(Beside::Close),
        6 => (entry(), end()).prop_map(|(entry, end)| Beside::End { entry, end }),
        4 => any::<bool>().prop_map(Beside::RequirePostcode),
    ]
}

fn planted() -> impl Strategy<Value = Planted> + Clone {
    prop_oneof![
        Just(Planted::Garbage),
        entry().prop_map(Planted::OfAnotherKey),
        entry().prop_map(Planted::OfAnotherEpoch),
        (entry(), 0..4000_usize).prop_map(|(entry, bit)| Planted::OneBitOff(entry, bit)),
    ]
}

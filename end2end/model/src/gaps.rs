//! What the shipped decisions do not keep: worlds without any flaw in which a promise is broken all the same. Each is
//! to be closed in the server, and then moves into [`crate::configurations`]; until then it is held here by a test,
//! so that nobody mistakes the four explorations for more than they are.

use crate::bounds::{Bounds, Faults, Press};
use crate::properties;
use crate::world::World;

/// A world in which a promise is broken.
#[derive(Clone, Debug)]
pub struct Gap {
    /// What happens, in a sentence.
    pub what: &'static str,
    /// Name of the property that fails.
    pub property: &'static str,
    /// Where.
    pub world: World,
}

/// Every known gap.
pub fn known() -> Vec<Gap> {
    vec![receipt_by_cookie(), expiry_while_in_doubt()]
}

/// A page loaded again is answered with the original receipt because the browser proves itself, but its own token is
/// not consumed: after a withdrawal, a late retry of the second page registers anew.
fn receipt_by_cookie() -> Gap {
    let again = Press { name: "Ada's other page", token: 1, ..Press::new("", 0, 0) };
    let bounds = Bounds {
        name: "gap: receipt by cookie",
        presses: vec![Press::new("Ada", 0, 0).sent(1), again.sent(2)],
        withdrawals: 1,
        is_symmetric: false,
        ..Bounds::default()
    };
    Gap {
        what: "a retry of a page that was answered by its cookie registers anew after a withdrawal",
        property: properties::SAME_RECEIPT,
        world: World { bounds, sights: Vec::new() },
    }
}

/// The claim row cannot be seen while the transaction that makes it is in doubt, and a look-up does not wait for it.
fn expiry_while_in_doubt() -> Gap {
    let bounds = Bounds {
        name: "gap: expiry in doubt",
        presses: vec![Press::new("Ada", 0, 0).sent(2)],
        tokens_expire: true,
        faults: Faults { lost_answers: 1, ..Faults::default() },
        is_symmetric: false,
        ..Bounds::default()
    };
    Gap {
        what: "a token that expires while its commit is in doubt is refused as expired, and the commit may stand",
        property: properties::NO_FALSE_REFUSAL,
        world: World { bounds, sights: Vec::new() },
    }
}

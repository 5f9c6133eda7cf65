//! The draw of a case.

use model::reference::values::Mode;
use server::store::{self, DrawSpec};
use shared::{Asked, Category, DrawRules};

use crate::transitions::{HOUR, Setting};

/// Who is told of each entry.
pub const DESTINATIONS: [&str; 2] = ["confirmation", "roster"];

/// What its organiser writes: open for three days.
pub fn spec(setting: &Setting, slug: String, opens_at: i64) -> DrawSpec {
    let category = |id: &str, member_id: Option<&str>| Category {
        id: id.to_owned(),
        label: id.to_owned(),
        min_party: 1,
        max_party: 1,
        member_id: member_id.map(str::to_owned),
    };
    DrawSpec {
        title: slug.clone(),
        slug,
        description: String::new(),
        timezone: "Europe/London".to_owned(),
        opens_at,
        closes_at: opens_at + 72 * HOUR,
        draws_at: None,
        mode: match setting.mode {
            Mode::Lenient => store::Mode::Lenient,
            Mode::Strict => store::Mode::Strict,
        },
        capacity: setting.capacity.map(|capacity| capacity as u32),
        terms_url: None,
        privacy_url: None,
        contact: None,
        rules: DrawRules {
            postcode: Asked::Optional,
            phone: Asked::Optional,
            one_per_phone: setting.one_per_phone,
            categories: vec![category("general", None), category("member", Some("M#"))],
            ..DrawRules::default()
        },
        destinations: DESTINATIONS.map(str::to_owned).to_vec(),
    }
}

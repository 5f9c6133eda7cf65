//! The draw that is registered for.

const FILE: &str = include_str!("draw.toml");
/// The slug in the file.
pub const SLUG: &str = "load";

/// The draw as a file for `drawbridge draw apply`, under a slug. It is open from 2020 to the end of 2098 and asks for
/// a name, an email, a country, a category, a session and a party; a phone number may be given.
pub fn file(slug: &str) -> String {
    FILE.replace(&format!("slug = \"{SLUG}\""), &format!("slug = \"{slug}\""))
}

/// What it asks.
#[cfg(test)]
pub fn rules() -> shared::DrawRules {
    #[derive(serde::Deserialize)]
    struct File {
        draw: Vec<shared::DrawRules>,
    }
    toml::from_str::<File>(FILE).unwrap().draw.remove(0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_slug_is_replaced() {
        let file = super::file("other");
        assert!(file.contains("slug = \"other\"") && !file.contains("slug = \"load\""));
    }
}

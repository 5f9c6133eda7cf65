//! The choice of a country. The list is only ever made on the server: 249 names would be a large part of
//! what the browser has to load, and the browser finds them in the page anyway.

/// The options of the form's `<select>`, as HTML: of those `allowed` (ISO 3166-1 alpha-2), or of all when
/// there are none, with `chosen` selected.
pub fn options(allowed: &[String], chosen: &str) -> String {
    let mut html = r#"<option value="">Choose a country</option>"#.to_owned();
    let mut known: Vec<(&str, &str)> = include_str!("countries.txt")
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(code, _)| allowed.is_empty() || allowed.iter().any(|allowed| allowed == code))
        .collect();
    known.sort_by_key(|(_, name)| sorting_name(name));
    let chosen = chosen.trim().to_ascii_uppercase();
    for (code, name) in known {
        let selected = if code == chosen { " selected" } else { "" };
        html.push_str(&format!(r#"<option value="{code}"{selected}>{name}</option>"#));
    }
    html
}

/// Åland belongs to A, not behind Zimbabwe.
fn sorting_name(name: &str) -> String {
    name.replace('Å', "A").replace('é', "e").replace('ô', "o").replace('ü', "u")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_assigned_code_has_a_name() {
        let codes: Vec<&str> = include_str!("countries.txt").lines().map(|line| &line[..2]).collect();
        assert_eq!(codes.join(" "), shared::countries::CODES);
    }

    #[test]
    fn names_need_no_escaping() {
        assert!(!include_str!("countries.txt").contains(['<', '>', '&', '"']));
    }

    #[test]
    fn only_allowed_countries_are_offered_and_the_chosen_one_is_selected() {
        let html = options(&["GB".to_owned(), "IE".to_owned()], "ie");
        assert_eq!(html.matches("<option").count(), 3);
        assert!(html.contains(r#"<option value="IE" selected>Ireland"#));
        assert_eq!(options(&[], "").matches("<option").count(), 250);
    }
}

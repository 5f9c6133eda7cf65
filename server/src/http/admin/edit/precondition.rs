//! Which version an edit follows: the form says so in a field, programs in `If-Match` (RFC 9110, 13.1.1).

use axum::http::{HeaderMap, header};
use shared::Problem;

use crate::admission::ending::Refusal;
use crate::store::draws::Expected;

/// The versions that the stored one may be. Where field and header are both there, both count.
///
/// # Errors
/// `malformed-body` when there is neither, or the field is no number.
pub fn expected(headers: &HeaderMap, field: Option<&str>) -> Result<Expected, Refusal> {
    let typed =
        field.map(|text| text.trim().parse::<i64>().map_err(|_| refusal("is no number"))).transpose()?;
    let matched = headers.contains_key(header::IF_MATCH).then(|| if_match(headers));
    match (typed, matched) {
        (None, None) => Err(refusal("is not given, nor is If-Match")),
        (None, Some(expected)) => Ok(expected),
        (Some(version), None | Some(Expected::Any)) => Ok(Expected::OneOf(vec![version])),
        (Some(version), Some(Expected::OneOf(versions))) => {
            Ok(Expected::OneOf(versions.into_iter().filter(|other| *other == version).collect()))
        }
    }
}

fn refusal(why: &str) -> Refusal {
    let detail = format!(
        "An edit names the version it follows, and the field version {why}. Load the draw's edit page: its ETag is the version."
    );
    Refusal { detail: Some(detail), ..Problem::MalformedBody.into() }
}

/// What `If-Match` allows. A tag that is weak, or none of ours, matches nothing.
fn if_match(headers: &HeaderMap) -> Expected {
    let lines = headers.get_all(header::IF_MATCH).iter().filter_map(|line| line.to_str().ok());
    let tags: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    if tags == ["*"] {
        return Expected::Any;
    }
    let version = |tag: &&str| {
        let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
        let version: i64 = digits.parse().ok()?;
        // One version has one tag: "07" is not "7".
        (version.to_string() == digits).then_some(version)
    };
    Expected::OneOf(tags.iter().filter_map(version).collect())
}

/// The tag of a version.
pub fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(field: Option<&str>, lines: &[&'static str]) -> Option<Expected> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, axum::http::HeaderValue::from_static(line));
        }
        expected(&headers, field).ok()
    }

    fn one_of(versions: &[i64]) -> Option<Expected> {
        Some(Expected::OneOf(versions.to_vec()))
    }

    #[test]
    fn the_header_names_strong_tags_or_anything() {
        assert_eq!(asked(None, &["*"]), Some(Expected::Any));
        assert_eq!(asked(None, &["\"7\""]), one_of(&[7]));
        assert_eq!(asked(None, &["\"7\" , \"9\"", "\"12\""]), one_of(&[7, 9, 12]));
        for nothing in ["W/\"7\"", "7", "\"7", "\"07\"", "\"+7\"", "\"\"", "", "\"seven\"", "*, \"x\""] {
            assert_eq!(asked(None, &[nothing]), one_of(&[]), "{nothing}");
        }
        assert_eq!(asked(None, &["W/\"7\", \"8\""]), one_of(&[8]));
    }

    #[test]
    fn field_and_header_both_count() {
        assert_eq!(asked(Some(" 7 "), &[]), one_of(&[7]));
        assert_eq!(asked(Some("7"), &["*"]), one_of(&[7]));
        assert_eq!(asked(Some("7"), &["\"7\", \"8\""]), one_of(&[7]));
        assert_eq!(asked(Some("7"), &["\"8\""]), one_of(&[]));
        assert_eq!(asked(None, &[]), None);
        for no_number in ["", "x", "7.0", "99999999999999999999"] {
            assert_eq!(asked(Some(no_number), &["*"]), None, "{no_number:?}");
        }
    }
}

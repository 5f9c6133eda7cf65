//! `Authorization: Bearer <API key>` (RFC 6750).

use axum::http::{HeaderMap, HeaderValue, header};

use crate::integrators::{ApiKey, Credentials};

/// What an answer without credentials, or with bad ones, asks for in `WWW-Authenticate`.
pub const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer");

/// What a request shows of an API key. Other schemes are not ours: a proxy in front of a draw that is not
/// public yet may ask for a password and pass it on.
pub fn credentials(headers: &HeaderMap) -> Credentials {
    let mut shown = headers.get_all(header::AUTHORIZATION).iter().filter_map(bearer);
    match (shown.next(), shown.next()) {
        (None, _) => Credentials::Anonymous,
        (Some(token), None) => {
            let key = std::str::from_utf8(token).ok().and_then(ApiKey::parse);
            key.map_or(Credentials::Malformed, Credentials::ApiKey)
        }
        (Some(_), Some(_)) => Credentials::Malformed,
    }
}

/// What follows the scheme, when that is Bearer, in any case.
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer";
    let (scheme, rest) = value.as_bytes().split_at_checked(SCHEME.len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(SCHEME) && rest.first().is_none_or(|byte| *byte == b' ');
    is_bearer.then(|| rest.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::Ambient;

    fn shown(values: &[&[u8]]) -> Credentials {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(value).expect("a header"));
        }
        credentials(&headers)
    }

    #[test]
    fn a_bearer_token_is_a_key_or_malformed_and_other_schemes_are_not_ours() {
        let key = ApiKey::new(&Ambient::system());
        let text = key.reveal();
        let header = format!("Bearer {text}").into_bytes();
        let known = Credentials::ApiKey(key);
        assert_eq!(shown(&[&header]), known);
        assert_eq!(shown(&[format!("bEARER   {text}").as_bytes()]), known);
        assert_eq!(shown(&[b"Basic YTpi", &header]), known);
        for anonymous in [b"".as_slice(), b"Basic YTpi", b"Bearers x", text.as_bytes(), b"\xff"] {
            assert_eq!(shown(&[anonymous]), Credentials::Anonymous, "{anonymous:?}");
        }
        assert_eq!(shown(&[]), Credentials::Anonymous);
        let twice = format!("Bearer {text} {text}").into_bytes();
        let listed = format!("Bearer {text}, Bearer {text}").into_bytes();
        for malformed in
            [b"Bearer".as_slice(), b"Bearer ", b"Bearer \xff\xfe", b"Bearer dbk_x", &twice, &listed]
        {
            assert_eq!(shown(&[malformed]), Credentials::Malformed, "{malformed:?}");
        }
        assert_eq!(shown(&[&header, &header]), Credentials::Malformed);
    }
}

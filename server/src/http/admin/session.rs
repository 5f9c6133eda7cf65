//! The cookie of a signed-in browser: 32 random bytes. The database holds their hash only, so that who
//! reads it cannot sign in.

use axum::http::HeaderMap;
use axum_extra::extract::cookie::Cookie;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::config::Origin;
use crate::http::{HttpResult, cookies};
use crate::secrets::{Digest, Keys};
use crate::state::App;
use crate::store::organisers::{NewSignIn, Organiser};

const COOKIE: &str = "drawbridge_session";
/// Hours a sign-in lasts: a working day.
const LIFE_HOURS: i64 = 12;
/// Names the mark that forms carry.
const CSRF: &str = "organiser-csrf";

/// A session's token as a browser holds it.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// The token of a request; `None` when it has none that could be ours.
    pub fn of_request(public_url: &Origin, headers: &HeaderMap) -> Option<Self> {
        let value = cookies::value(headers, &cookies::name(public_url, COOKIE))?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(value).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// What is stored of it. The token is random, so that a plain hash cannot be turned back.
    pub fn hash(&self) -> Digest {
        Sha256::digest(self.0).into()
    }

    /// What forms of this session carry, to prove that they come from a page of this session.
    pub fn csrf(&self, keys: &Keys) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(keys.sign_cookie(CSRF, &self.0))
    }

    /// Whether a form carries what this session's forms do.
    pub fn is_csrf(&self, keys: &Keys, sent: &str) -> bool {
        BASE64_URL_SAFE_NO_PAD.decode(sent).is_ok_and(|mac| keys.is_cookie(CSRF, &self.0, &mac))
    }
}

/// Signs a browser in, under a new token; the sign-in it had before ends.
///
/// # Errors
/// When the store fails.
pub async fn begin(app: &App, organiser: Organiser, replaces: Option<&Token>) -> HttpResult<Cookie<'static>> {
    let token = Token(app.ambient.random());
    let sign_in = NewSignIn {
        token: token.hash(),
        organiser,
        expires_at: app.ambient.now() + LIFE_HOURS * 3_600_000,
        replaces: replaces.map(Token::hash),
    };
    app.store.add_sign_in(&sign_in).await?;
    let mut cookie = cookies::sealed(app, COOKIE, BASE64_URL_SAFE_NO_PAD.encode(token.0));
    cookie.set_max_age(time::Duration::hours(LIFE_HOURS));
    Ok(cookie)
}

/// Makes a browser forget its token.
pub fn forget(app: &App) -> Cookie<'static> {
    let mut cookie = cookies::sealed(app, COOKIE, String::new());
    cookie.set_max_age(time::Duration::ZERO);
    cookie
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    #[test]
    fn a_form_of_another_session_proves_nothing() {
        let keys = Keys::new(&Secret::new([1; 32]), None);
        let (mine, other) = (Token([1; 32]), Token([2; 32]));
        assert!(mine.is_csrf(&keys, &mine.csrf(&keys)));
        assert!(!mine.is_csrf(&keys, &other.csrf(&keys)));
        for wrong in ["", "=", "AAAAAAAAAAAAAAAAAAAAAA", "%00"] {
            assert!(!mine.is_csrf(&keys, wrong), "{wrong:?}");
        }
    }
}

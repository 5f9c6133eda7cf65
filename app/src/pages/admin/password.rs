//! `/admin/password`.

use leptos::prelude::*;
use shared::limits;

use super::models::PasswordView;
use super::parts::{Field, csrf, field, trail};
use crate::components::notice;
use crate::layout::document;
use crate::models::Chrome;

/// The form for another password.
pub fn password_page(chrome: &Chrome, page: &PasswordView) -> String {
    document(chrome, "Change your password", || {
        let email = chrome.organiser.as_ref().map(|organiser| organiser.email.clone()).unwrap_or_default();
        let hint = format!(
            "At least {} characters. Several words are easy to remember.",
            limits::PASSWORD_CHARS_MIN
        );
        view! {
            {trail(&[])}
            <section class="panel panel--narrow signin">
                <h1>"Change your password"</h1>
                <p>"You are signed in as "<strong>{email.clone()}</strong>". Every other browser you are signed in
                    with is signed out."</p>
                {page.notice.as_ref().map(notice)}
                <form method="post" action="/admin/password" novalidate>
                    {csrf(chrome)}
                    // Tells password managers whose password this is.
                    <input type="text" name="email" value=email autocomplete="username" readonly hidden/>
                    {field(Field {
                        name: "current",
                        label: "Present password",
                        kind: "password",
                        autocomplete: "current-password",
                        value: "",
                        hint: None,
                        error: page.current.as_deref(),
                    })}
                    {field(Field {
                        name: "new",
                        label: "New password",
                        kind: "password",
                        autocomplete: "new-password",
                        value: "",
                        hint: Some(hint),
                        error: page.new.as_deref(),
                    })}
                    {field(Field {
                        name: "repeated",
                        label: "New password, again",
                        kind: "password",
                        autocomplete: "new-password",
                        value: "",
                        hint: None,
                        error: page.repeated.as_deref(),
                    })}
                    <button class="button" id="change-password">"Change the password"</button>
                </form>
            </section>
        }
    })
}

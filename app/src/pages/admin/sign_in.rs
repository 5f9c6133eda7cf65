//! `/admin/sign-in`.

use leptos::prelude::*;

use super::models::SignInView;
use super::parts::{Field, field};
use crate::components::notice;
use crate::layout::{Head, document_with};
use crate::models::Chrome;

/// The form organisers sign in with.
pub fn sign_in_page(chrome: &Chrome, sign_in: &SignInView) -> String {
    let head = Head { title: "Sign in", private: true, is_admin: true, ..Head::default() };
    document_with(chrome, head, || {
        view! {
            <section class="panel panel--narrow signin">
                <h1>"Sign in as an organiser"</h1>
                {sign_in.notice.as_ref().map(notice)}
                <form method="post" action="/admin/sign-in" novalidate>
                    <input type="hidden" name="next" value=sign_in.next.clone()/>
                    {field(Field {
                        name: "email",
                        label: "Email address",
                        kind: "email",
                        autocomplete: "username",
                        value: &sign_in.email,
                        hint: None,
                        error: None,
                    })}
                    {field(Field {
                        name: "password",
                        label: "Password",
                        kind: "password",
                        autocomplete: "current-password",
                        value: "",
                        hint: None,
                        error: None,
                    })}
                    <button class="button" id="sign-in">"Sign in"</button>
                </form>
            </section>
        }
    })
}

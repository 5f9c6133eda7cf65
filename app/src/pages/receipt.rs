//! `/receipts/{code}` and the confirmation of a withdrawal.

use leptos::prelude::*;

use crate::components::{contact_link, notice, time};
use crate::layout::{Head, document_with};
use crate::models::{Chrome, ReceiptState, ReceiptView};

/// A receipt: what was registered, what it is worth now, and what can be done with it.
pub fn receipt_page(chrome: &Chrome, receipt: &ReceiptView) -> String {
    let head = Head { title: "Your receipt", private: true, ..Head::default() };
    document_with(chrome, head, || {
        view! {
            {receipt.notice.as_ref().map(notice)}
            <article class="receipt" data-state=state_name(receipt.state)>
                {headline(receipt)}
                {details(receipt)}
                {actions(receipt)}
            </article>
        }
    })
}

fn state_name(state: ReceiptState) -> &'static str {
    match state {
        ReceiptState::Registered => "registered",
        ReceiptState::Withdrawn => "withdrawn",
        ReceiptState::Removed => "removed",
    }
}

fn headline(receipt: &ReceiptView) -> impl IntoView + use<> {
    let (title, text) = match receipt.state {
        ReceiptState::Registered => (
            "You are registered",
            "Keep this page: its address is your receipt. Bookmark it, print it, or note the code below.",
        ),
        ReceiptState::Withdrawn => (
            "You have withdrawn",
            "This entry does not take part any more, and its personal data has been deleted.",
        ),
        ReceiptState::Removed => (
            "This entry was removed",
            "An organiser has taken it out of the draw. Ask them if you do not know why.",
        ),
    };
    view! {
        <header class="receipt__head">
            <p class="receipt__draw">{receipt.draw_title.clone()}</p>
            <h1>{title}</h1>
            <p>{text}</p>
        </header>
    }
}

fn details(receipt: &ReceiptView) -> impl IntoView + use<> {
    let row = |label: &'static str, value: Option<String>| {
        value.map(|value| view! { <div><dt>{label}</dt><dd>{value}</dd></div> })
    };
    view! {
        <div class="receipt__code">
            <p class="receipt__label" id="code-label">"Receipt code"</p>
            <p><code id="receipt-code" aria-labelledby="code-label" role="group">{receipt.code.clone()}</code></p>
        </div>
        <dl class="definition">
            <div><dt>"Registered"</dt><dd>{time(&receipt.registered)}</dd></div>
            {row("Name", receipt.name.clone())}
            {row("Email", receipt.email.clone())}
            {row("Category", receipt.category.clone())}
            {row("Session", receipt.session.clone())}
            {row("People", receipt.party_size.map(|size| size.to_string()))}
            <div><dt>"Draw closes"</dt><dd>{time(&receipt.closes)}</dd></div>
            {receipt.draws.as_ref().map(|draws| view! { <div><dt>"Winners drawn"</dt><dd>{time(draws)}</dd></div> })}
            {receipt.contact.as_ref().map(|contact| view! {
                <div><dt>"Questions"</dt><dd>{contact_link(contact)}</dd></div>
            })}
        </dl>
        {receipt.name.as_ref().map(|_| view! {
            <p class="receipt__mask">
                "Name and email are shortened, because whoever has this address sees this page."
            </p>
        })}
    }
}

fn actions(receipt: &ReceiptView) -> impl IntoView + use<> {
    let base = format!("/receipts/{}", receipt.code);
    let is_registered = receipt.state == ReceiptState::Registered;
    let calendar = (is_registered && receipt.draws.is_some()).then(|| format!("{base}/calendar.ics"));
    let withdraw = (is_registered && receipt.can_withdraw).then(|| format!("{base}/withdraw"));
    view! {
        <p class="receipt__actions">
            {calendar.map(|href| view! { <a class="button" href=href id="calendar">"Add to calendar"</a> })}
            <a class="button button--secondary" href=format!("/draws/{}", receipt.draw_slug)>"About this draw"</a>
            {withdraw.map(|href| view! { <a class="button button--quiet" href=href id="withdraw">"Withdraw"</a> })}
        </p>
    }
}

/// Asks whether the entrant really means to withdraw.
pub fn withdraw_page(chrome: &Chrome, receipt: &ReceiptView) -> String {
    let head = Head { title: "Withdraw", private: true, ..Head::default() };
    let base = format!("/receipts/{}", receipt.code);
    document_with(chrome, head, || {
        view! {
            {receipt.notice.as_ref().map(notice)}
            <section class="panel panel--narrow">
                <h1>"Withdraw from this draw?"</h1>
                <p>"Your entry in " <strong>{receipt.draw_title.clone()}</strong>
                    " will not take part, and its personal data is deleted at once. This cannot be undone."</p>
                <p>"You can register anew until " {time(&receipt.closes)} "."</p>
                <form method="post" action=format!("{base}/withdraw") class="panel__actions">
                    <button id="confirm-withdraw" class="button button--danger">"Withdraw my entry"</button>
                    <a class="button button--secondary" href=base.clone()>"Keep my entry"</a>
                </form>
            </section>
        }
    })
}

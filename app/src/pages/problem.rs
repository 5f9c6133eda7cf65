//! Pages for failed requests, and for what the problem types of the API mean.

use leptos::prelude::*;

use crate::layout::{Head, document, document_with};
use crate::models::{Chrome, ProblemView};

/// A failed request, or, without a request id, the explanation of a problem type.
pub fn problem_page(chrome: &Chrome, problem: &ProblemView) -> String {
    let ProblemView { status, code, title, detail, request_id, retry_after } = problem.clone();
    document(chrome, &problem.title, || {
        view! {
            <section class="problem" data-problem=code.clone()>
                <p class="problem__status">{status}</p>
                <h1>{title}</h1>
                <p class="lead">{detail}</p>
                {retry_after.map(|seconds| view! { <p id="retry-after">{again(seconds)}</p> })}
                {match request_id {
                    Some(id) => view! {
                        <p class="problem__id">"Request id " <code id="request-id">{id}</code></p>
                    }.into_any(),
                    None => view! {
                        <p class="problem__id">"Problem type " <code>{code.clone()}</code> ", HTTP status " {status}</p>
                    }.into_any(),
                }}
                <p class="panel__actions"><a class="button" href="/">"All draws"</a></p>
            </section>
        }
    })
}

fn again(seconds: u32) -> String {
    match seconds {
        0 | 1 => "Try again in a moment.".to_owned(),
        2..120 => format!("Try again in {seconds} seconds."),
        _ => format!("Try again in {} minutes.", seconds.div_ceil(60)),
    }
}

/// Every problem type, for those who write clients of the API.
pub fn problems_page(chrome: &Chrome, problems: &[ProblemView]) -> String {
    // For its table.
    let head = Head { title: "Problem types", private: true, is_admin: true, ..Head::default() };
    document_with(chrome, head, || {
        let rows = problems.iter().map(|problem| {
            let href = format!("/problems/{}", problem.code);
            view! {
                <tr>
                    <td data-label="Type"><a href=href><code>{problem.code.clone()}</code></a></td>
                    <td data-label="Status">{problem.status}</td>
                    <td data-label="Meaning">{problem.title.clone()}</td>
                </tr>
            }
        });
        view! {
            <div class="intro">
                <h1>"Problem types"</h1>
                <p class="lead">
                    "What an error of the API can be. Clients branch on " <code>"type"</code> "; the words may change."
                </p>
            </div>
            <table class="table">
                <thead><tr><th scope="col">"Type"</th><th scope="col">"Status"</th><th scope="col">"Meaning"</th></tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        }
    })
}

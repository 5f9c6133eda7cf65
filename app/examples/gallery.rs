//! Writes every public page with sample data into a folder, to look at while designing:
//! `cargo run -p app --features ssr --example gallery -- FOLDER`.
//!
//! The pages expect the assets below `/assets/`, as `main.css`, `app.js`, `app.wasm`, `boot.js`, `icon.svg`.

use std::path::PathBuf;

use app::models::{
    Assets, Chrome, DrawCard, DrawView, FormValues, FormView, Notice, ProblemView, ReceiptState, ReceiptView,
    Tone, When,
};
use shared::{Asked, Category, DrawRules, FieldError, Phase, Problem, Session};

/// Milliseconds since 1970: 3 June 2026, 12:00 UTC.
const NOW: i64 = 1_780_488_000_000;
const DAY: i64 = 86_400_000;

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "gallery".to_owned()));
    std::fs::create_dir_all(&folder)?;
    for (name, html) in pages() {
        std::fs::write(folder.join(name).with_extension("html"), html)?;
    }
    Ok(())
}

fn pages() -> Vec<(&'static str, String)> {
    let chrome = chrome();
    let open = draw(Phase::Open);
    let mut pages = vec![
        ("draws", app::draws_page(&chrome, &cards())),
        ("draws-empty", app::draws_page(&chrome, &[])),
        ("register", app::register_page(&chrome, &open, Some(form()))),
        ("register-errors", app::register_page(&chrome, &open, Some(form_with_errors()))),
        (
            "register-capped",
            app::register_page(&chrome, &capped(), Some(FormView { capped: true, ..form() })),
        ),
        ("not-open", app::register_page(&chrome, &not_open(), None)),
        ("full", app::register_page(&chrome, &DrawView { is_full: true, ..capped() }, None)),
        ("closed", app::register_page(&chrome, &draw(Phase::Closed), None)),
        ("cancelled", app::register_page(&chrome, &draw(Phase::Cancelled), None)),
        ("result", app::result_page(&chrome, &draw(Phase::Closed))),
        ("receipt", app::receipt_page(&chrome, &receipt(ReceiptState::Registered))),
        ("receipt-withdrawn", app::receipt_page(&chrome, &receipt(ReceiptState::Withdrawn))),
        ("receipt-removed", app::receipt_page(&chrome, &receipt(ReceiptState::Removed))),
        ("withdraw", app::withdraw_page(&chrome, &receipt(ReceiptState::Registered))),
    ];
    let failed = |problem, request_id| problem_view(problem, request_id);
    let request_id = Some("01975f2a-7c4b-7e0a-9d51-3f8e6a2b1c90");
    pages.extend([
        ("problem-404", app::problem_page(&chrome, &failed(Problem::NotFound, request_id))),
        ("problem-500", app::problem_page(&chrome, &failed(Problem::Internal, request_id))),
        ("problem-429", app::problem_page(&chrome, &failed(Problem::RateLimited, request_id))),
        ("problem-type", app::problem_page(&chrome, &failed(Problem::KeyReused, None))),
    ]);
    let all: Vec<ProblemView> = Problem::ALL.iter().map(|problem| problem_view(*problem, None)).collect();
    pages.push(("problems", app::problems_page(&chrome, &all)));
    pages
}

fn chrome() -> Chrome {
    let asset = |name: &str| format!("/assets/{name}");
    Chrome {
        nonce: "gallery".to_owned(),
        assets: Assets {
            css: asset("main.css"),
            admin_css: asset("admin.css"),
            js: asset("app.js"),
            wasm: asset("app.wasm"),
            boot: asset("boot.js"),
            icon: asset("icon.svg"),
        },
        organiser: None,
    }
}

fn when(ms: i64, text: &str) -> When {
    When { ms, iso: "2026-06-01T09:00:00Z".to_owned(), text: text.to_owned() }
}

fn cards() -> Vec<DrawCard> {
    let card = |slug: &str, title: &str, description: &str, phase| DrawCard {
        slug: slug.to_owned(),
        title: title.to_owned(),
        description: description.to_owned(),
        phase,
        opens: when(NOW + DAY, "Thursday 4 June 2026, 10:00 BST"),
        closes: when(NOW + 5 * DAY, "Monday 8 June 2026, 10:00 BST"),
    };
    vec![
        card("summer-ballot", "Summer Ballot", DESCRIPTION, Phase::Open),
        card(
            "allotments",
            "Allotments on Mill Lane",
            "Twelve plots, let for three years each.",
            Phase::Announced,
        ),
        card(
            "marathon",
            "River Marathon",
            "A place on the start line for runners and relay teams.",
            Phase::Closed,
        ),
    ]
}

const DESCRIPTION: &str = "Two evenings in the walled garden, with music until the light goes and supper under the \
    lime trees.\n\nWinners are drawn by lot after registration has closed, from a list that is published beforehand.";

fn rules() -> DrawRules {
    let category = |id: &str, label: &str, min_party, max_party, member_id: Option<&str>| Category {
        id: id.to_owned(),
        label: label.to_owned(),
        min_party,
        max_party,
        member_id: member_id.map(str::to_owned),
    };
    let session = |id: &str, label: &str, excludes: &[&str]| Session {
        id: id.to_owned(),
        label: label.to_owned(),
        excludes: excludes.iter().map(|id| (*id).to_owned()).collect(),
    };
    DrawRules {
        min_age: Some(16),
        countries: vec!["GB".to_owned(), "IE".to_owned()],
        country: Asked::Required,
        postcode: Asked::Required,
        phone: Asked::Required,
        date_of_birth: Asked::Required,
        one_per_phone: true,
        categories: vec![
            category("general", "General", 1, 4, None),
            category("family", "Family", 2, 6, None),
            category("member", "Members", 1, 2, Some("M######")),
        ],
        sessions: vec![
            session("sat-evening", "Saturday evening", &["family"]),
            session("sun-matinee", "Sunday matinee", &[]),
        ],
    }
}

fn draw(phase: Phase) -> DrawView {
    let closes_at = if phase == Phase::Open { NOW + 5 * DAY } else { NOW - DAY };
    DrawView {
        slug: "summer-ballot".to_owned(),
        title: "Summer Ballot".to_owned(),
        description: DESCRIPTION.to_owned(),
        phase,
        is_full: false,
        capacity: None,
        opens: when(NOW - 2 * DAY, "Monday 1 June 2026, 10:00 BST"),
        closes: when(closes_at, "Monday 8 June 2026, 10:00 BST"),
        draws: Some(when(NOW + 6 * DAY, "Tuesday 9 June 2026, 13:00 BST")),
        terms_url: Some("https://example.org/terms".to_owned()),
        privacy_url: Some("https://example.org/privacy".to_owned()),
        contact: Some("ballot@example.org".to_owned()),
        rules: rules(),
        server_time: NOW,
    }
}

fn capped() -> DrawView {
    DrawView { capacity: Some(400), ..draw(Phase::Open) }
}

fn not_open() -> DrawView {
    let opens = when(NOW + DAY + 7_384_000, "Thursday 4 June 2026, 15:03 BST");
    let closes = when(NOW + 5 * DAY, "Monday 8 June 2026, 10:00 BST");
    DrawView { opens, closes, ..draw(Phase::Announced) }
}

fn form() -> FormView {
    FormView {
        slug: "summer-ballot".to_owned(),
        rules: rules(),
        today: "2026-06-03".to_owned(),
        closing_date: "2026-06-08".to_owned(),
        capped: false,
        token: "AZ5tq3sAAGVuZ2xpc2hicmVha2Zhc3R0b2tlbm9mdGhlcGFn".to_owned(),
        token_expires_at: NOW + DAY,
        server_time: NOW,
        terms_url: Some("https://example.org/terms".to_owned()),
        privacy_url: Some("https://example.org/privacy".to_owned()),
        ..FormView::default()
    }
}

fn form_with_errors() -> FormView {
    let values = FormValues {
        full_name: "Ada Lovelace".to_owned(),
        email: "ada@example".to_owned(),
        phone: "01632 960961".to_owned(),
        date_of_birth: "2009-12-10".to_owned(),
        country: "GB".to_owned(),
        postcode: "AB1 2CD".to_owned(),
        category: "family".to_owned(),
        session: "sat-evening".to_owned(),
        party_size: "2".to_owned(),
        accept_terms: true,
        ..FormValues::default()
    };
    let error = |field: &'static str, code: &'static str, message: &'static str| FieldError {
        field: field.into(),
        code: code.into(),
        message: message.into(),
    };
    let errors = vec![
        error("email", "email", "Enter an email address like name@example.org"),
        error("phone", "phone", "Enter a phone number with its country code, like +44 1632 960961"),
        error(
            "session",
            "session-excludes",
            "Saturday evening is not open to Family. Choose another session",
        ),
    ];
    FormView { values, errors, ..form() }
}

fn receipt(state: ReceiptState) -> ReceiptView {
    let is_registered = state == ReceiptState::Registered;
    let kept = |text: &str| is_registered.then(|| text.to_owned());
    let notice = Notice {
        tone: Tone::Success,
        title: "You have withdrawn".to_owned(),
        detail: "Your entry has been taken out of the draw.".to_owned(),
    };
    ReceiptView {
        code: "1f3-Zk8vQm2xT7rYb4LwN9sEhA6pDc0u".to_owned(),
        state,
        registered: when(NOW, "Wednesday 3 June 2026, 13:00:00.412 BST"),
        name: kept("A. L."),
        email: kept("a••@e••.org"),
        category: Some("General".to_owned()),
        session: Some("Sunday matinee".to_owned()),
        party_size: is_registered.then_some(2),
        draw_title: "Summer Ballot".to_owned(),
        draw_slug: "summer-ballot".to_owned(),
        draw_phase: Phase::Open,
        closes: when(NOW + 5 * DAY, "Monday 8 June 2026, 10:00 BST"),
        draws: Some(when(NOW + 6 * DAY, "Tuesday 9 June 2026, 13:00 BST")),
        contact: Some("ballot@example.org".to_owned()),
        can_withdraw: is_registered,
        notice: (state == ReceiptState::Withdrawn).then_some(notice),
    }
}

fn problem_view(problem: Problem, request_id: Option<&str>) -> ProblemView {
    ProblemView {
        status: problem.status(),
        code: problem.code().to_owned(),
        title: problem.title().to_owned(),
        detail: problem.detail().to_owned(),
        request_id: request_id.map(str::to_owned),
        retry_after: (problem == Problem::RateLimited).then_some(20),
    }
}

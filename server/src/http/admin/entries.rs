//! `/admin/draws/{slug}/entries`: who registered.

use app::pages::admin::models::{EntriesQuery, EntriesView, PagerView};
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use shared::contact::Email;
use shared::text;

use super::guard::Organiser;
use super::query::{Asked, by_key, order_name, read_by_key};
use super::{draw, views};
use crate::http::{Context, HttpResult, html};
use crate::receipt;
use crate::secrets::Keys;
use crate::state::App;
use crate::store::Draw;
use crate::store::listing::{EntryState, Exact, Filter, Order, Page, SortKey, Window};

/// Said of a page that ends where it was looked for long enough: entries that fit are rare.
const GOES_ON: &str = ", as far as was looked; the search goes on with the next page";

/// One page of the list.
///
/// # Errors
/// `draw-not-found`.
pub async fn list(
    State(app): State<App>,
    Path(slug): Path<String>,
    RawQuery(query): RawQuery,
    organiser: Organiser,
    context: Context,
) -> HttpResult {
    let draw = draw(&app, &slug).await?;
    let asked = Asked::read(query);
    let search = Search::read(&asked.q, &draw, &app.keys);
    let state = EntryState::from_name(&asked.state).unwrap_or_default();
    let order = order(&asked, &search, state);
    let page = match &search {
        Search::Exact(exact, _) => Page::only(app.store.find_entries(draw.id, exact).await?),
        Search::Name(_) | Search::Nothing => read(&app, &draw, &asked, &search, order).await?,
    };
    let path = format!("/admin/draws/{slug}/entries");
    let pager = PagerView {
        previous: page.previous.as_ref().map(|position| asked.href(&path, "before", &by_key(position))),
        next: page.next.as_ref().map(|position| asked.href(&path, "after", &by_key(position))),
    };
    let taken = app.store.taken(draw.id).await?;
    let view = EntriesView {
        draw: views::draw_ref(&draw, taken, app.ambient.now()),
        heading: heading(&asked.q, &search, state) + if page.is_cut { GOES_ON } else { "" },
        query: EntriesQuery {
            search: asked.q,
            state: state.as_str().to_owned(),
            category: asked.category,
            session: asked.session,
            sort: order_name(order).to_owned(),
        },
        categories: draw.spec.rules.categories.iter().map(|it| (it.id.clone(), it.label.clone())).collect(),
        sessions: draw.spec.rules.sessions.iter().map(|it| (it.id.clone(), it.label.clone())).collect(),
        rows: page.rows.into_iter().map(|line| views::line(&draw, line)).collect(),
        pager,
        taken,
    };
    Ok(html(StatusCode::OK, app::admin_entries_page(&organiser.chrome(&app, &context), &view)))
}

/// What a search text turns out to be.
#[derive(Debug, PartialEq, Eq)]
enum Search {
    Nothing,
    /// The beginning of a name, in lowercase.
    Name(String),
    /// What it names, and how to call the list.
    Exact(Exact, &'static str),
}

impl Search {
    /// A receipt code or an email address when it is one; else the beginning of a name.
    fn read(typed: &str, draw: &Draw, keys: &Keys) -> Self {
        let typed = text::tidy(typed);
        if typed.is_empty() {
            return Self::Nothing;
        }
        // A code is lowercase; whoever reads one from paper may not know.
        let code = typed.to_ascii_lowercase();
        if receipt::bucket_of(&code).is_some() {
            return Self::Exact(Exact::Receipt(code), "The entry of receipt");
        }
        if let Ok(email) = Email::parse(&typed) {
            return Self::Exact(Exact::Person(keys.person(draw.id, &email.canonical)), "Entries of");
        }
        Self::Name(typed.to_lowercase())
    }
}

/// What sorts the list: a search by name goes by name, ended entries have none.
fn order(asked: &Asked, search: &Search, state: EntryState) -> Order {
    match (search, asked.order()) {
        (Search::Name(_), _) => Order::Name,
        (_, Order::Name) if state != EntryState::Registered => Order::Newest,
        (_, order) => order,
    }
}

async fn read(
    app: &App,
    draw: &Draw,
    asked: &Asked,
    search: &Search,
    order: Order,
) -> HttpResult<Page<crate::store::listing::EntryLine, SortKey>> {
    let given = |text: &String| (!text.is_empty()).then(|| text.clone());
    let filter = Filter {
        state: EntryState::from_name(&asked.state).unwrap_or_default(),
        category: given(&asked.category),
        session: given(&asked.session),
        name_prefix: match search {
            Search::Name(prefix) => Some(prefix.clone()),
            Search::Nothing | Search::Exact(..) => None,
        },
    };
    let window = asked.window(|text| read_by_key(text, order));
    let page = app.store.entries(draw.id, &filter, order, &window).await?;
    let leads_on = page.previous.is_some() || page.next.is_some();
    if page.rows.is_empty() && !leads_on && window != Window::First {
        // Everything on that page has ended meanwhile.
        return Ok(app.store.entries(draw.id, &filter, order, &Window::First).await?);
    }
    Ok(page)
}

fn heading(typed: &str, search: &Search, state: EntryState) -> String {
    let typed = typed.trim();
    match (search, state) {
        (Search::Exact(_, what), _) => format!("{what} {typed}, whatever its state"),
        (Search::Name(_), EntryState::Registered) => format!("Entries whose name begins with “{typed}”"),
        (Search::Name(_), _) => "Ended entries have no name any more".to_owned(),
        (Search::Nothing, EntryState::Registered) => "Entries that take part".to_owned(),
        (Search::Nothing, EntryState::Withdrawn) => "Withdrawn entries".to_owned(),
        (Search::Nothing, EntryState::Removed) => "Removed entries".to_owned(),
    }
}

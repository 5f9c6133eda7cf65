//! `/admin`: all draws at a glance.

use leptos::prelude::*;

use super::models::{DrawTile, OverviewView};
use super::parts::{badge, caught_folded, counts, draw_href};
use crate::components::time;
use crate::islands::live::{Live, LiveClock};
use crate::layout::document;
use crate::models::Chrome;

/// A tile a draw, with counts that change while one looks.
pub fn overview_page(chrome: &Chrome, overview: &OverviewView) -> String {
    document(chrome, "Overview", || {
        provide_context(LiveClock(overview.read_at.clone()));
        view! {
            <header class="page-head"><h1>"Overview"</h1></header>
            {if overview.draws.is_empty() {
                empty().into_any()
            } else {
                view! {
                    <Live/>
                    <ul class="tiles">{overview.draws.iter().map(tile).collect_view()}</ul>
                }.into_any()
            }}
        }
    })
}

fn empty() -> impl IntoView {
    view! {
        <div class="empty">
            <h2>"No draws yet"</h2>
            <p>"Describe one in a file and run " <code>"drawbridge draw apply FILE.toml"</code>
                " on the server. It is listed here at once, drafts included."</p>
        </div>
    }
}

fn tile(tile: &DrawTile) -> impl IntoView + use<> {
    let href = draw_href(&tile.draw);
    let entries = format!("{href}/entries");
    let label = format!("Entries of {}", tile.draw.title);
    view! {
        <li class="panel tile" data-draw=tile.draw.slug.clone()>
            <div class="tile__head">
                <h2><a href=href>{tile.draw.title.clone()}</a></h2>
                {badge(&tile.draw)}
            </div>
            <p class="tile__times">{time(&tile.opens)}" to "{time(&tile.closes)}</p>
            {counts(&tile.live)}
            {caught_folded(&tile.live)}
            <p><a href=entries aria-label=label>"Entries"</a></p>
        </li>
    }
}

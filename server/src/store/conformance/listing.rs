//! Lists for organisers.

use std::collections::BTreeSet;

use super::{Bench, HOUR};
use crate::store::Draw;
use crate::store::draws::Actor;
use crate::store::entries::{CaughtHour, Ended, Ending, NewEntry, RetryCount, Written};
use crate::store::listing::{
    EntryLine, EntryState, EntryStatus, Exact, ExportedEntry, Filter, Order, PAGE_ROWS, Page, Position,
    SortKey, Window,
};

pub(super) async fn run(bench: &Bench) {
    pages_show_every_entry_once_in_both_directions(bench).await;
    a_page_goes_on_where_its_last_row_was_even_when_that_is_gone(bench).await;
    filters_narrow_and_states_are_apart(bench).await;
    few_that_fit_are_found_among_many(bench).await;
    a_name_is_found_by_its_beginning_and_nothing_in_it_means_anything_else(bench).await;
    something_exact_finds_live_and_ended_entries(bench).await;
    one_entry_tells_what_is_known_of_it(bench).await;
    an_export_reads_every_live_entry_once(bench).await;
    counts_are_those_of_now(bench).await;
}

impl Bench {
    /// An entry of this name, whose address is a function of `number`.
    fn named(&self, draw: &Draw, number: usize, name: &str) -> NewEntry {
        let mut entry = self.entry(draw, &format!("person-{number}"), None, None);
        entry.entry.full_name = name.to_owned();
        entry
    }

    async fn created(&self, draw: &Draw, batch: &[NewEntry]) {
        for written in self.write(draw, batch).await {
            assert!(matches!(written, Written::Created { .. }), "{written:?}");
        }
    }

    async fn remove(&self, code: &str) {
        let ending = Ending::Removed { reason: "a test".to_owned() };
        let ended = self.store.end(code, &ending, &Actor::CommandLine).await.expect("ends");
        assert_eq!(ended, Ended::Done);
    }

    async fn page(
        &self,
        draw: &Draw,
        filter: &Filter,
        order: Order,
        window: &Window<SortKey>,
    ) -> Page<EntryLine, SortKey> {
        self.store.entries(draw.id, filter, order, window).await.expect("lists")
    }

    async fn names(&self, draw: &Draw, prefix: &str) -> Vec<String> {
        let filter = Filter { name_prefix: Some(prefix.to_owned()), ..Filter::default() };
        let page = self.page(draw, &filter, Order::Newest, &Window::First).await;
        page.rows.into_iter().filter_map(|line| Some(line.person?.full_name)).collect()
    }
}

/// 125 entries, of which many share an instant and a name.
async fn crowd(bench: &Bench, slug: &str) -> (Draw, Vec<NewEntry>) {
    let draw = bench.draw(slug, |_| {}).await;
    let mut all = Vec::new();
    for batch in 0..5 {
        let batch: Vec<NewEntry> =
            (0..25).map(|at| bench.named(&draw, batch * 25 + at, &format!("Name {}", at % 7))).collect();
        bench.created(&draw, &batch).await;
        bench.clock.advance(1);
        all.extend(batch);
    }
    (draw, all)
}

async fn pages_show_every_entry_once_in_both_directions(bench: &Bench) {
    let (draw, all) = crowd(bench, "pages").await;
    for order in [Order::Newest, Order::Oldest, Order::Name] {
        let filter = Filter::default();
        let mut pages = vec![bench.page(&draw, &filter, order, &Window::First).await];
        while let Some(next) = pages.last().and_then(|page| page.next.clone()) {
            pages.push(bench.page(&draw, &filter, order, &Window::After(next)).await);
        }
        assert_eq!(pages.iter().map(|page| page.rows.len()).collect::<Vec<_>>(), [50, 50, 25]);
        let seen: BTreeSet<_> = pages.iter().flat_map(|page| &page.rows).map(|line| line.id).collect();
        assert_eq!(seen, all.iter().map(|entry| entry.id).collect());
        let keys: Vec<_> =
            pages.iter().flat_map(|page| &page.rows).map(|line| sort_key(line, order)).collect();
        assert!(keys.is_sorted(), "{order:?}");
        let mut back = pages[2].clone();
        for earlier in pages[..2].iter().rev() {
            let previous = back.previous.expect("not the first");
            back = bench.page(&draw, &filter, order, &Window::Before(previous)).await;
            assert_eq!(back.rows, earlier.rows, "{order:?}");
        }
        assert_eq!(back.previous, None, "{order:?}");
        assert_eq!(pages[0].previous, None, "{order:?}");
    }
}

/// What ascends in a list of that order.
fn sort_key(line: &EntryLine, order: Order) -> (String, i64, i128) {
    let id = i128::try_from(line.id.as_u128()).unwrap_or(i128::MAX);
    let name = line.person.as_ref().map(|person| person.full_name.to_lowercase()).unwrap_or_default();
    match order {
        Order::Newest => (String::new(), -line.registered_at, -id),
        Order::Oldest => (String::new(), line.registered_at, id),
        Order::Name => (name, 0, id),
    }
}

async fn a_page_goes_on_where_its_last_row_was_even_when_that_is_gone(bench: &Bench) {
    let (draw, all) = crowd(bench, "moving").await;
    let filter = Filter::default();
    let first = bench.page(&draw, &filter, Order::Oldest, &Window::First).await;
    let last = first.rows.last().expect("a full page").id;
    let code = &all.iter().find(|entry| entry.id == last).expect("one of them").receipt;
    bench.remove(code).await;
    let second = bench.page(&draw, &filter, Order::Oldest, &Window::After(first.next.expect("more"))).await;
    let seen: BTreeSet<_> = first.rows.iter().chain(&second.rows).map(|line| line.id).collect();
    assert_eq!(seen.len(), 2 * PAGE_ROWS, "none is skipped, none is shown twice");
}

async fn filters_narrow_and_states_are_apart(bench: &Bench) {
    let draw = bench.draw("filters", |_| {}).await;
    let mut batch: Vec<NewEntry> = (0..6).map(|at| bench.named(&draw, at, "Ada")).collect();
    for (at, entry) in batch.iter_mut().enumerate() {
        entry.entry.category = Some(["general", "family"][at % 2].to_owned());
        entry.entry.session = Some(["sat", "sun", "x' OR '1'='1"][at % 3].to_owned());
    }
    bench.created(&draw, &batch).await;
    bench.remove(&batch[0].receipt).await;
    let withdrawn = bench.store.end(&batch[1].receipt, &Ending::Withdrawn, &Actor::Entrant).await;
    assert_eq!(withdrawn.expect("ends"), Ended::Done);
    let count = async |state: EntryState, category: Option<&str>, session: Option<&str>| {
        let (category, session) = (category.map(str::to_owned), session.map(str::to_owned));
        let filter = Filter { state, category, session, name_prefix: None };
        let page = bench.page(&draw, &filter, Order::Name, &Window::First).await;
        assert!(page.rows.iter().all(|line| line.state == state));
        assert!(page.rows.iter().all(|line| line.person.is_some() == (state == EntryState::Registered)));
        page.rows.len()
    };
    assert_eq!(count(EntryState::Registered, None, None).await, 4);
    assert_eq!(count(EntryState::Registered, Some("family"), None).await, 2);
    assert_eq!(count(EntryState::Registered, Some("family"), Some("sat")).await, 1);
    assert_eq!(count(EntryState::Registered, None, Some("x' OR '1'='1")).await, 2);
    assert_eq!(count(EntryState::Registered, Some("fam%"), None).await, 0);
    assert_eq!(count(EntryState::Removed, None, None).await, 1);
    assert_eq!(count(EntryState::Removed, Some("general"), Some("sat")).await, 1);
    assert_eq!(count(EntryState::Withdrawn, Some("general"), None).await, 0);
}

/// More entries than are looked at in one step: whoever turns the pages sees those that fit once, in both directions,
/// wherever pages were cut.
async fn few_that_fit_are_found_among_many(bench: &Bench) {
    let draw = bench.draw("few-among-many", |_| {}).await;
    let mut fit = BTreeSet::new();
    for batch in 0..16 {
        let mut batch: Vec<NewEntry> =
            (0..50).map(|at| bench.named(&draw, batch * 50 + at, &format!("Name {}", at % 7))).collect();
        for (at, entry) in batch.iter_mut().enumerate() {
            entry.entry.category = Some(if at % 23 == 3 { "family" } else { "general" }.to_owned());
            fit.extend((at % 23 == 3).then_some(entry.id));
        }
        bench.created(&draw, &batch).await;
        bench.clock.advance(1);
    }
    let filter = Filter { category: Some("family".to_owned()), ..Filter::default() };
    for order in [Order::Newest, Order::Oldest, Order::Name] {
        let mut pages = vec![bench.page(&draw, &filter, order, &Window::First).await];
        while let Some(next) = pages.last().and_then(|page| page.next.clone()) {
            pages.push(bench.page(&draw, &filter, order, &Window::After(next)).await);
        }
        let lines: Vec<EntryLine> = pages.iter().flat_map(|page| page.rows.clone()).collect();
        assert_eq!(lines.len(), fit.len(), "{order:?}: each once");
        assert_eq!(lines.iter().map(|line| line.id).collect::<BTreeSet<_>>(), fit, "{order:?}");
        assert!(lines.iter().map(|line| sort_key(line, order)).is_sorted(), "{order:?}");
        let mut page = pages.pop().expect("there is one");
        let mut back = page.rows;
        while let Some(previous) = page.previous {
            page = bench.page(&draw, &filter, order, &Window::Before(previous)).await;
            back.splice(0..0, page.rows.iter().cloned());
        }
        assert_eq!(back, lines, "{order:?}: the same on the way back");
    }
}

async fn a_name_is_found_by_its_beginning_and_nothing_in_it_means_anything_else(bench: &Bench) {
    let draw = bench.draw("names", |_| {}).await;
    let names = [
        "Ada Lovelace",
        "ADA Byron",
        "Adam",
        "Émile Zola",
        "100% Sure",
        "1000 Names",
        "under_score",
        "underXscore",
        "O'Neil'); DROP TABLE entries; --",
        "[a-z]* Glob",
        "Οδυσσευς",
        "ΟΔΥΣ",
        "李小龍",
    ];
    let batch: Vec<NewEntry> =
        names.iter().enumerate().map(|(at, name)| bench.named(&draw, at, name)).collect();
    bench.created(&draw, &batch).await;
    for (prefix, found) in [
        ("ada", vec!["ADA Byron", "Ada Lovelace", "Adam"]),
        ("ada ", vec!["ADA Byron", "Ada Lovelace"]),
        ("émile", vec!["Émile Zola"]),
        ("emile", vec![]),
        ("100%", vec!["100% Sure"]),
        ("%", vec![]),
        ("under_", vec!["under_score"]),
        ("_", vec![]),
        ("o'neil'); drop table", vec!["O'Neil'); DROP TABLE entries; --"]),
        ("' or '1'='1", vec![]),
        ("[a-z]*", vec!["[a-z]* Glob"]),
        ("*", vec![]),
        ("οδυς", vec!["ΟΔΥΣ", "Οδυσσευς"]),
        ("李", vec!["李小龍"]),
        ("\u{10FFFF}", vec![]),
    ] {
        let mut seen = bench.names(&draw, prefix).await;
        seen.sort();
        let mut found: Vec<String> = found.into_iter().map(str::to_owned).collect();
        found.sort();
        assert_eq!(seen, found, "{prefix:?}");
    }
    let ended =
        Filter { state: EntryState::Withdrawn, name_prefix: Some("ada".to_owned()), ..Filter::default() };
    assert!(bench.page(&draw, &ended, Order::Name, &Window::First).await.rows.is_empty());
}

async fn something_exact_finds_live_and_ended_entries(bench: &Bench) {
    let (draw, elsewhere) = (bench.draw("exact", |_| {}).await, bench.draw("elsewhere", |_| {}).await);
    let first = bench.named(&draw, 1, "Ada");
    bench.created(&draw, std::slice::from_ref(&first)).await;
    bench.remove(&first.receipt).await;
    let second = bench.named(&draw, 1, "Ada again");
    bench.created(&draw, &[second.clone(), bench.named(&draw, 2, "Bob")]).await;
    let find = async |draw: &Draw, exact: Exact| {
        let found = bench.store.find_entries(draw.id, &exact).await.expect("finds");
        found.into_iter().map(|line| (line.id, line.state)).collect::<Vec<_>>()
    };
    let person = Exact::Person(first.identity.person);
    let both = [(second.id, EntryState::Registered), (first.id, EntryState::Removed)];
    assert_eq!(find(&draw, person.clone()).await, both);
    assert_eq!(find(&draw, Exact::Receipt(second.receipt.clone())).await, both[..1]);
    assert_eq!(find(&draw, Exact::Receipt(first.receipt.clone())).await, both[1..]);
    assert_eq!(find(&elsewhere, Exact::Receipt(first.receipt.clone())).await, []);
    assert_eq!(find(&elsewhere, person).await, []);
    assert_eq!(find(&draw, Exact::Receipt("' OR 1=1 --".to_owned())).await, []);
}

async fn one_entry_tells_what_is_known_of_it(bench: &Bench) {
    let draw = bench.draw("details", |_| {}).await;
    let entry = bench.named(&draw, 1, "Ada");
    bench.created(&draw, std::slice::from_ref(&entry)).await;
    let at = bench.ambient.now();
    let retry = RetryCount { draw: draw.id, person: entry.identity.person, count: 3, last_at: at + 5 };
    bench.store.add_counts(&[retry], &[]).await.expect("counts");
    let details = bench.store.entry(draw.id, at, entry.id).await.expect("reads").expect("is there");
    let EntryStatus::Live(live) = &details.status else { panic!("{details:?}") };
    assert_eq!((&live.entry, &details.receipt), (&entry.entry, &entry.receipt));
    assert_eq!((live.retries, live.last_retry_at, live.token_age), (3, Some(at + 5), Some(1)));
    bench.remove(&entry.receipt).await;
    let details = bench.store.entry(draw.id, at, entry.id).await.expect("reads").expect("is there");
    let EntryStatus::Ended { state, reason, .. } = details.status else { panic!("{details:?}") };
    assert_eq!((state, reason.as_deref()), (EntryState::Removed, Some("a test")));
    assert_eq!(bench.store.entry(draw.id, at + 1, entry.id).await.expect("reads"), None);
}

async fn an_export_reads_every_live_entry_once(bench: &Bench) {
    let (draw, all) = crowd(bench, "export").await;
    bench.remove(&all[7].receipt).await;
    let mut read: Vec<ExportedEntry> = Vec::new();
    loop {
        let after = read.last().map(|last| Position { key: last.registered_at, id: last.id });
        let chunk = bench.store.export_chunk(draw.id, after.as_ref(), 10).await.expect("reads");
        if chunk.is_empty() {
            break;
        }
        read.extend(chunk);
    }
    let ids: BTreeSet<_> = read.iter().map(|entry| entry.id).collect();
    assert_eq!((ids.len(), read.len()), (124, 124));
    assert!(read.is_sorted_by_key(|entry| (entry.registered_at, entry.id)));
}

async fn counts_are_those_of_now(bench: &Bench) {
    let draw = bench.draw("counts", |spec| spec.closes_at += 3 * HOUR).await;
    bench.created(&draw, &[bench.named(&draw, 1, "Ada"), bench.named(&draw, 2, "Bob")]).await;
    bench.clock.advance(HOUR - 30_000);
    bench.created(&draw, &[bench.named(&draw, 3, "Eve")]).await;
    let hour = |at: i64| at - at.rem_euclid(HOUR);
    let now = bench.ambient.now();
    let caught = |layer, hour| CaughtHour { draw: draw.id, hour, layer };
    let counted = [(caught("memory", hour(now)), 2), (caught("cache", hour(now) - 2 * HOUR), 5)];
    let forgotten = [(caught("memory", hour(now) - 25 * HOUR), 9)];
    for _ in 0..2 {
        bench.store.add_counts(&[], &counted).await.expect("counts");
    }
    bench.store.add_counts(&[], &forgotten).await.expect("counts");
    let counts = bench.store.live_counts(draw.id).await.expect("counts");
    assert_eq!((counts.taken, counts.last_hour, counts.last_minute), (3, 3, 1));
    let caught: Vec<_> = counts.caught.iter().map(|caught| (caught.layer.as_str(), caught.count)).collect();
    assert_eq!(caught, [("memory", 4), ("cache", 10)]);
    bench.clock.advance(60_000);
    let counts = bench.store.live_counts(draw.id).await.expect("counts");
    assert_eq!((counts.taken, counts.last_hour, counts.last_minute), (3, 1, 0));
}

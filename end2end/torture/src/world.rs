//! What all clients of a run share: where to go, what was tried, what happened.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::database;
use crate::draws::Draw;
use crate::ground::Ground;
use crate::history::{AttemptId, Call, DrawId, History, Moment, Outcome, Payload, Step};

/// Addresses that clients come from: nginx and the servers count each by itself.
const ADDRESSES: usize = 64;
/// How long a browser waits for an answer, as the page does.
pub const TIMEOUT: Duration = Duration::from_secs(20);
/// How long, after the last fault, everybody may take to find out what became of them.
const SETTLING: Duration = Duration::from_secs(90);

/// A key, and how its first request looks: the one that is sent again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number.
    pub id: AttemptId,
    /// Whose script it belongs to.
    pub case: usize,
    /// The draw.
    pub draw: DrawId,
    /// What goes into `Idempotency-Key`: a page token, or a key of an integrator's own.
    pub key: String,
    /// Whether an integrator sends it.
    pub is_integrators: bool,
    /// What it is for.
    pub payload: Arc<Payload>,
    /// Who sends it.
    pub browser: Option<Cookie>,
}

impl Attempt {
    /// What its request of that number says of itself. The page counts; every third attempt here says "first" each time,
    /// which may cost time and nothing else.
    pub fn count(&self, sent: u32) -> u32 {
        if self.id.is_multiple_of(3) { 1 } else { sent }
    }
}

/// A browser's entrant cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Numbers the browser.
    pub browser: u32,
    /// As it is sent.
    pub text: String,
}

/// All there is.
#[derive(Debug)]
pub struct World {
    /// The parts.
    pub ground: Arc<Ground>,
    /// When the run began.
    pub began: Instant,
    /// What happened.
    pub history: History,
    /// What an integrator sends as `Authorization`.
    pub api_key: String,
    /// What went wrong beside all answers, such as a server that ended by itself.
    troubles: Mutex<Vec<String>>,
    clients: Vec<reqwest::Client>,
    attempts: Mutex<Vec<Arc<Attempt>>>,
    draws: Mutex<Vec<Arc<Draw>>>,
    browsers: AtomicU32,
    cases: AtomicUsize,
    /// Until when it makes sense to ask, once the last fault is over.
    until: watch::Sender<Option<Instant>>,
    /// Draws that somebody was told are closed, and their entries soon after, once they could be read.
    frozen: Mutex<HashMap<DrawId, Option<HashSet<String>>>>,
}

impl World {
    /// On a ground, beginning now.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(ground: Arc<Ground>, api_key: String) -> Result<Arc<Self>, String> {
        let clients = (0..ADDRESSES).map(|number| {
            let builder = reqwest::Client::builder().local_address(address(number)).timeout(TIMEOUT);
            builder.no_proxy().redirect(reqwest::redirect::Policy::none()).build()
        });
        let clients = clients.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        Ok(Arc::new(Self {
            ground,
            began: Instant::now(),
            history: History::default(),
            api_key,
            troubles: Mutex::default(),
            clients,
            attempts: Mutex::default(),
            draws: Mutex::default(),
            browsers: AtomicU32::new(0),
            cases: AtomicUsize::new(0),
            until: watch::Sender::default(),
            frozen: Mutex::default(),
        }))
    }

    /// Now.
    pub fn now(&self) -> Moment {
        self.began.elapsed()
    }

    /// A client that comes from one of the addresses.
    pub fn client(&self, number: usize) -> reqwest::Client {
        self.clients[number % ADDRESSES].clone()
    }

    /// The address of that client.
    pub fn address(&self, number: usize) -> IpAddr {
        address(number % ADDRESSES)
    }

    /// Where clients go.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ground.links.front.port())
    }

    /// Numbers a new browser.
    pub fn new_browser(&self) -> u32 {
        self.browsers.fetch_add(1, Ordering::Relaxed)
    }

    /// Numbers a new script.
    pub fn new_case(&self) -> usize {
        self.cases.fetch_add(1, Ordering::Relaxed)
    }

    /// Notes a new attempt.
    pub fn attempt(
        &self,
        case: usize,
        draw: &Draw,
        key: String,
        payload: Arc<Payload>,
        browser: Option<Cookie>,
        is_integrators: bool,
    ) -> Arc<Attempt> {
        let mut attempts = lock(&self.attempts);
        let id = attempts.len();
        let attempt = Arc::new(Attempt { id, case, draw: draw.id, key, is_integrators, payload, browser });
        attempts.push(Arc::clone(&attempt));
        attempt
    }

    /// All attempts so far.
    pub fn attempts(&self) -> Vec<Arc<Attempt>> {
        lock(&self.attempts).clone()
    }

    /// Notes a draw.
    pub fn add_draw(&self, draw: Arc<Draw>) {
        lock(&self.draws).push(draw);
    }

    /// All draws so far.
    pub fn draws(&self) -> Vec<Arc<Draw>> {
        lock(&self.draws).clone()
    }

    /// The last fault is over: who does not know yet has so long from now to find out.
    pub fn settle(&self) {
        self.until.send_replace(Some(Instant::now() + SETTLING));
    }

    /// Whether it makes no sense to ask again.
    pub fn is_over(&self) -> bool {
        self.until.borrow().is_some_and(|until| Instant::now() > until)
    }

    /// Waits for the last fault to be over.
    pub async fn settling(&self) {
        // The sender is this value's own: it cannot be gone.
        let _ = self.until.subscribe().wait_for(Option::is_some).await;
    }

    /// Something went wrong that no client was told.
    pub fn complain(&self, what: String) {
        lock(&self.troubles).push(what);
    }

    /// What went wrong that no client was told.
    pub fn complaints(&self) -> Vec<String> {
        lock(&self.troubles).clone()
    }

    /// Notes a call that began at a moment and has ended now.
    pub fn record(self: &Arc<Self>, began: Moment, case: usize, draw: DrawId, step: Step, outcome: Outcome) {
        self.note(Call { began, ended: self.now(), case, draw, step, outcome, is_slow: false });
    }

    /// Notes a call.
    pub fn note(self: &Arc<Self>, call: Call) {
        let draw = call.draw;
        let is_closed = call.code() == "draw-closed";
        self.history.add(call);
        if is_closed && self.is_first_to_hear(draw) {
            tokio::spawn(Arc::clone(self).freeze(draw));
        }
    }

    fn is_first_to_hear(&self, closed: DrawId) -> bool {
        match lock(&self.frozen).entry(closed) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(None);
                true
            }
        }
    }

    /// The entries of draws as they were soon after somebody was told that they are closed.
    pub fn frozen(&self) -> HashMap<DrawId, HashSet<String>> {
        lock(&self.frozen).iter().filter_map(|(draw, ids)| Some((*draw, ids.clone()?))).collect()
    }

    async fn freeze(self: Arc<Self>, draw: DrawId) {
        let url = self.ground.database_url(None);
        while !self.is_over() {
            if let Ok(ids) = database::entries_of(&url, &format!("round-{draw}")).await {
                lock(&self.frozen).insert(draw, Some(ids));
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn address(number: usize) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, 10 + u8::try_from(number).unwrap_or(0)).into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

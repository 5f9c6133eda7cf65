//! What is genuine here: secrets, draws and an instant, all fixed, so that an input means the same in every run.

use std::sync::{Arc, LazyLock};

use axum::http::{HeaderMap, HeaderValue, header};
use server::ambient::{Ambient, ManualClock};
use server::config::{Config, Origin};
use server::draws::file;
use server::secrets::{Keys, Secret};
use server::store::Draw;
use uuid::Uuid;

/// The instant it is: 1 June 2026, 10:00 UTC, in milliseconds since 1970. Every draw here is open.
pub const NOW: i64 = 1_780_308_000_000;
/// A draw's id.
pub const DRAW: Uuid = Uuid::from_u128(1);
/// Another one's.
pub const OTHER_DRAW: Uuid = Uuid::from_u128(2);

/// The subkeys of this service.
pub static OURS: LazyLock<Keys> = LazyLock::new(|| Keys::new(&Secret::new([1; 32]), None));
/// Those of this service after its secret was changed.
pub static ROTATED: LazyLock<Keys> =
    LazyLock::new(|| Keys::new(&Secret::new([2; 32]), Some(&Secret::new([1; 32]))));
/// Somebody else's.
pub static THEIRS: LazyLock<Keys> = LazyLock::new(|| Keys::new(&Secret::new([3; 32]), None));

/// Draws that ask for as much, as little and as different things as draws can.
pub static DRAWS: LazyLock<Vec<Arc<Draw>>> = LazyLock::new(|| {
    let specs = file::parse(include_str!("draws.toml")).expect("the draws of this crate are right");
    let draw =
        |(number, (spec, state)): (u128, _)| Draw { id: Uuid::from_u128(number), spec, state, version: 7 };
    (1..).zip(specs).map(|numbered| Arc::new(draw(numbered))).collect()
});

/// The origin of a service on the network, and of one on this machine.
pub static ORIGINS: LazyLock<[Origin; 2]> = LazyLock::new(|| {
    ["https://draws.example.org", "http://localhost:3000"].map(|url| {
        let config =
            Config::read(|name| (name == "DRAWBRIDGE_PUBLIC_URL").then(|| url.to_owned())).expect("settings");
        config.public_url.expect("it is set")
    })
});

/// Headers of a body of that type.
pub fn of_type(kind: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))])
}

/// What comes of a future that waits for nothing but bytes that are there.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// Time stands still; randomness, which only names things here, does not.
pub static AMBIENT: LazyLock<Ambient> = LazyLock::new(|| Ambient::with_clock(Arc::new(ManualClock::at(NOW))));

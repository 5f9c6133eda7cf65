//! What runs in the browser. Each island is one component, rendered on the server and taken over as WASM.
//!
//! Bytes count here: a crowd loads them all at once. So islands have no props (Leptos would bring a JSON
//! library along to read them): on the server a page gives an island its data as context, in the browser
//! the island finds the same data in the page. Markup that never changes is made on the server only, and
//! an island has one signal with all of its state.

mod browser;
pub mod countdown;
mod json;
pub mod live;
pub mod register;

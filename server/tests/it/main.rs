//! The server from outside: in this process with a clock that stands still, and as the binary that ships.

mod bad_input;
mod commands;
mod concurrency;
mod connections;
mod constraints;
mod crashes;
mod differential;
mod faults;
mod ground;
mod integrators;
mod late_retries;
mod nginx;
mod organisers;
mod pages;
mod process;
mod registering;
mod signals;
mod site;

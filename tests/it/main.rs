//! The gateway as its users meet it: a real pingora on a free port, before a server that remembers what it was sent.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod attack;
mod documents;
mod entry;
mod harness;
mod hostile;
mod knocking;
mod live;
mod operations;
mod tidy;
mod webhooks;

//! What lasts, and how it ends.

mod capacity;
mod endings;
mod inside;
mod overlay;
mod peercalls;
mod staying;
mod streams;
mod tls;

//! What an attacker would try, and what becomes of it.

mod flooding;
mod hiding;
mod peers;
mod sessions;
mod signalling;
mod slowness;
mod waiting;

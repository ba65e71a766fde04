//! The pages as a browser meets them: a router, a gate with a store in memory, and people with cookie jars.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::panic)]

mod console;
mod evasion;
mod house;
mod knocking;
mod scripts;
mod streams;

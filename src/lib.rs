//! Roomgate: an access gateway in front of the conferencing server you already run.

pub mod access;
pub mod chance;
pub mod clock;
pub mod config;
pub mod directory;
pub mod gate;
pub mod live;
pub mod metrics;
pub mod profile;
pub mod proxy;
pub mod signalling;
pub mod store;
pub mod target;
pub mod token;
pub mod upstream;
pub mod web;

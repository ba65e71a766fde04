//! Who hears what happened to tokens and key sets, so that it can be counted?

use std::time::Duration;

use crate::access::TokenFault;

use super::algorithm::Algorithm;
use super::jwks::{FetchError, Fetched};

/// Told of everything worth counting. Called on the hot path: count, do not wait.
pub trait Observer: Send + Sync {
    /// A token was verified rather than remembered. `algorithm` is the key's, where one was found.
    fn verified(&self, algorithm: Option<Algorithm>, result: Result<(), TokenFault>) {
        let _ = (algorithm, result);
    }

    /// A token was looked for among those already judged.
    fn looked_up(&self, hit: bool) {
        let _ = hit;
    }

    /// A key set was asked for.
    fn fetched(&self, url: &str, result: Result<&Fetched, &FetchError>, took: Duration) {
        let _ = (url, result, took);
    }
}

/// Counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}

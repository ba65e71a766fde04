//! Why is a token bad, in the code that is a promise and in words for the operator?

use std::borrow::Cow;
use std::fmt;

use crate::access::TokenFault;

/// Why a token gives nothing.
///
/// The words may be logged and shown by `explain`: they hold names of claims and numbers of ours, never text of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The stable code.
    pub fault: TokenFault,
    /// What was wrong, and what would be right.
    pub detail: Cow<'static, str>,
}

impl Fault {
    /// A fault in these words.
    pub(super) fn new(fault: TokenFault, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { fault, detail: detail.into() }
    }

    /// Not a token, or its claims are not what they must be.
    pub(super) fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(TokenFault::Malformed, detail)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.fault, self.detail)
    }
}

impl std::error::Error for Fault {}

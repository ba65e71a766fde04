//! **Pingora.** Its edges; they know no room and no token.

pub mod bridge;
pub mod frames;
pub mod guarded;
pub mod killable;
pub mod listen;
pub mod tls;
pub mod tunnel;

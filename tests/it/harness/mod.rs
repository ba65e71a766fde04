//! A gateway, an upstream, and people.

pub mod busy;
mod forge;
mod gateway;
mod http;
pub mod process;
pub mod prosody;
pub mod receiver;
mod recorder;
pub mod socket;
pub mod tls;
mod upstream;
mod wire;

pub use forge::forge;
pub use gateway::{Gateway, SECRET};
pub use http::{Answer, Person};
pub use recorder::Recorder;
pub use upstream::Upstream;
pub use wire::Wire;

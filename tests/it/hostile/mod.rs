//! What nobody honest sends: refused with its status, and nothing of it reaches the upstream.

mod connections;
mod controls;
mod heads;
mod leaks;
mod targets;

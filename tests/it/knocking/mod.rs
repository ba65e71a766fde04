//! Asking to be let in: the whole story over HTTP, and what is tried against it.

mod crash;
mod forgery;
mod lifecycle;
mod limits;
mod people;
mod story;

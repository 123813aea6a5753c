//! For tests: an HTTP server on loopback that says exactly what it is told to, right or wrong, and a
//! registry in memory that keeps to the distribution specification where it is not told otherwise.
//!
//! It shares no code with the client but the digests. No program of ours depends on it.

mod server;
mod store;

pub use server::{Answer, Request, Server};
pub use store::{Auth, Store};

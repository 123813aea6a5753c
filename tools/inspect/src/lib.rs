//! What is inside an image, wherever it lies: documents, layers, tar entries; and everything that the
//! specifications do not allow in it.
//!
//! It trusts nothing that it reads: sizes are limits and not allocations, names are never opened, a
//! document is hashed before it is parsed, a layer may unpack to so much and no more. It writes nothing,
//! and does not know where images come from: that is a [`Store`].
//!
//! Invariant: what is wrong is a [`Finding`], never an error; an error ([`Trouble`]) is only what keeps
//! the image from being read to its end.

mod archive;
pub mod check;
mod directory;
mod docker;
mod finding;
pub mod listing;
pub mod pass;
mod store;
pub mod tape;
pub mod unpack;

pub use archive::Archive;
pub use check::{Options, Report, check};
pub use directory::Directory;
pub use finding::{Finding, Level, Place, Rule};
pub use store::{Content, Store, Trouble, rule_of};

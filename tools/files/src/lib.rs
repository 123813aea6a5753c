//! The only user of `std::fs` in the workspace.
//!
//! Three promises, so that no tool has to make them again:
//! - every error carries the path and what was being done to it;
//! - a walk is sorted by the bytes of the names, whatever order the file system lists them in;
//! - an output is written under a temporary name in its own folder and renamed when it is whole,
//!   so a failed run leaves nothing behind.
//!
//! It refuses to tell more of a file than its kind, its content, its link target and the
//! executable bit: owners, times, inodes and the other mode bits differ from machine to machine.
#![allow(
    clippy::disallowed_methods,
    reason = "this is the crate that the other crates are sent to"
)]

mod error;
mod output;
mod part;
mod read;
mod walk;

pub use error::{Error, Operation, Result};
pub use output::{
    OutDir, OutFile, commit_all, commit_with, copy, copy_pieces, create_folder, hard_link, scratch,
    symlink, take_back, write, write_executable,
};
pub use part::PartFile;
pub use read::{Opener, Source, exists, kind, open, read, read_at_most, read_link, read_pieces};
pub use walk::{Found, FoundKind, Links, Visitor, Walk};

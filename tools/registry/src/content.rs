//! What an upload is given: bytes that can be read from any place on, and a place to keep how far it has come.
//!
//! Nothing here speaks to a registry, or keeps anything itself.
//!
//! Invariant: what is read from a place on is the same each time.

use std::fs::File;
use std::io::{self, Read};

/// Bytes that can be read from any place on, as often as it takes.
pub trait Content: Sync {
    /// The bytes from `offset` to the end.
    ///
    /// # Errors
    /// They cannot be had.
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + '_>>;

    /// The file that holds the bytes and nothing else, if there is one: it may then be sent from where it is,
    /// and [`Content::open`] is not asked.
    ///
    /// # Errors
    /// It cannot be opened.
    fn file(&self) -> io::Result<Option<File>> {
        Ok(None)
    }

    /// Is told how many bytes of the file are on their way.
    fn sent(&self, _bytes: u64) {}
}

impl Content for Vec<u8> {
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(Box::new(self.get(offset..).unwrap_or_default()))
    }
}

/// How far an upload has come, as a later run may have to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Where the session goes on.
    pub location: String,
    /// The smallest chunk that the registry takes.
    pub minimum: u64,
}

/// Keeps [`Progress`] from one run to the next. What can't be kept is not: the upload then begins anew.
pub trait Journal {
    /// What was kept.
    fn load(&self) -> Option<Progress>;
    /// Keeps it, in the place of what was kept before.
    fn save(&self, progress: &Progress);
    /// Forgets it.
    fn clear(&self);
}

//! Blobs that no file holds: their bytes come as they are written, from a registry or a program.

use std::io::{self, Read};

use oci::Digest;

/// Gives the bytes of blobs that a layout's value says are absent.
pub trait Supply: Sync {
    /// Whether it has a blob.
    fn has(&self, digest: &Digest) -> bool;

    /// The bytes of a blob that it has, from the first to the last.
    ///
    /// # Errors
    /// They cannot be had.
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + '_>>;
}

/// It has nothing: absent blobs stay absent.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Supply for Nothing {
    fn has(&self, _: &Digest) -> bool {
        false
    }

    fn open(&self, _: &Digest) -> io::Result<Box<dyn Read + '_>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

//! A blob, read to its end: whatever is made of its bytes on the way, they must be those of its descriptor.
//!
//! Three things are told apart: what the machine or a registry could not read, what is not the blob that was
//! meant, and what is that blob and no sound layer.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read};

use oci::Descriptor;
use oci::error::Shown;
use oci::media_type::Compression;

use crate::Rule;
use crate::check::Limit;
use crate::store::Trouble;
use crate::tape::Fault;
use crate::unpack::{Tee, sniff, unpack};

/// Reads a blob to its end through `read`.
///
/// # Errors
/// [`Trouble::Environment`] for what cannot be read; else a finding: other bytes than the descriptor's, or the
/// fault that `read` found in the right ones.
pub fn whole<T>(
    reader: impl Read,
    descriptor: &Descriptor,
    read: impl FnOnce(&mut dyn Read) -> Result<T, Fault>,
) -> Result<T, Trouble> {
    let digest = descriptor.digest;
    let failed = RefCell::new(None);
    let inner = Marked {
        inner: reader.take(descriptor.size.saturating_add(1)),
        failed: &failed,
    };
    let mut raw = Tee::new(inner, digest.algorithm());
    let result = read(&mut raw);
    let drained = raw.drain();
    if let Some(error) = failed
        .take()
        .or(drained.err().map(|error| error.to_string()))
    {
        return Err(Trouble::Environment {
            message: format!("cannot read the blob {digest}: {error}"),
            hint: None,
        });
    }
    let wrong =
        |rule, message: String| Trouble::wrong(rule, format!("the blob {digest}: {message}"));
    let size = raw.length();
    if size != descriptor.size {
        let message = match size > descriptor.size {
            true => format!(
                "it is longer than the {} bytes of its descriptor",
                descriptor.size
            ),
            false => format!(
                "it is {size} bytes long, its descriptor says {}",
                descriptor.size
            ),
        };
        return Err(wrong(Rule::Size, message));
    }
    let found = raw.finish();
    if found != digest {
        return Err(wrong(
            Rule::Digest,
            format!("its bytes have the digest {found}"),
        ));
    }
    result.map_err(|fault| match fault {
        Fault::Io(error) => match error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Bomb>())
        {
            Some(bomb) => wrong(Rule::Bomb, bomb.to_string()),
            None => {
                let error = Shown::new(error.to_string());
                wrong(Rule::Unpack, format!("it does not unpack: {error}"))
            }
        },
        fault => wrong(Rule::Tar, format!("it is no tar: {fault}")),
    })
}

/// Reads what a blob unpacks to through `read`: as `compression` says, or as its first bytes do. It may unpack to
/// as much as [`Limit`] says.
///
/// # Errors
/// As [`whole`].
pub fn unpacked<T>(
    reader: impl Read,
    descriptor: &Descriptor,
    compression: Option<Compression>,
    read: impl FnOnce(&mut dyn Read) -> Result<T, Fault>,
) -> Result<T, Trouble> {
    whole(reader, descriptor, |raw| {
        let mut first = Vec::new();
        (&mut *raw)
            .take(4)
            .read_to_end(&mut first)
            .map_err(Fault::Io)?;
        let compression = compression.unwrap_or_else(|| sniff(&first));
        let all = io::Cursor::new(first).chain(raw);
        let mut limited = Limited {
            inner: unpack(all, compression).map_err(Fault::Io)?,
            left: limit(descriptor),
            limit: limit(descriptor),
        };
        read(&mut limited)
    })
}

/// The most bytes that a blob may unpack to.
pub fn limit(descriptor: &Descriptor) -> u64 {
    let limit = Limit::default();
    descriptor
        .size
        .saturating_mul(limit.ratio)
        .saturating_add(limit.slack)
}

/// The error of a reader that gives more than `limit` bytes.
pub fn bomb(limit: u64) -> io::Error {
    io::Error::other(Bomb { limit })
}

#[derive(Debug)]
struct Bomb {
    limit: u64,
}

impl fmt::Display for Bomb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it unpacks to more than {} bytes", self.limit)
    }
}

impl std::error::Error for Bomb {}

/// Gives so many bytes, and an error where there are more.
struct Limited<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => {
                self.left = left;
                Ok(read)
            }
            None => Err(bomb(self.limit)),
        }
    }
}

/// Remembers why the reader below failed: what is above it may hide that.
struct Marked<'a, R> {
    inner: R,
    failed: &'a RefCell<Option<String>>,
}

impl<R: Read> Read for Marked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        if let Err(error) = &read
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.failed.borrow_mut().get_or_insert(error.to_string());
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use oci::MediaType;

    use super::*;

    fn of(bytes: &[u8]) -> Descriptor {
        Descriptor::of(MediaType::known(oci::media_type::OCI_LAYER_GZIP), bytes)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn all(reader: &mut dyn Read) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(Fault::Io)?;
        Ok(bytes)
    }

    fn rule<T: fmt::Debug>(found: Result<T, Trouble>) -> (Rule, String) {
        match found {
            Err(Trouble::Wrong { rule, message }) => (rule, message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bytes_that_are_not_those_of_the_descriptor() {
        let blob = gzip(b"content");
        let read = |bytes: &[u8]| unpacked(bytes, &of(&blob), None, all);
        assert_eq!(read(&blob).unwrap(), b"content");
        // What is wrong with the bytes goes before what is wrong in them.
        let (found, message) = rule(read(&blob[..9]));
        assert_eq!(found, Rule::Size);
        assert!(
            message.ends_with("it is 9 bytes long, its descriptor says 27"),
            "{message}"
        );
        let (found, message) = rule(read(&[&blob[..], b"more"].concat()));
        assert_eq!(found, Rule::Size);
        assert!(
            message.ends_with("it is longer than the 27 bytes of its descriptor"),
            "{message}"
        );
        let mut other = blob.clone();
        other[4] ^= 1;
        assert_eq!(rule(read(&other)).0, Rule::Digest);
        // A reader that stops half-way is read to its end all the same.
        assert_eq!(
            rule(whole(&other[..], &of(&blob), |_| Ok(()))).0,
            Rule::Digest
        );
    }

    #[test]
    fn what_is_wrong_in_the_right_bytes() {
        let cut = &gzip(b"content")[..20];
        let (found, message) = rule(unpacked(cut, &of(cut), None, all));
        assert_eq!(found, Rule::Unpack, "{message}");
        let fault = || Fault::Truncated { at: 5 };
        let (found, message) = rule(whole(&b"x"[..], &of(b"x"), |_| Err::<(), _>(fault())));
        assert_eq!(found, Rule::Tar);
        assert!(
            message.ends_with("it is no tar: it is cut off at byte 5"),
            "{message}"
        );
        let mut limited = Limited {
            inner: &b"abc"[..],
            left: 2,
            limit: 2,
        };
        let error = limited.read_to_end(&mut Vec::new()).unwrap_err();
        let found = whole(&b"x"[..], &of(b"x"), |_| Err::<(), _>(Fault::Io(error)));
        let (found, message) = rule(found);
        assert_eq!(found, Rule::Bomb);
        assert!(
            message.ends_with("it unpacks to more than 2 bytes"),
            "{message}"
        );
    }

    /// A disk that fails is nothing that the image can help.
    #[test]
    fn a_reader_that_fails() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let found = unpacked(Fails, &of(b"x"), None, all);
        let Err(Trouble::Environment { message, .. }) = found else {
            panic!("{found:?}");
        };
        assert!(message.ends_with(": the disk is gone"), "{message}");
    }
}

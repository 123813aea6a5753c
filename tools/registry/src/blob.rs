//! Reading blobs.
//!
//! A transfer that breaks off is taken up again where it stopped, as long as it gets on. The bytes are
//! hashed on the way.
//!
//! Invariant: a [`BlobStream`] that was read to its end has given exactly the bytes of its digest; one
//! that has not ends in an error.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use oci::{Digest, Hasher};

use crate::answer::{self, Steady};
use crate::error::{Error, Result};
use crate::headers;
use crate::host::{Call, broken};
use crate::repository::Repository;
use crate::scope::Scopes;
use crate::transport::{Method, Response};

/// A transfer that has got on by so much may break off once more.
const PROGRESS: u64 = 1 << 20;

/// One that has lasted so long may, too.
const LASTED: Duration = Duration::from_secs(60);

/// A blob, as it comes.
pub struct BlobStream {
    repository: Repository,
    digest: Digest,
    size: u64,
    /// How many bytes have been given, together with those that were there before.
    have: u64,
    hasher: Option<Hasher>,
    body: Option<Steady<Box<dyn Read + Send>>>,
    /// Bytes to pass over, where the registry does not know ranges.
    skip: u64,
    ranges: bool,
    breaks: u32,
    since: (Instant, u64),
}

impl Repository {
    /// Reads a blob from its beginning.
    pub fn blob(&self, digest: &Digest, size: u64) -> BlobStream {
        self.blob_from(digest, size, 0, Hasher::new(digest.algorithm()))
    }

    /// Reads the rest of a blob of which `have` bytes are there; `hasher` has seen those.
    pub fn blob_from(&self, digest: &Digest, size: u64, have: u64, hasher: Hasher) -> BlobStream {
        BlobStream {
            repository: self.clone(),
            digest: *digest,
            size,
            have,
            hasher: Some(hasher),
            body: None,
            skip: 0,
            ranges: true,
            breaks: 0,
            since: (Instant::now(), have),
        }
    }
}

impl BlobStream {
    /// Gives the next bytes: none at the end.
    ///
    /// # Errors
    /// The blob is not there, or not what it must be; the network.
    pub fn next(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            if self.hasher.is_none() || buffer.is_empty() {
                return Ok(0);
            }
            if self.have == self.size && self.body.is_none() {
                return self.end();
            }
            let body = match &mut self.body {
                Some(body) => body,
                None => {
                    let response = self.open()?;
                    let steady = Steady::new(response.body, &self.repository.host.patience);
                    self.body.insert(steady)
                }
            };
            match body.read(buffer) {
                Ok(0) if self.skip == 0 && self.have == self.size => return self.end(),
                Ok(0) => self.broke(io::ErrorKind::UnexpectedEof.into())?,
                Ok(read) => {
                    let skipped = self.skip.min(read as u64);
                    self.skip -= skipped;
                    // Lossless: it is at most `read`.
                    let skipped = skipped as usize;
                    let new = read - skipped;
                    if new == 0 {
                        continue;
                    }
                    if self.have + new as u64 > self.size {
                        return Err(Error::WrongSize {
                            at: Box::new(self.at()),
                            expected: self.size,
                            found: None,
                        });
                    }
                    buffer.copy_within(skipped..read, 0);
                    self.have += new as u64;
                    if let Some(hasher) = &mut self.hasher {
                        hasher.update(&buffer[..new]);
                    }
                    return Ok(new);
                }
                Err(error) => self.broke(error)?,
            }
        }
    }

    fn at(&self) -> crate::error::At {
        let what = format!("blob {}", self.digest);
        self.repository.at(Method::Get, what)
    }

    /// The end: all bytes are there; now they must have the digest.
    fn end(&mut self) -> Result<usize> {
        self.body = None;
        let Some(hasher) = self.hasher.take() else {
            return Ok(0);
        };
        let found = hasher.finish();
        if found != self.digest {
            return Err(Error::WrongDigest {
                at: Box::new(self.at()),
                expected: Box::new(self.digest),
                found: Box::new(found),
            });
        }
        Ok(0)
    }

    /// Decides whether to go on after a break.
    fn broke(&mut self, error: io::Error) -> Result<()> {
        self.body = None;
        let (since, had) = self.since;
        self.breaks += 1;
        if !may_resume(self.breaks == 1, self.have - had, since.elapsed()) {
            if error.kind() == io::ErrorKind::UnexpectedEof && error.get_ref().is_none() {
                return Err(Error::WrongSize {
                    at: Box::new(self.at()),
                    expected: self.size,
                    found: Some(self.have),
                });
            }
            return Err(broken(Box::new(self.at()), self.breaks, error));
        }
        std::thread::sleep(self.repository.host.patience.pause);
        self.since = (Instant::now(), self.have);
        Ok(())
    }

    fn open(&mut self) -> Result<Response> {
        let scopes = Scopes::pull(&self.repository.path);
        let url = self.repository.url(&format!("blobs/{}", self.digest));
        let what = format!("blob {}", self.digest);
        let mut call = self.repository.call(Method::Get, what, url, &scopes);
        let ranged = self.ranges && self.have > 0;
        if ranged {
            let range = format!("bytes={}-{}", self.have, self.size - 1);
            call.headers.push(("range", range));
        }
        let response = match self.repository.host.request(&call, Ok) {
            Err(Error::Status { answer, .. }) if answer.status == 416 && ranged => {
                self.ranges = false;
                call.headers.clear();
                self.repository.host.request(&call, Ok)?
            }
            response => response?,
        };
        self.skip = check(&call, &response, self.have, self.size)?;
        Ok(response)
    }
}

/// Checks an answer's header; returns how many bytes come that are there already.
fn check(call: &Call<'_>, response: &Response, have: u64, size: u64) -> Result<u64> {
    let (at, head) = (&call.at, &response.head);
    answer::not_encoded(at, head)?;
    let length = answer::length(at, head)?;
    let wrong_size = |found| Error::WrongSize {
        at: Box::new(at.clone()),
        expected: size,
        found: Some(found),
    };
    if head.status != 206 {
        return match length {
            Some(length) if length != size => Err(wrong_size(length)),
            _ => Ok(have),
        };
    }
    let range = headers::content_range(head.all("content-range"));
    let Some(range) = range.filter(|range| range.first == have && range.last == size - 1) else {
        return Err(Error::Header {
            at: Box::new(at.clone()),
            field: "Content-Range",
            problem: "not the range that was asked for".into(),
        });
    };
    if let Some(whole) = range.size
        && whole != size
    {
        return Err(wrong_size(whole));
    }
    match length {
        Some(length) if length != size - have => Err(wrong_size(have + length)),
        _ => Ok(0),
    }
}

/// Whether a transfer that broke off is taken up again: the first time, and when it got on since.
fn may_resume(first: bool, progress: u64, lasted: Duration) -> bool {
    first || progress >= PROGRESS || lasted >= LASTED
}

impl Read for BlobStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.next(buffer).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gets_on_may_go_on() {
        let (lots, little) = (PROGRESS, PROGRESS - 1);
        let (long, short) = (LASTED, LASTED - Duration::from_millis(1));
        for (first, progress, lasted, expected) in [
            (false, lots, long, true),
            (false, lots, short, true),
            (false, little, long, true),
            (false, little, short, false),
            (true, little, short, true),
        ] {
            assert_eq!(may_resume(first, progress, lasted), expected);
        }
    }
}

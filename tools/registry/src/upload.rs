//! Sending blobs: the whole ladder of the distribution specification.
//!
//! A mount where the registry may have the blob in another repository; else one `PUT`; where that fails,
//! chunks by `PATCH`, each begun where the registry says it has got to, smaller where it says that they are
//! too large, never smaller than it says they must be; a new session where the old one is lost; and the
//! session is cancelled where we give up. With a journal a large blob goes in chunks from the first, and a
//! session that another run has left is taken up.
//!
//! Each answer's `Location` is the next one to use. It may be on another host; who we are stays at home.

use oci::Digest;

use crate::content::{Content, Journal, Progress};
use crate::error::{Error, Result, is_passing};
use crate::headers;
use crate::host::{Call, Payload};
use crate::repository::Repository;
use crate::scope::Scopes;
use crate::transport::{Head, Method};
use crate::url::{Url, shown};

/// Chunks are so large at first. Only for larger blobs a journal is kept.
pub const CHUNK: u64 = 16 << 20;

/// They are not made smaller than this.
const SMALLEST: u64 = 1 << 20;

/// The largest minimum that is believed.
const LARGEST_MINIMUM: u64 = 1 << 30;

/// How a blob got into a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The registry took it from another repository.
    Mounted,
    /// Its bytes were sent.
    Sent,
}

/// Where a registry may take a blob from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mount {
    /// It is not asked to.
    No,
    /// From this repository of the same registry.
    From(String),
    /// From any that it knows.
    Anonymous,
}

struct Session {
    location: Url,
    minimum: u64,
}

enum Start {
    Mounted,
    Session(Session),
}

/// One blob on its way.
struct Upload<'a> {
    repository: &'a Repository,
    digest: &'a Digest,
    size: u64,
    content: &'a (dyn Content + 'a),
    scopes: Scopes,
    journal: Option<&'a dyn Journal>,
}

impl Repository {
    /// Sends a blob that the repository does not have.
    ///
    /// # Errors
    /// The registry refuses, or the network; nothing of it is left there, as far as the registry lets
    /// us cancel.
    pub fn upload(
        &self,
        digest: &Digest,
        size: u64,
        mount: &Mount,
        content: &dyn Content,
    ) -> Result<Arrival> {
        self.upload_with(digest, size, mount, content, None)
    }

    /// As [`Repository::upload`]; a large blob goes in chunks, and how far it has come is kept in
    /// `journal`, so that the next run goes on there.
    ///
    /// # Errors
    /// As [`Repository::upload`]. Where another run may go on, the session is not cancelled.
    pub fn upload_with(
        &self,
        digest: &Digest,
        size: u64,
        mount: &Mount,
        content: &dyn Content,
        journal: Option<&dyn Journal>,
    ) -> Result<Arrival> {
        let mut scopes = Scopes::push(&self.path);
        if let Mount::From(source) = mount {
            scopes = scopes.with(source, &["pull"]);
        }
        let upload = Upload {
            repository: self,
            digest,
            size,
            content,
            scopes,
            // One chunk is not worth it.
            journal: journal.filter(|_| size > CHUNK),
        };
        let known = upload.resume();
        let taken_up = known.is_some();
        let (mut session, offset) = match known {
            Some(known) => known,
            None => match upload.start(mount)? {
                Start::Mounted => return Ok(Arrival::Mounted),
                Start::Session(session) => (session, 0),
            },
        };
        let mut chunk = CHUNK.max(session.minimum);
        let first = match upload.journal {
            None => upload.put_whole(&mut session),
            Some(_) => upload.chunks(&mut session, offset, &mut chunk),
        };
        let sent = match first {
            Err(error) if may_recover(&error) => {
                if taken_up && matches!(error, Error::Status { .. }) {
                    // What was there was not of this blob.
                    upload.cancel(&session);
                }
                upload.chunked(&mut session, error)
            }
            sent => sent,
        };
        if let Some(journal) = upload.journal
            && !matches!(&sent, Err(error) if may_recover(error))
        {
            journal.clear();
        }
        match sent {
            Ok(()) => Ok(Arrival::Sent),
            Err(error) => {
                if upload.journal.is_none() || !may_recover(&error) {
                    upload.cancel(&session);
                }
                Err(error)
            }
        }
    }
}

/// Whether another way may lead there.
fn may_recover(error: &Error) -> bool {
    match error {
        Error::Network { .. } | Error::Slow { .. } | Error::Absent { .. } => true,
        Error::Status { answer, .. } => {
            is_passing(answer.status) || matches!(answer.status, 400 | 405 | 411 | 413 | 416)
        }
        _ => false,
    }
}

fn is_too_large(error: &Error) -> bool {
    matches!(error, Error::Status { answer, .. } if answer.status == 413)
}

impl Upload<'_> {
    /// The session that another run has left, and how far it has come.
    fn resume(&self) -> Option<(Session, u64)> {
        let kept = self.journal?.load()?;
        let location = Url::parse(&kept.location).ok()?;
        let host = &self.repository.host;
        host.may_follow(&host.origin, location.origin()).ok()?;
        let mut session = Session {
            location,
            minimum: kept.minimum.min(LARGEST_MINIMUM),
        };
        let offset = self.status(&mut session)?;
        Some((session, offset))
    }

    /// Tells the journal, if there is one.
    fn keep(&self, session: &Session) {
        if let Some(journal) = self.journal {
            journal.save(&Progress {
                location: session.location.wire(),
                minimum: session.minimum,
            });
        }
    }

    fn call(&self, method: Method, url: Url) -> Call<'_> {
        let what = format!("upload of blob {}", self.digest);
        Call {
            may_leave: true,
            ..self.repository.call(method, what, url, &self.scopes)
        }
    }

    /// Begins a session, or has the blob mounted.
    fn start(&self, mount: &Mount) -> Result<Start> {
        let mut url = self.repository.url("blobs/uploads/");
        let digest = self.digest.to_string();
        match mount {
            Mount::No => {}
            Mount::Anonymous => url = url.with_query("mount", &digest),
            Mount::From(source) => {
                url = url.with_query("mount", &digest).with_query("from", source);
            }
        }
        let call = Call {
            payload: Payload::Bytes(b""),
            ..self.call(Method::Post, url.clone())
        };
        let head = match self
            .repository
            .host
            .request(&call, |answer| Ok(answer.head))
        {
            // Some registries refuse what they can't mount, instead of beginning an upload.
            Err(Error::Denied { .. } | Error::Absent { .. } | Error::Status { .. })
                if *mount != Mount::No =>
            {
                return self.start(&Mount::No);
            }
            head => head?,
        };
        if head.status == 201 {
            if *mount == Mount::No {
                return Err(self.header(
                    &call,
                    "Location",
                    "of no upload, though one was asked for",
                ));
            }
            return Ok(Start::Mounted);
        }
        let minimum = head.first("oci-chunk-min-length");
        let minimum = minimum.and_then(|text| text.trim().parse().ok());
        Ok(Start::Session(Session {
            location: self
                .location(&call, &url, &head)?
                .ok_or_else(|| self.header(&call, "Location", "missing"))?,
            minimum: minimum.unwrap_or(0).min(LARGEST_MINIMUM),
        }))
    }

    fn header(&self, call: &Call<'_>, field: &'static str, problem: &str) -> Error {
        Error::Header {
            at: Box::new(call.at.clone()),
            field,
            problem: problem.to_owned(),
        }
    }

    /// Where the session goes on, if the answer says so.
    fn location(&self, call: &Call<'_>, from: &Url, head: &Head) -> Result<Option<Url>> {
        let Some(location) = head.first("location") else {
            return Ok(None);
        };
        let refused = |reason| Error::Redirect {
            at: Box::new(call.at.clone()),
            to: shown(location),
            reason,
        };
        let to = from.join(location).map_err(refused)?;
        let host = &self.repository.host;
        host.may_follow(from.origin(), to.origin())
            .map_err(refused)?;
        Ok(Some(to))
    }

    /// Sends all bytes with one request.
    fn put_whole(&self, session: &mut Session) -> Result<()> {
        self.put(session, self.size)
    }

    /// Ends the session with the last bytes, so many.
    fn put(&self, session: &Session, length: u64) -> Result<()> {
        let url = session.location.clone();
        let url = url.with_query("digest", &self.digest.to_string());
        let call = Call {
            headers: vec![("content-type", "application/octet-stream".into())],
            payload: if length == 0 {
                Payload::Bytes(b"")
            } else {
                Payload::Content {
                    content: self.content,
                    offset: self.size - length,
                    length,
                }
            },
            tries: Some(1),
            ..self.call(Method::Put, url)
        };
        let head = self
            .repository
            .host
            .request(&call, |answer| Ok(answer.head))?;
        let claimed = head.first("docker-content-digest");
        if let Some(claimed) = claimed.and_then(|text| text.parse::<Digest>().ok())
            && claimed.algorithm() == self.digest.algorithm()
            && claimed != *self.digest
        {
            return Err(Error::WrongDigest {
                at: Box::new(call.at),
                expected: Box::new(*self.digest),
                found: Box::new(claimed),
            });
        }
        if head.status == 202 {
            return Err(self.header(&call, "status", "202, which does not say that it is stored"));
        }
        Ok(())
    }

    /// Sends chunks, after `first` went wrong.
    fn chunked(&self, session: &mut Session, first: Error) -> Result<()> {
        let mut chunk = session.minimum.max(CHUNK);
        let most = self.repository.host.patience.tries;
        let mut failures = 1;
        let mut last = first;
        loop {
            if failures >= most.max(2) {
                return Err(last);
            }
            if failures > 1 {
                let pause = self.repository.host.patience.pause;
                std::thread::sleep(pause.saturating_mul(1 << (failures - 2).min(6)));
            }
            // The answer may have been lost, and not the blob.
            let scopes = &self.scopes;
            if self
                .repository
                .has_blob_with(self.digest, self.size, scopes)?
            {
                return Ok(());
            }
            let mut offset = match self.status(session) {
                Some(offset) => offset,
                None => {
                    self.cancel(session);
                    match self.start(&Mount::No)? {
                        Start::Session(new) => *session = new,
                        Start::Mounted => return Ok(()),
                    }
                    self.keep(session);
                    0
                }
            };
            let sent = self.chunks_from(session, &mut offset, &mut chunk, &mut failures);
            match sent {
                Ok(()) => return Ok(()),
                Err(error) if may_recover(&error) => last = error,
                Err(error) => return Err(error),
            }
            failures += 1;
        }
    }

    /// Sends chunks from `offset` on, and ends the session.
    fn chunks(&self, session: &mut Session, offset: u64, chunk: &mut u64) -> Result<()> {
        self.keep(session);
        self.chunks_from(session, &mut { offset }, chunk, &mut 0)
    }

    /// The same; what gets on forgets the failures before it.
    fn chunks_from(
        &self,
        session: &mut Session,
        offset: &mut u64,
        chunk: &mut u64,
        failures: &mut u32,
    ) -> Result<()> {
        let least = session.minimum.max(SMALLEST);
        loop {
            if *offset == self.size {
                return self.put(session, 0);
            }
            let length = (*chunk).min(self.size - *offset);
            match self.patch(session, *offset, length) {
                Ok(received) if received > *offset => {
                    *offset = received;
                    *failures = 1;
                    self.keep(session);
                }
                Ok(_) => return Err(self.stuck(*offset)),
                Err(error) if is_too_large(&error) && *chunk > least => {
                    *chunk = (*chunk / 2).max(least);
                    // What was refused may have ended the connection, and been counted all the same.
                    match self.status(session) {
                        Some(known) => *offset = known,
                        None => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn stuck(&self, offset: u64) -> Error {
        let at = self
            .repository
            .at(Method::Patch, format!("upload of blob {}", self.digest));
        Error::Network {
            at: Box::new(at),
            tries: 1,
            source: format!("the registry stays at {offset} bytes").into(),
        }
    }

    /// Sends one chunk; returns how many bytes the registry has then.
    fn patch(&self, session: &mut Session, offset: u64, length: u64) -> Result<u64> {
        let end = offset + length;
        let call = Call {
            headers: vec![
                ("content-type", "application/octet-stream".into()),
                ("content-range", format!("{offset}-{}", end - 1)),
            ],
            payload: Payload::Content {
                content: self.content,
                offset,
                length,
            },
            tries: Some(1),
            ..self.call(Method::Patch, session.location.clone())
        };
        let head = self
            .repository
            .host
            .request(&call, |answer| Ok(answer.head))?;
        if let Some(location) = self.location(&call, &session.location, &head)? {
            session.location = location;
        }
        Ok(match head.first("range") {
            None => end,
            Some(range) => match headers::uploaded(range) {
                // One byte and none are written alike.
                Some(0) if end == 1 => 1,
                Some(received) if received <= self.size => received,
                _ => return Err(self.header(&call, "Range", "none of this upload")),
            },
        })
    }

    /// How many bytes the registry has; nothing where the session is lost.
    fn status(&self, session: &mut Session) -> Option<u64> {
        let call = self.call(Method::Get, session.location.clone());
        let head = self
            .repository
            .host
            .request(&call, |answer| Ok(answer.head))
            .ok()?;
        if let Ok(Some(location)) = self.location(&call, &session.location, &head) {
            session.location = location;
        }
        let received = head.first("range").map_or(Some(0), headers::uploaded)?;
        (received <= self.size).then_some(received)
    }

    /// Lets go of a session. What comes of it does not matter.
    fn cancel(&self, session: &Session) {
        let call = Call {
            tries: Some(1),
            ..self.call(Method::Delete, session.location.clone())
        };
        let _ = self.repository.host.request(&call, |_| Ok(()));
    }
}

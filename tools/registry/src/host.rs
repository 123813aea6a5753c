//! One registry: requests that are answered, in spite of redirects, challenges and bad days.
//!
//! A request is tried again where another try may help, after pauses that grow and that the registry
//! may set. A redirect is followed by rule; who we are is said to the registry's own origin alone.
//!
//! Invariant: what [`Host::run`] hands on has a status below 300.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use oci::Digest;

use crate::answer::{self, Broken};
use crate::auth::Auth;
use crate::content::Content;
use crate::credentials::Credentials;
use crate::error::{Answer, At, DOWNGRADE, Error, PLAIN, Result, is_passing};
use crate::headers;
use crate::limit::HostLimits;
use crate::scope::Scopes;
use crate::settings::{Patience, Settings};
use crate::transport::{Body, Failure, Head, Method, Response, Transport};
use crate::url::{Origin, Scheme, Url, shown};
use crate::wire::Promise;

/// The most redirects of one request.
const HOPS: usize = 10;

/// A registry.
pub(crate) struct Host {
    /// By the user's name for it.
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) transport: Transport,
    pub(crate) patience: Patience,
    pub(crate) auth: Auth,
}

/// What is sent with a request.
pub(crate) enum Payload<'a> {
    None,
    Bytes(&'a [u8]),
    /// A part of a blob, opened anew for each try.
    Content {
        content: &'a dyn Content,
        offset: u64,
        length: u64,
    },
}

/// How we say who we are.
pub(crate) enum Authorization<'a> {
    /// As the registry wants it.
    Registry {
        credentials: &'a Credentials,
        scopes: &'a Scopes,
    },
    /// With this header, to the URL's own origin.
    Fixed(Option<String>),
}

/// A request.
pub(crate) struct Call<'a> {
    pub(crate) at: At,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) payload: Payload<'a>,
    pub(crate) authorization: Authorization<'a>,
    /// Whether a redirect may carry the payload to another origin.
    pub(crate) may_leave: bool,
    /// How often it is sent at most; none for as often as the settings say.
    pub(crate) tries: Option<u32>,
}

impl Call<'_> {
    pub(crate) fn new(at: At, method: Method, url: Url) -> Self {
        Call {
            at,
            method,
            url,
            headers: Vec::new(),
            payload: Payload::None,
            authorization: Authorization::Fixed(None),
            may_leave: false,
            tries: None,
        }
    }
}

/// What came of sending a request once.
enum Once {
    Answer(Response),
    /// Why there is none, and whether another try may help.
    Failure(Box<dyn std::error::Error + Send + Sync>, bool),
}

impl Host {
    pub(crate) fn new(settings: &Settings, limits: Arc<HostLimits>, name: &str) -> Result<Self> {
        let origin = settings.origin(name).map_err(|reason| Error::Name {
            name: name.into(),
            reason,
        })?;
        Ok(Host {
            name: name.to_owned(),
            transport: Transport::new(settings, limits, name, &origin)?,
            origin,
            patience: settings.patience,
            auth: Auth::default(),
        })
    }

    /// Sends a request until it is answered, and `finish` has taken in the answer.
    pub(crate) fn run<T>(
        &self,
        call: &Call<'_>,
        scrub: &dyn Fn(&mut Answer),
        mut finish: impl FnMut(Response) -> std::result::Result<T, Broken>,
    ) -> Result<T> {
        let most = call.tries.unwrap_or(self.patience.tries).max(1);
        let at = || Box::new(call.at.clone());
        for tries in 1.. {
            let mut pause = self.pause(call, tries);
            match self.once(call)? {
                Once::Answer(response) if response.head.status < 300 => match finish(response) {
                    Ok(done) => return Ok(done),
                    Err(Broken::Final(error)) => return Err(error),
                    Err(Broken::Off(error)) if tries >= most => {
                        return Err(broken(at(), tries, error));
                    }
                    Err(Broken::Off(_)) => {}
                },
                Once::Answer(response) => {
                    let head = response.head.clone();
                    let mut answer = answer::error_answer(response, &self.patience);
                    scrub(&mut answer);
                    if !is_passing(head.status) || tries >= most {
                        return Err(self.refusal(call, answer, tries));
                    }
                    let wait = head.first("retry-after");
                    let wait = wait.and_then(|f| headers::retry_after(f, head.first("date")));
                    if let Some(seconds) = wait {
                        let wait = Duration::from_secs(seconds);
                        if wait > self.patience.longest_wait {
                            return Err(Error::Wait {
                                at: at(),
                                answer,
                                seconds,
                            });
                        }
                        pause = pause.max(wait);
                    }
                }
                Once::Failure(source, passing) => {
                    if !passing || tries >= most {
                        return Err(Error::Network {
                            at: at(),
                            tries,
                            source,
                        });
                    }
                }
            }
            std::thread::sleep(pause);
        }
        unreachable!("the loop ends by the number of tries, which is finite")
    }

    /// A request to the registry, with what it says put into errors.
    pub(crate) fn request<T>(
        &self,
        call: &Call<'_>,
        finish: impl FnMut(Response) -> std::result::Result<T, Broken>,
    ) -> Result<T> {
        self.run(call, &|answer| self.auth.scrub(answer), finish)
    }

    /// How long to wait after the nth try: twice as long each time, and a little off the beat by the
    /// request, so that many clients do not come at once. No clock and no chance decides.
    fn pause(&self, call: &Call<'_>, tries: u32) -> Duration {
        let pause = self.patience.pause.saturating_mul(1 << (tries - 1).min(16));
        let pause = pause.min(self.patience.longest_pause);
        let seed = format!("{} {} {tries}", call.at, call.url.wire());
        let jitter = u32::from(Digest::of(seed.as_bytes()).bytes()[0]);
        // 0.9 to 1.1 times as long.
        pause.saturating_mul(900 + 200 * jitter / 255) / 1000
    }

    fn refusal(&self, call: &Call<'_>, answer: Answer, tries: u32) -> Error {
        let at = Box::new(call.at.clone());
        match answer.status {
            404 | 410 => Error::Absent { at, answer },
            401 | 403 => {
                let source = match &call.authorization {
                    Authorization::Registry { credentials, .. } => credentials
                        .find(&self.name, &call.at.repository)
                        .map(|found| found.source),
                    Authorization::Fixed(_) => Ok(String::new()),
                };
                match source {
                    Ok(credentials) => Error::Denied {
                        at,
                        answer,
                        credentials,
                    },
                    Err(error) => error,
                }
            }
            _ => Error::Status { at, answer, tries },
        }
    }

    /// Sends a request once, which may take several messages: redirects, one challenge.
    fn once(&self, call: &Call<'_>) -> Result<Once> {
        let mut url = call.url.clone();
        let mut hops = 0;
        let mut met: Option<Option<String>> = None;
        loop {
            let mut headers = call.headers.clone();
            let says_who = match &call.authorization {
                Authorization::Registry { .. } => *url.origin() == self.origin,
                Authorization::Fixed(_) => url.origin() == call.url.origin(),
            };
            if says_who {
                let header = match (&met, &call.authorization) {
                    (Some(header), _) => header.clone(),
                    (None, Authorization::Fixed(header)) => header.clone(),
                    (
                        None,
                        Authorization::Registry {
                            credentials,
                            scopes,
                        },
                    ) => {
                        let repository = &call.at.repository;
                        self.auth.header(self, credentials, repository, scopes)?
                    }
                };
                headers.extend(header.map(|header| ("authorization", header)));
            }
            let response = match self.send(call, &url, &headers)? {
                Ok(response) => response,
                Err(Failure::Blocked(blocked)) => {
                    return Err(Error::Blocked {
                        at: Box::new(call.at.clone()),
                        place: blocked.to_string(),
                    });
                }
                Err(Failure::Network { error, passing }) => {
                    return Ok(Once::Failure(error, passing));
                }
            };
            let head = &response.head;
            match (head.status, &call.authorization) {
                (
                    401,
                    Authorization::Registry {
                        credentials,
                        scopes,
                    },
                ) if says_who && met.is_none() => {
                    let repository = &call.at.repository;
                    let header =
                        self.auth
                            .meet(self, credentials, repository, &call.at, scopes, head)?;
                    if header.is_none() {
                        return Ok(Once::Answer(response));
                    }
                    met = Some(header);
                    // The challenge may have come from behind a redirect within the registry.
                    url = call.url.clone();
                    hops = 0;
                }
                (301 | 302 | 303 | 307 | 308, _) => {
                    hops += 1;
                    url = self.redirect(call, &url, head, hops)?;
                }
                (300..=399, _) => {
                    let reason = "its status is none of a redirect that is understood";
                    return Err(redirect_error(call, "", reason));
                }
                _ => return Ok(Once::Answer(response)),
            }
        }
    }

    fn send(
        &self,
        call: &Call<'_>,
        url: &Url,
        headers: &[(&'static str, String)],
    ) -> Result<std::result::Result<Response, Failure>> {
        // Others may wait for a token with their places in their hands.
        let counts = matches!(call.authorization, Authorization::Registry { .. });
        let send = |body: Body<'_>| self.transport.send(call.method, url, headers, body, counts);
        match &call.payload {
            Payload::None => send(Body::None),
            Payload::Bytes(bytes) => send(Body::Bytes(bytes)),
            &Payload::Content {
                content,
                offset,
                length,
            } => {
                let unreadable = |source| Error::Content {
                    at: Box::new(call.at.clone()),
                    source,
                };
                if self.transport.sends_files(url.origin())
                    && let Some(file) = content.file().map_err(unreadable)?
                {
                    let sees = |bytes| content.sent(bytes);
                    let mut promise = Promise::new(file, offset, length, &sees);
                    let reader = &mut promise;
                    let sent = send(Body::Stream { reader, length });
                    return promise
                        .failed()
                        .map_or(sent, |error| Err(unreadable(error)));
                }
                let mut reader = content.open(offset).map_err(unreadable)?.take(length);
                let mut reader = Watched {
                    reader: &mut reader,
                    failed: None,
                };
                let sent = send(Body::Stream {
                    reader: &mut reader,
                    length,
                });
                reader.failed.map_or(sent, |error| Err(unreadable(error)))
            }
        }
    }

    /// Where a redirect leads, if it may.
    fn redirect(&self, call: &Call<'_>, from: &Url, head: &Head, hops: usize) -> Result<Url> {
        let location = head.first("location").unwrap_or_default();
        let refused = |reason| redirect_error(call, location, reason);
        if hops > HOPS {
            return Err(refused("there are more than 10 in a row"));
        }
        let reads = matches!(call.method, Method::Get | Method::Head);
        if !reads && !matches!(head.status, 307 | 308) {
            return Err(refused("only 307 and 308 keep the method and what is sent"));
        }
        if location.is_empty() {
            return Err(refused("it names no place"));
        }
        let to = from.join(location).map_err(refused)?;
        if !reads && !call.may_leave && to.origin() != from.origin() {
            return Err(refused("it leads to another origin with a secret"));
        }
        self.may_follow(from.origin(), to.origin())
            .map_err(refused)?;
        Ok(to)
    }

    /// Whether a place that the registry names may be gone to, as far as its URL tells.
    pub(crate) fn may_follow(
        &self,
        from: &Origin,
        to: &Origin,
    ) -> std::result::Result<(), &'static str> {
        if from.scheme == Scheme::Https && to.scheme == Scheme::Http {
            return Err(DOWNGRADE);
        }
        if to.scheme == Scheme::Http && !self.transport.may_be_plain(to) {
            return Err(PLAIN);
        }
        Ok(())
    }
}

/// What is sent, and why it could not be read: that is no fault of the network.
struct Watched<'a> {
    reader: &'a mut dyn Read,
    failed: Option<io::Error>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer).map_err(|error| {
            self.failed = Some(error);
            io::Error::other("what is to be sent can't be read")
        })
    }
}

fn redirect_error(call: &Call<'_>, location: &str, reason: &'static str) -> Error {
    Error::Redirect {
        at: Box::new(call.at.clone()),
        to: shown(location),
        reason,
    }
}

/// The error of a body that broke off.
pub(crate) fn broken(at: Box<At>, tries: u32, error: io::Error) -> Error {
    if let Some(slow) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<answer::TooSlow>())
    {
        return Error::Slow {
            at,
            bytes: slow.bytes,
            seconds: slow.seconds,
        };
    }
    Error::Network {
        at,
        tries,
        source: Box::new(error),
    }
}

#[cfg(test)]
mod tests;

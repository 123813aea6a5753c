//! Bodies: read to their end, and no further than they may go.
//!
//! Invariant: no body is read without a limit, and no size that a registry names is allocated before
//! that many bytes have come.

use std::io::{self, Read};
use std::time::Instant;

use oci::error::Shown;
use serde::Deserialize;

use crate::error::{Answer, At, Error, Result};
use crate::headers::{self, Length};
use crate::settings::Patience;
use crate::transport::{Head, Response};

/// The most bytes of an error's body that are looked at.
const ERROR_BODY: u64 = 64 << 10;

/// Reads at least so many bytes in each window of time, or fails.
pub(crate) struct Steady<R> {
    inner: R,
    patience: Patience,
    since: Instant,
    bytes: u64,
}

/// What [`Steady`] fails with, inside an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("less than {bytes} bytes came in {seconds} seconds")]
pub(crate) struct TooSlow {
    pub(crate) bytes: u64,
    pub(crate) seconds: u64,
}

impl<R: Read> Steady<R> {
    pub(crate) fn new(inner: R, patience: &Patience) -> Self {
        Steady {
            inner,
            patience: *patience,
            since: Instant::now(),
            bytes: 0,
        }
    }
}

impl<R: Read> Read for Steady<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        if read > 0 && self.since.elapsed() >= self.patience.window {
            if self.bytes < self.patience.slowest {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    TooSlow {
                        bytes: self.patience.slowest,
                        seconds: self.patience.window.as_secs(),
                    },
                ));
            }
            self.since = Instant::now();
            self.bytes = 0;
        }
        Ok(read)
    }
}

/// How a body could not be read.
pub(crate) enum Broken {
    /// It broke off: another try may help.
    Off(io::Error),
    /// It is not to be had in this way.
    Final(Error),
}

/// What an answer's header says of its body's length.
pub(crate) fn length(at: &At, head: &Head) -> Result<Option<u64>> {
    match headers::content_length(head.all("content-length")) {
        Length::Unknown => Ok(None),
        Length::Known(length) => Ok(Some(length)),
        Length::Malformed => Err(Error::Header {
            at: Box::new(at.clone()),
            field: "Content-Length",
            problem: "malformed".into(),
        }),
    }
}

/// Refuses bodies that are encoded although `identity` was asked for: their bytes are others.
pub(crate) fn not_encoded(at: &At, head: &Head) -> Result<()> {
    match head.first("content-encoding") {
        None | Some("" | "identity") => Ok(()),
        Some(encoding) => Err(Error::Header {
            at: Box::new(at.clone()),
            field: "Content-Encoding",
            problem: format!(
                "`{}`, and only plain bytes were asked for",
                Shown::new(encoding)
            ),
        }),
    }
}

/// Reads a whole body of at most `limit` bytes.
pub(crate) fn whole(
    at: &At,
    response: Response,
    limit: u64,
    patience: &Patience,
) -> std::result::Result<Vec<u8>, Broken> {
    let too_large = || {
        let at = Box::new(at.clone());
        Broken::Final(Error::TooLarge { at, limit })
    };
    not_encoded(at, &response.head).map_err(Broken::Final)?;
    let announced = length(at, &response.head).map_err(Broken::Final)?;
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    Steady::new(response.body, patience)
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(Broken::Off)?;
    if bytes.len() as u64 > limit {
        return Err(too_large());
    }
    match announced {
        Some(announced) if announced != bytes.len() as u64 => Err(Broken::Off(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("{} of {announced} bytes came", bytes.len()),
        ))),
        _ => Ok(bytes),
    }
}

/// What an answer with an error status says; its body may be anything.
pub(crate) fn error_answer(response: Response, patience: &Patience) -> Answer {
    #[derive(Deserialize)]
    struct Errors {
        #[serde(default)]
        errors: Vec<One>,
        // What token services and proxies write instead.
        message: Option<String>,
        details: Option<String>,
    }
    #[derive(Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        message: Option<String>,
    }
    let status = response.head.status;
    let is_text = response
        .head
        .first("content-type")
        .is_some_and(|media| media.starts_with("text/plain") || media.starts_with("text/html"));
    let mut bytes = Vec::new();
    // As much as comes: the status is what counts.
    let _ = Steady::new(response.body, patience)
        .take(ERROR_BODY)
        .read_to_end(&mut bytes);
    let Ok(errors) = serde_json::from_slice::<Errors>(&bytes) else {
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim();
        return Answer {
            status,
            codes: Vec::new(),
            message: (is_text && !text.is_empty()).then(|| Shown::new(first_words(text))),
        };
    };
    let mut messages: Vec<String> = Vec::new();
    let mut codes = Vec::new();
    for one in errors.errors.into_iter().take(8) {
        if !one.code.is_empty() {
            codes.push(Shown::new(one.code));
        }
        messages.extend(one.message.filter(|message| !message.is_empty()));
    }
    messages.extend(errors.message.or(errors.details));
    Answer {
        status,
        codes,
        message: (!messages.is_empty()).then(|| Shown::new(messages.join("; "))),
    }
}

/// The words of a page without its tags.
fn first_words(page: &str) -> String {
    let mut text = String::new();
    let mut tag = false;
    for c in page.chars() {
        match c {
            '<' => tag = true,
            '>' if tag => {
                tag = false;
                text.push(' ');
            }
            c if !tag => text.push(c),
            _ => {}
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn pages_become_words() {
        assert_eq!(
            first_words("<html>\n<head><title>502 Bad  Gateway</title></head><body>x</body>"),
            "502 Bad Gateway x"
        );
    }

    /// One byte each time, `pause` apart.
    struct Drip(Duration);
    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            std::thread::sleep(self.0);
            buffer[0] = 0;
            Ok(1)
        }
    }

    #[test]
    fn a_drip_is_cut_off() {
        let patience = Patience {
            window: Duration::from_millis(50),
            slowest: 1000,
            ..Patience::default()
        };
        let mut steady = Steady::new(Drip(Duration::from_millis(5)), &patience);
        let error = io::copy(&mut steady, &mut io::sink()).unwrap_err();
        assert_eq!(error.to_string(), "less than 1000 bytes came in 0 seconds");
        // The same number of bytes, fast enough.
        let mut steady = Steady::new(Drip(Duration::ZERO).take(3000), &patience);
        assert_eq!(io::copy(&mut steady, &mut io::sink()).unwrap(), 3000);
    }
}

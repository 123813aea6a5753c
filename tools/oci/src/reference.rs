//! Image references: `host/path:tag@digest`, by the grammar of the reference format that registries
//! and runtimes share, and the short forms that people type.
//!
//! It does not guess: `localhost:5000` is neither a registry nor an image and is refused; a name
//! that looks like an image ID (64 hexadecimal digits) is refused unless it has a host.
//!
//! Invariant: `Reference::parse(r.to_string()) == r`.

use std::fmt;
use std::str::FromStr;

use crate::{Algorithm, Digest, Error};

/// The registry that a name without a host is at.
pub const DEFAULT_HOST: &str = "docker.io";

/// Other names of the default registry.
const DEFAULT_HOST_ALIASES: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];

/// The most characters of a path.
const PATH: usize = 255;

/// The most characters of a tag.
const TAG: usize = 128;

/// A reference to an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The registry, with a port where it has one; a reference that was not normalised may have none.
    pub host: Option<String>,
    /// The repository within the registry.
    pub path: String,
    /// The tag; only a comment where there is a digest.
    pub tag: Option<String>,
    /// The digest.
    pub digest: Option<Digest>,
}

impl Reference {
    /// Reads a reference by the grammar alone: the first part is the host if it can be one and more
    /// follows.
    ///
    /// # Errors
    /// Text of another form.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (name, tag, digest) = split(text)?;
        let (host, path) = match name.split_once('/') {
            Some((host, path)) if is_host(host) => (Some(host), path),
            _ => (None, name),
        };
        build(text, host, path, tag, digest)
    }

    /// Reads a reference as people type it: `debian` is `docker.io/library/debian`.
    ///
    /// The first part is the host if it has a dot, a colon or an upper-case letter or is
    /// `localhost`; otherwise the host is [`DEFAULT_HOST`].
    ///
    /// # Errors
    /// Text of another form, `localhost:<port>` without a path, a bare image ID.
    pub fn normalized(text: &str) -> Result<Self, Error> {
        if text.contains("://") {
            return Err(bad(
                text,
                "a reference has no scheme, and begins with the registry's name",
            ));
        }
        let (name, tag, digest) = split(text)?;
        let is_first_host = |first: &str| {
            first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|b| b.is_ascii_uppercase())
        };
        let (host, path) = match name.split_once('/') {
            Some((first, path)) if is_first_host(first) => (first, path),
            _ => (DEFAULT_HOST, name),
        };
        let port = |tag: &str| tag.bytes().all(|b| b.is_ascii_digit());
        if name == "localhost" && tag.is_some_and(port) {
            return Err(bad(text, "it is a registry without a repository"));
        }
        if name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad(text, "it is an image ID, not a name"));
        }
        if !is_host(host) {
            return Err(bad(
                text,
                "the registry's name has an illegal character or form",
            ));
        }
        let host = if DEFAULT_HOST_ALIASES.contains(&host) {
            DEFAULT_HOST
        } else {
            host
        };
        if host == DEFAULT_HOST && !path.contains('/') {
            return build(text, Some(host), &format!("library/{path}"), tag, digest);
        }
        build(text, Some(host), path, tag, digest)
    }

    /// Host and path, as in `docker.io/library/debian`.
    pub fn name(&self) -> String {
        match &self.host {
            Some(host) => format!("{host}/{}", self.path),
            None => self.path.clone(),
        }
    }

    /// The same reference without the tag where there is a digest: the digest is what is used.
    pub fn pinned(mut self) -> Self {
        if self.digest.is_some() {
            self.tag = None;
        }
        self
    }
}

/// The tag that stands for the referrers API where a registry lacks it (distribution
/// specification, "Referrers tag schema").
pub fn referrers_tag(subject: &Digest) -> String {
    let algorithm = match subject.algorithm() {
        Algorithm::Sha256 => "sha256",
        Algorithm::Sha512 => "sha512",
    };
    format!("{algorithm}-{}", &subject.hex()[..64])
}

/// Whether `text` can be a tag.
pub fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=TAG).contains(&text.len())
        && text
            .bytes()
            .enumerate()
            .all(|(at, b)| word(b) || (at > 0 && b".-".contains(&b)))
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Reference::parse(text)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "{host}/")?;
        }
        f.write_str(&self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

fn bad(text: &str, reason: &'static str) -> Error {
    Error::Reference {
        text: text.into(),
        reason,
    }
}

/// Splits `name[:tag][@digest]`.
fn split(text: &str) -> Result<(&str, Option<&str>, Option<Digest>), Error> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.parse()?)),
        None => (text, None),
    };
    if rest.is_empty() || rest.starts_with(':') {
        return Err(bad(text, "it has no name"));
    }
    let last = rest.rfind('/').map_or(0, |at| at + 1);
    match rest[last..].rfind(':') {
        Some(at) => Ok((&rest[..last + at], Some(&rest[last + at + 1..]), digest)),
        None => Ok((rest, None, digest)),
    }
}

fn build(
    text: &str,
    host: Option<&str>,
    path: &str,
    tag: Option<&str>,
    digest: Option<Digest>,
) -> Result<Reference, Error> {
    if path.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(bad(text, "the repository has an upper-case letter"));
    }
    if !path.split('/').all(is_component) {
        return Err(bad(text, "the repository has an illegal character or form"));
    }
    if path.len() > PATH {
        return Err(bad(text, "the repository is longer than 255 characters"));
    }
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err(bad(
            text,
            "the tag is empty, too long, or has an illegal character",
        ));
    }
    Ok(Reference {
        host: host.map(str::to_owned),
        path: path.to_owned(),
        tag: tag.map(str::to_owned),
        digest,
    })
}

/// `[a-z0-9]+`, joined by one of `.`, `_`, `__`, or any run of `-`.
fn is_component(component: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut rest = component.as_bytes();
    loop {
        let run = rest.iter().take_while(|b| word(**b)).count();
        if run == 0 {
            return false;
        }
        rest = &rest[run..];
        let separator = rest.iter().take_while(|b| !word(**b)).count();
        match &rest[..separator] {
            b"" => return true,
            b"." | b"_" | b"__" => {}
            dashes if dashes.iter().all(|b| *b == b'-') => {}
            _ => return false,
        }
        rest = &rest[separator..];
    }
}

/// A DNS name, an IPv4 address or an IPv6 address in brackets, each with a port or without.
fn is_host(host: &str) -> bool {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        return !address.is_empty()
            && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
            && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (name, port) = match host.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    port.is_none_or(is_port)
        && name.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

#[cfg(test)]
mod tests;

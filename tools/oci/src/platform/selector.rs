//! Choosing platforms: the strings that people write, with wildcards.
//!
//! It does not rank: a platform is chosen or it is not, and who finds two says so.
//!
//! Invariant: matching compares normal forms, so that another name of a platform changes nothing.

use std::fmt;

use super::{Platform, architecture_name, bad, is_name, is_word, os_name, write_options};
use crate::Error;

/// A choice of platforms; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// The operating system.
    pub os: Option<String>,
    /// The architecture.
    pub architecture: Option<String>,
    /// The variant. Where none is given the architecture's usual one is meant, not any.
    pub variant: Option<String>,
    /// The version of the system, or its first parts: `10.0` chooses `10.0.17763`.
    pub os_version: Option<String>,
    /// Features that an image may ask for; any where none is given.
    pub os_features: Vec<String>,
}

impl Selector {
    /// Reads `os[(version+feature…)]`, `architecture`, or `os/architecture[/variant]`, where os and
    /// architecture may be `*`. `%2B` and the like stand for characters that have a meaning here.
    ///
    /// # Errors
    /// Text of another form; a single word that is neither a system nor an architecture.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parts: Vec<&str> = text.split('/').collect();
        let (first, architecture, variant) = match parts[..] {
            [first] => (first, None, None),
            [first, architecture] => (first, Some(architecture), None),
            [first, architecture, variant] => (first, Some(architecture), Some(variant)),
            _ => return Err(bad(text, "it has more than three parts")),
        };
        let mut selector = Selector::default();
        let Some(architecture) = architecture else {
            if let Ok((os, options)) = split_options(text, first)
                && KNOWN_OS.contains(&os_name(os).as_str())
            {
                selector.os = Some(os_name(os));
                selector.set_options(text, options)?;
                return Ok(selector);
            }
            let (architecture, implied) = architecture_name(first);
            if !KNOWN_ARCHITECTURE.contains(&architecture.as_str()) {
                return Err(bad(
                    text,
                    "the word is no known operating system or architecture",
                ));
            }
            selector.architecture = Some(architecture);
            selector.variant = implied.map(str::to_owned);
            return Ok(selector);
        };
        if first != "*" {
            let (os, options) = split_options(text, first)?;
            selector.os = Some(os_name(os));
            selector.set_options(text, options)?;
        }
        if architecture != "*" {
            if !is_word(architecture) {
                return Err(bad(
                    text,
                    "the architecture is empty or has an illegal character",
                ));
            }
            let (name, implied) = architecture_name(architecture);
            selector.architecture = Some(name);
            selector.variant = implied.map(str::to_owned);
        }
        if let Some(variant) = variant {
            if architecture == "*" || !is_word(variant) {
                return Err(bad(
                    text,
                    "the variant is empty or has an illegal character",
                ));
            }
            selector.variant = Some(variant.to_owned());
        }
        Ok(selector)
    }

    /// Whether an image for `platform` is chosen.
    pub fn matches(&self, platform: &Platform) -> bool {
        let asked = Platform {
            os: self.os.clone().unwrap_or_default(),
            architecture: self.architecture.clone().unwrap_or_default(),
            variant: self.variant.clone(),
            os_version: self.os_version.clone(),
            os_features: self.os_features.clone(),
        }
        .normalized();
        let found = platform.normalized();
        (self.os.is_none() || asked.os == found.os)
            && (self.architecture.is_none()
                || (asked.architecture == found.architecture && asked.variant == found.variant))
            && match (&asked.os_version, &found.os_version) {
                (None, _) => true,
                (Some(asked), Some(found)) => found
                    .strip_prefix(asked.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
                (Some(_), None) => false,
            }
            && (asked.os_features.is_empty()
                || found
                    .os_features
                    .iter()
                    .all(|feature| asked.os_features.contains(feature)))
    }

    fn set_options(&mut self, text: &str, options: Option<&str>) -> Result<(), Error> {
        let Some(options) = options else {
            return Ok(());
        };
        let mut parts = options.split('+');
        if let Some(version) = parts.next().filter(|version| !version.is_empty()) {
            self.os_version = Some(decode(text, version)?);
        }
        for feature in parts {
            self.os_features.push(decode(text, feature)?);
        }
        Ok(())
    }
}

impl From<&Platform> for Selector {
    fn from(platform: &Platform) -> Self {
        Selector {
            os: Some(platform.os.clone()),
            architecture: Some(platform.architecture.clone()),
            variant: platform.variant.clone(),
            os_version: platform.os_version.clone(),
            os_features: platform.os_features.clone(),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.os.as_deref().unwrap_or("*"))?;
        write_options(self.os_version.as_deref(), &self.os_features, f)?;
        write!(f, "/{}", self.architecture.as_deref().unwrap_or("*"))?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// Systems that a single word can name.
const KNOWN_OS: [&str; 15] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "js",
    "linux",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
];

/// Architectures that a single word can name.
const KNOWN_ARCHITECTURE: [&str; 15] = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64",
    "ppc64le", "riscv64", "s390x", "sparc64", "wasm",
];

/// Splits `os(options)`.
fn split_options<'a>(text: &str, part: &'a str) -> Result<(&'a str, Option<&'a str>), Error> {
    let (os, options) = match part.split_once('(') {
        None => (part, None),
        Some((os, rest)) => {
            let options = rest
                .strip_suffix(')')
                .ok_or(bad(text, "a parenthesis is not closed"))?;
            (os, Some(options))
        }
    };
    if !is_name(os) {
        return Err(bad(
            text,
            "the operating system is empty or has an illegal character",
        ));
    }
    Ok((os, options))
}

/// Undoes percent-encoding of a version or feature.
fn decode(text: &str, option: &str) -> Result<String, Error> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"_.-%".contains(&b);
    if option.is_empty() || !option.bytes().all(legal) {
        return Err(bad(
            text,
            "a version or feature is empty or has an illegal character",
        ));
    }
    let wrong = || {
        bad(
            text,
            "a percent sign is not followed by two hexadecimal digits",
        )
    };
    let mut out = Vec::new();
    let mut bytes = option.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| b.and_then(|b| (b as char).to_digit(16)).ok_or_else(wrong);
        let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
        out.push((high * 16 + low) as u8);
    }
    String::from_utf8(out).map_err(|_| bad(text, "a version or feature is not UTF-8"))
}

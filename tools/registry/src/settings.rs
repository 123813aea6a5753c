//! How registries are reached: what a request says of each host, and how patient we are.
//!
//! Nothing here is guessed. Plain HTTP is spoken only to hosts that are configured so, and to literal
//! loopback addresses; a name that only looks like one (`127.0.0.1.evil.example`) gets TLS.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU8;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::url::{Origin, Scheme};

/// How one host is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostSettings {
    /// Whether it speaks HTTP without TLS.
    #[serde(default, skip_serializing_if = "is_false")]
    pub plain_http: bool,
    /// A PEM file of the certificate authorities that are trusted for this host, and no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// A PEM file of the certificate, and its chain, that is shown to this host and to no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<PathBuf>,
    /// The PEM file of that certificate's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<PathBuf>,
    /// How many requests are under way with it at once, at most. As many as `parallel` makes, if it is not
    /// said. A blob that is sent on from one of its repositories to another counts once, and requests for
    /// tokens do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_at_once: Option<NonZeroU8>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Where the proxy comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proxy {
    /// There is none.
    #[default]
    None,
    /// `ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`: for people, never in an action.
    Environment,
}

/// How often and how long something is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How often a request is sent at most.
    pub tries: u32,
    /// The first pause; each next one is twice as long.
    pub pause: Duration,
    /// The longest pause of our own choice.
    pub longest_pause: Duration,
    /// The longest `Retry-After` that is waited for.
    pub longest_wait: Duration,
    /// For a connection to be made.
    pub connect: Duration,
    /// For the next byte to come or go.
    pub silence: Duration,
    /// The time over which a body must bring `slowest` bytes.
    pub window: Duration,
    /// Bytes in each window.
    pub slowest: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            tries: 5,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            longest_wait: Duration::from_secs(300),
            connect: Duration::from_secs(30),
            silence: Duration::from_secs(60),
            window: Duration::from_secs(60),
            slowest: 16 << 10,
        }
    }
}

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// By name, `host` or `host:port`.
    pub hosts: BTreeMap<String, HostSettings>,
    /// Where the proxy comes from.
    pub proxy: Proxy,
    /// How patient we are.
    pub patience: Patience,
}

impl Settings {
    /// What is said of a host.
    pub(crate) fn host(&self, name: &str) -> Option<&HostSettings> {
        self.hosts.get(name)
    }

    /// The origin of the API of a registry's name.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub(crate) fn origin(&self, name: &str) -> Result<Origin, &'static str> {
        let api = api_host(name);
        let plain = Origin::new(Scheme::Http, api)?;
        let configured = self.host(name).map(|host| host.plain_http);
        if configured.unwrap_or(is_loopback(&plain.host)) {
            return Ok(plain);
        }
        Origin::new(Scheme::Https, api)
    }
}

/// The most blobs that are moved at once: each takes about a mebibyte of memory.
const MOST: usize = 32;

/// How many blobs are moved at once where nobody says: four, which fill any wire, and twelve where they are
/// so small (4 MiB on average) that each waits more than it moves. What is given counts up to [`MOST`].
pub fn parallel(given: Option<u8>, blobs: usize, bytes: u64) -> usize {
    match given {
        Some(given) => usize::from(given).clamp(1, MOST),
        None if bytes / (blobs.max(1) as u64) < 4 << 20 => 12,
        None => 4,
    }
}

/// Whether a text can be a registry's name, `host` or `host:port`.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    Origin::new(Scheme::Https, name).map(drop)
}

/// The host that answers for a registry's name: Docker Hub's differs from what people write.
pub fn api_host(name: &str) -> &str {
    match name {
        "docker.io" | "index.docker.io" => "registry-1.docker.io",
        name => name,
    }
}

/// A literal loopback address, not a name that looks like one. `localhost` is a name.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    address
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_never_guessed() {
        let plain = HostSettings {
            plain_http: true,
            ..HostSettings::default()
        };
        let tls = HostSettings::default();
        let hosts = BTreeMap::from([
            ("plain.example:5000".to_owned(), plain),
            ("127.0.0.1:8443".to_owned(), tls),
        ]);
        let settings = Settings {
            hosts,
            ..Settings::default()
        };
        for (name, origin) in [
            ("plain.example:5000", "http://plain.example:5000"),
            ("plain.example", "https://plain.example"),
            ("plain.example:5001", "https://plain.example:5001"),
            ("127.0.0.1:5000", "http://127.0.0.1:5000"),
            ("127.0.0.1:8443", "https://127.0.0.1:8443"),
            ("[::1]:5000", "http://[::1]:5000"),
            ("localhost:5000", "https://localhost:5000"),
            ("10.0.0.1:5000", "https://10.0.0.1:5000"),
            ("127.0.0.1.evil.com", "https://127.0.0.1.evil.com"),
            ("my127.0.0.1registry.io", "https://my127.0.0.1registry.io"),
            ("docker.io", "https://registry-1.docker.io"),
        ] {
            assert_eq!(settings.origin(name).unwrap().to_string(), origin);
        }
        assert!(settings.origin("user@example.com").is_err());
    }

    #[test]
    fn small_blobs_go_many_at_once() {
        for (given, blobs, bytes, expected) in [
            (None, 10, 1 << 30, 4),
            (None, 20, 20 << 20, 12),
            (None, 1, 4 << 20, 4),
            (None, 0, 0, 12),
            (Some(0), 20, 20, 1),
            (Some(2), 20, 20, 2),
            (Some(255), 999, 20, 32),
        ] {
            assert_eq!(parallel(given, blobs, bytes), expected);
        }
    }

    #[test]
    fn unknown_settings_are_refused() {
        let error = serde_json::from_str::<HostSettings>(r#"{"insecure":true}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `insecure`"));
        let none = serde_json::from_str::<HostSettings>(r#"{"requests_at_once":0}"#).unwrap_err();
        assert!(none.to_string().contains("expected a nonzero u8"), "{none}");
    }
}

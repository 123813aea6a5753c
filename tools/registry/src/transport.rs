//! The one file that knows the HTTP crate, with [`wire`](crate::wire), which makes plain connections for it.
//!
//! It sends one request and gives back one answer. It follows no redirect, keeps no cookie, decodes
//! no encoding, reads no environment unless told to, and never retries: all that is decided above, where
//! it can be seen.
//!
//! There is one set of connections for each registry: *home* shows a client certificate and dials
//! wherever the user's name for the registry leads; *away* is for hosts that only the registry named
//! and dials what [`guard`](crate::guard) admits. A host of its own in the settings is as good as
//! named by the user.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use ureq::config::Config;
use ureq::http::{self, HeaderMap, Uri};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, SendBody};

use crate::error::{Error, Result};
use crate::guard::{Blocked, Home};
use crate::limit::{HostLimits, Place};
use crate::settings::{HostSettings, Proxy, Settings};
use crate::url::{Origin, Scheme, Url};
use crate::wire::Wires;

/// The methods of the distribution specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// What is sent after the header.
pub(crate) enum Body<'a> {
    None,
    Bytes(&'a [u8]),
    Stream {
        reader: &'a mut dyn Read,
        length: u64,
    },
}

/// The header of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    headers: HeaderMap,
}

impl Head {
    /// All fields of a name that are text.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.headers.get_all(name).into_iter();
        values.filter_map(|value| value.to_str().ok())
    }

    /// The first field of a name.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }
}

/// An answer.
pub(crate) struct Response {
    pub(crate) head: Head,
    pub(crate) body: Box<dyn Read + Send>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The host is where it must not be.
    Blocked(Blocked),
    /// The network, a proxy, TLS or HTTP.
    Network {
        error: Box<dyn std::error::Error + Send + Sync>,
        /// Whether another try may help.
        passing: bool,
    },
}

/// The connections of one registry.
pub(crate) struct Transport {
    home: Agent,
    away: Agent,
    /// By the user's name for it.
    name: String,
    origin: Origin,
    limits: Arc<HostLimits>,
    zone: Home,
    settings: Settings,
    /// Agents of other hosts that have settings, made when they are first wanted.
    configured: Mutex<BTreeMap<String, Agent>>,
}

impl Transport {
    /// Connections to a registry by the user's name for it.
    pub(crate) fn new(
        settings: &Settings,
        limits: Arc<HostLimits>,
        name: &str,
        origin: &Origin,
    ) -> Result<Self> {
        let zone = Home::default();
        let own = settings.host(name).cloned().unwrap_or_default();
        let proxied = settings.proxy == Proxy::Environment;
        let home = agent(
            settings,
            &own,
            Names {
                zone: zone.clone(),
                home: Some(origin.host.clone()),
                proxied,
            },
        )?;
        let guarded = Names {
            zone: zone.clone(),
            home: None,
            proxied,
        };
        let stranger = HostSettings {
            ca_file: own.ca_file,
            ..HostSettings::default()
        };
        Ok(Transport {
            home,
            away: agent(settings, &stranger, guarded)?,
            name: name.to_owned(),
            origin: origin.clone(),
            limits,
            zone,
            settings: settings.clone(),
            configured: Mutex::default(),
        })
    }

    /// Whether plain HTTP may be spoken with a host that the registry named.
    pub(crate) fn may_be_plain(&self, origin: &Origin) -> bool {
        let own = self.settings.host(&origin.name());
        own.is_some_and(|host| host.plain_http) || self.origin.scheme == Scheme::Http
    }

    /// The name under which an origin stands among the hosts of the settings.
    fn name<'a>(&'a self, origin: &Origin) -> Cow<'a, str> {
        match *origin == self.origin {
            true => Cow::Borrowed(&self.name),
            false => Cow::Owned(origin.name()),
        }
    }

    /// Whether a file that goes there can be sent from where it is: see [`wire`](crate::wire).
    pub(crate) fn sends_files(&self, origin: &Origin) -> bool {
        origin.scheme == Scheme::Http && self.settings.proxy == Proxy::None
    }

    /// Sends a request. One that `counts` waits where as many are under way as the host may have.
    pub(crate) fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &[(&'static str, String)],
        body: Body<'_>,
        counts: bool,
    ) -> Result<std::result::Result<Response, Failure>> {
        let agent = self.agent(url.origin())?;
        let Some(agent) = agent else {
            let address = literal(&url.origin().host).expect("only literal addresses are refused");
            let blocked = Blocked::new(&url.origin().host, address);
            return Ok(Err(Failure::Blocked(blocked)));
        };
        let name = self.name(url.origin());
        let most = self
            .settings
            .host(&name)
            .and_then(|host| host.requests_at_once);
        let place = most
            .filter(|_| counts)
            .map(|most| self.limits.take(&name, most));
        let mut request = http::Request::builder()
            .method(method.name())
            .uri(url.wire());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let sent = match body {
            Body::None => request.body(()).map(|request| agent.run(request)),
            Body::Bytes(bytes) => request.body(bytes).map(|request| agent.run(request)),
            Body::Stream { reader, length } => request
                .header("content-length", length.to_string())
                .body(SendBody::from_reader(reader))
                .map(|request| agent.run(request)),
        };
        let answer = sent.map_err(ureq::Error::from).and_then(|answer| answer);
        Ok(answer.map_err(failure).map(|answer| {
            let (parts, body) = answer.into_parts();
            Response {
                head: Head {
                    status: parts.status.as_u16(),
                    headers: parts.headers,
                },
                body: Box::new(Held {
                    body: body.into_with_config().limit(u64::MAX).reader(),
                    _place: place,
                }),
            }
        }))
    }

    /// The connections for an origin; none where it is a literal address that is not admitted.
    fn agent(&self, origin: &Origin) -> Result<Option<Agent>> {
        if *origin == self.origin {
            return Ok(Some(self.home.clone()));
        }
        let name = origin.name();
        if let Some(host) = self.settings.host(&name) {
            let mut agents = self
                .configured
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            if let Some(agent) = agents.get(&name) {
                return Ok(Some(agent.clone()));
            }
            let named = Names {
                zone: Home::default(),
                home: Some(origin.host.clone()),
                proxied: self.settings.proxy == Proxy::Environment,
            };
            let agent = agent(&self.settings, host, named)?;
            agents.insert(name, agent.clone());
            return Ok(Some(agent));
        }
        // A proxy would look the name up itself; an address can be judged here in any case.
        let refused = literal(&origin.host).is_some_and(|address| !self.zone.admits(address));
        Ok((!refused).then(|| self.away.clone()))
    }
}

/// A body, which has its place until it is dropped.
struct Held<R> {
    body: R,
    _place: Option<Place>,
}

impl<R: Read> Read for Held<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.body.read(buffer)
    }
}

fn literal(host: &str) -> Option<IpAddr> {
    let text = host.trim_start_matches('[').trim_end_matches(']');
    text.parse().ok()
}

fn agent(settings: &Settings, host: &HostSettings, names: Names) -> Result<Agent> {
    let patience = &settings.patience;
    let proxy = match settings.proxy {
        Proxy::None => None,
        Proxy::Environment => ureq::Proxy::try_from_env(),
    };
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(proxy)
        .user_agent(concat!("rules_container/", env!("CARGO_PKG_VERSION")))
        .accept("")
        .accept_encoding("identity")
        .timeout_resolve(Some(patience.connect))
        .timeout_connect(Some(patience.connect))
        .timeout_per_read(Some(patience.silence))
        .timeout_per_write(Some(patience.silence))
        .max_idle_connections(16)
        .max_idle_connections_per_host(16)
        .tls_config(tls(host)?)
        .build();
    let connector = Wires(DefaultConnector::new());
    Ok(Agent::with_parts(config, connector, names))
}

fn tls(host: &HostSettings) -> Result<TlsConfig> {
    let mut roots = RootCerts::PlatformVerifier;
    if let Some(path) = &host.ca_file {
        let mut certificates = Vec::new();
        for item in pem(path)? {
            if let PemItem::Certificate(certificate) = item {
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            let reason = "it has no certificate";
            return Err(Error::pem(path, reason));
        }
        roots = RootCerts::new_with_certs(&certificates);
    }
    let client = match (&host.client_certificate, &host.client_key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => {
            let mut chain: Vec<Certificate<'static>> = Vec::new();
            for item in pem(certificate)? {
                if let PemItem::Certificate(certificate) = item {
                    chain.push(certificate);
                }
            }
            if chain.is_empty() {
                return Err(Error::pem(certificate, "it has no certificate"));
            }
            let mut found: Option<PrivateKey<'static>> = None;
            for item in pem(key)? {
                if let PemItem::PrivateKey(key) = item {
                    found = Some(key);
                }
            }
            let found = found.ok_or_else(|| Error::pem(key, "it has no private key"))?;
            Some(ClientCert::new_with_certs(&chain, found))
        }
        (Some(path), None) | (None, Some(path)) => {
            let reason = "`client_certificate` and `client_key` go together";
            return Err(Error::pem(path, reason));
        }
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder()
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(roots)
        .client_cert(client)
        .build())
}

fn pem(path: &std::path::Path) -> Result<Vec<PemItem<'static>>> {
    let bytes = files::read_at_most(path, 4 << 20)?;
    ureq::tls::parse_pem(&bytes)
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| Error::pem(path, "it is not PEM"))
}

/// Sorts what went wrong into what may pass and what will not.
fn failure(error: ureq::Error) -> Failure {
    let error = match error {
        ureq::Error::Other(inner) => match inner.downcast::<Blocked>() {
            Ok(blocked) => return Failure::Blocked(*blocked),
            Err(inner) => ureq::Error::Other(inner),
        },
        error => error,
    };
    let passing = match &error {
        // A certificate that is not trusted comes as invalid data.
        ureq::Error::Io(error) => error.kind() != std::io::ErrorKind::InvalidData,
        ureq::Error::Timeout(_)
        | ureq::Error::Protocol(_)
        | ureq::Error::ConnectionFailed
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::HostNotFound => true,
        _ => false,
    };
    let error: Box<dyn std::error::Error + Send + Sync> = match error {
        ureq::Error::Io(error) => Box::new(error),
        error => Box::new(error),
    };
    Failure::Network { error, passing }
}

/// Resolves names, and refuses the addresses that are not admitted.
#[derive(Debug)]
struct Names {
    zone: Home,
    /// The host that the user named: any address of it is good, and tells where the registry is.
    home: Option<String>,
    proxied: bool,
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> std::result::Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = DefaultResolver::default().resolve(uri, config, timeout)?;
        let host = uri.host().unwrap_or_default();
        if self.home.as_deref() == Some(host) {
            for address in &addresses {
                self.zone.note(address.ip());
            }
            return Ok(addresses);
        }
        let is_proxy = self.proxied && config.proxy().is_some_and(|proxy| proxy.host() == host);
        if self.home.is_some() || is_proxy {
            return Ok(addresses);
        }
        for address in &addresses {
            if !self.zone.admits(address.ip()) {
                let blocked = Blocked::new(host, address.ip());
                return Err(ureq::Error::Other(Box::new(blocked)));
            }
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ggcr #2440: a name that leads elsewhere the second time it is looked up. There is no second time: what
    /// is dialled are the addresses that were looked at, and these are refused by what they are.
    #[test]
    fn ggcr_2440_addresses_are_judged_where_names_are_looked_up() {
        let config = Config::builder().build();
        let resolve = |names: &Names, url: &str| {
            let found = names.resolve(&url.parse().unwrap(), &config, NextTimeout::default());
            found.map_err(|error| match failure(error) {
                Failure::Blocked(blocked) => blocked.to_string(),
                Failure::Network { error, .. } => panic!("{error}"),
            })
        };
        let away = Names {
            zone: Home::default(),
            home: None,
            proxied: false,
        };
        // A name, and not an address: it is judged by what it leads to.
        let refused = resolve(&away, "http://localhost/").unwrap_err();
        assert!(
            refused.starts_with("`localhost` is an address of this machine"),
            "{refused}"
        );
        for address in ["169.254.169.254", "10.0.0.1", "[::1]"] {
            assert!(resolve(&away, &format!("http://{address}:5000/")).is_err());
        }
        // The user's own name for the registry may lead anywhere, and tells where the registry is.
        let zone = Home::default();
        let home = Names {
            zone: zone.clone(),
            home: Some("localhost".into()),
            proxied: false,
        };
        let addresses = resolve(&home, "http://localhost:5000/").unwrap();
        assert!(addresses.iter().all(|address| address.port() == 5000));
        let away = Names { zone, ..away };
        assert!(resolve(&away, "http://localhost/").is_ok());
        assert!(resolve(&away, "http://169.254.169.254/").is_err());
    }
}

//! The URLs that a registry may name: `http` and `https`, with a host, and no more than that.
//!
//! Every URL that comes from a registry (redirects, upload locations, token realms) goes through
//! here, so that user information, fragments, control characters and odd schemes are refused in one
//! place, and so that "another host" means another *origin*: scheme, host and port.
//!
//! Invariant: what is displayed has no query, since a query may be a signature.

use std::fmt;

use oci::error::Shown;

/// `http` or `https`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// Who answers: two URLs of one origin may share credentials, others may not (RFC 6454).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The scheme.
    pub scheme: Scheme,
    /// The host in lower case; an IPv6 address in brackets.
    pub host: String,
    /// The port, the scheme's own where none is written.
    pub port: u16,
}

impl Origin {
    /// The origin of a registry's name, `host[:port]`.
    ///
    /// # Errors
    /// What is wrong with the name, as a rule.
    pub(crate) fn new(scheme: Scheme, name: &str) -> Result<Self, &'static str> {
        let (host, port) = authority(name)?;
        Ok(Origin {
            scheme,
            host,
            port: port.unwrap_or(scheme.port()),
        })
    }

    /// `host`, or `host:port` where the port is not the scheme's own.
    pub fn name(&self) -> String {
        if self.port == self.scheme.port() {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.name())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    origin: Origin,
    /// Begins with a slash.
    path: String,
    /// Without the question mark.
    query: Option<String>,
}

impl Url {
    /// Reads an absolute URL.
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text.split_once("://").ok_or("it is not absolute")?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err("its scheme is neither http nor https"),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let origin = Origin::new(scheme, &rest[..end])?;
        let mut url = Url {
            origin,
            path: "/".to_owned(),
            query: None,
        };
        url.set_path(&rest[end..])?;
        Ok(url)
    }

    /// A path, which begins with a slash, at an origin.
    pub(crate) fn at(origin: &Origin, path: &str) -> Self {
        debug_assert!(path.starts_with('/'));
        Url {
            origin: origin.clone(),
            path: path.to_owned(),
            query: None,
        }
    }

    /// A reference of a registry's answer, absolute or relative to this URL (RFC 3986 section 5).
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn join(&self, reference: &str) -> Result<Self, &'static str> {
        let colon = reference.find(':');
        let delimiter = reference.find(['/', '?', '#']);
        let has_scheme = match (colon, delimiter) {
            (Some(colon), Some(delimiter)) => colon < delimiter,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if has_scheme {
            return Url::parse(reference);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return Url::parse(&format!("{}://{rest}", self.origin.scheme.name()));
        }
        let mut url = Url {
            query: None,
            ..self.clone()
        };
        if reference.starts_with('/') {
            url.set_path(reference)?;
        } else if reference.is_empty() {
            return Err("it is empty");
        } else if reference.starts_with('?') {
            url.set_path(&format!("{}{reference}", self.path))?;
        } else {
            let folder = &self.path[..=self.path.rfind('/').unwrap_or(0)];
            url.set_path(&format!("{folder}{reference}"))?;
        }
        Ok(url)
    }

    fn set_path(&mut self, text: &str) -> Result<(), &'static str> {
        if text.contains('#') {
            return Err("it has a fragment");
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("it has a blank, a control character or a letter that is not ASCII");
        }
        if text.contains(['\\', '"', '<', '>', '^', '`', '{', '|', '}']) {
            return Err("it has a character that must be escaped");
        }
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (text, None),
        };
        if path.split('/').any(|part| part == "." || part == "..") {
            return Err("its path has the part `.` or `..`");
        }
        self.path = if path.is_empty() {
            "/".to_owned()
        } else {
            path.to_owned()
        };
        self.query = query;
        Ok(())
    }

    /// Adds `name=value` to the query; what is there stays as it is.
    pub(crate) fn with_query(mut self, name: &str, value: &str) -> Self {
        let pair = format!("{name}={}", escape(value));
        self.query = Some(match self.query {
            Some(query) if !query.is_empty() => format!("{query}&{pair}"),
            _ => pair,
        });
        self
    }

    /// The origin.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The whole URL. Its query may be a secret: it is for the wire, not for messages.
    pub(crate) fn wire(&self) -> String {
        match &self.query {
            Some(query) => format!("{}{}?{query}", self.origin, self.path),
            None => format!("{}{}", self.origin, self.path),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)?;
        if self.query.is_some() {
            f.write_str("?…")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Splits `host[:port]`.
fn authority(text: &str) -> Result<(String, Option<u16>), &'static str> {
    if text.contains('@') {
        return Err("it has user information");
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']').ok_or("its host is malformed")?;
            let _: std::net::Ipv6Addr = address.parse().map_err(|_| "its host is malformed")?;
            let port = match rest {
                "" => None,
                rest => Some(rest.strip_prefix(':').ok_or("its host is malformed")?),
            };
            (format!("[{address}]"), port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (text.to_owned(), None),
        },
    };
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if host.is_empty() || !(host.starts_with('[') || host.bytes().all(legal)) {
        return Err("its host is missing or malformed");
    }
    let port = match port {
        None | Some("") => None,
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => {
            match port.parse().map_err(|_| "its port is malformed")? {
                0 => return Err("its port is 0"),
                port => Some(port),
            }
        }
        Some(_) => return Err("its port is malformed"),
    };
    Ok((host.to_ascii_lowercase(), port))
}

/// A URL as a registry wrote it, for messages: without query, fragment and user information, each of
/// which may be a secret.
pub(crate) fn shown(text: &str) -> Shown {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    if text.is_empty() {
        return Shown::new("nowhere");
    }
    let (scheme, rest) = match text.find("//") {
        Some(at) => text.split_at(at + 2),
        None => ("", text),
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
    Shown::new(format!("{scheme}{}", &rest[host..]))
}

/// Percent-encodes all but the unreserved characters (RFC 3986 section 2.3).
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn origins_are_scheme_host_and_port() {
        let same = |a: &str, b: &str| url(a).origin() == url(b).origin();
        assert!(same("https://a.example/x", "https://A.example:443/y?z"));
        assert!(!same("https://a.example/", "http://a.example/"));
        assert!(!same("https://a.example/", "https://a.example:8443/"));
        assert!(!same("https://a.example/", "https://a.example.evil/"));
        assert_eq!(
            url("http://[::1]:5000/v2/").origin().to_string(),
            "http://[::1]:5000"
        );
    }

    #[test]
    fn what_a_registry_may_not_name() {
        for (text, rule) in [
            ("/v2/", "not absolute"),
            ("ftp://a/", "neither http nor https"),
            ("file:///etc/passwd", "neither http nor https"),
            ("https://u:p@a/", "user information"),
            ("https://a/#x", "fragment"),
            ("https:///x", "missing or malformed"),
            ("https://a b/", "missing or malformed"),
            ("https://a:0/", "port is 0"),
            ("https://a:99999/", "port is malformed"),
            ("https://a:-1/", "port is malformed"),
            ("https://[::1/", "malformed"),
            ("https://[fe80::1%25eth0]/", "malformed"),
            ("https://a/x y", "blank"),
            ("https://a/x\r\nHost: b", "blank"),
            ("https://a/../x", "`..`"),
            ("https://a\\b/", "missing or malformed"),
            ("https://a/b\\c", "escaped"),
        ] {
            let error = Url::parse(text).unwrap_err();
            assert!(error.contains(rule), "{text}: {error}");
        }
    }

    #[test]
    fn references_are_joined() {
        let base = url("https://a.example/v2/x/blobs/uploads/1?_state=s");
        for (reference, whole) in [
            ("https://b.example/y?z=1", "https://b.example/y?z=1"),
            ("//b.example/y", "https://b.example/y"),
            ("/y?z=1&w", "https://a.example/y?z=1&w"),
            ("2?k=v", "https://a.example/v2/x/blobs/uploads/2?k=v"),
            ("?k=v", "https://a.example/v2/x/blobs/uploads/1?k=v"),
        ] {
            assert_eq!(base.join(reference).unwrap().wire(), whole);
        }
        assert!(base.join("").is_err());
        assert!(base.join("../../other").is_err());
        assert!(base.join("javascript:alert(1)").is_err());
    }

    #[test]
    fn what_is_shown_of_a_foreign_url() {
        for (text, expected) in [
            (
                "https://u:p@a.example/x?signature=s#t",
                "https://a.example/x",
            ),
            ("//u:p@a.example/x", "//a.example/x"),
            ("/relative@x?y", "/relative@x"),
            ("?y", "nowhere"),
            ("", "nowhere"),
        ] {
            assert_eq!(shown(text).to_string(), expected);
        }
    }

    #[test]
    fn a_query_grows_and_is_never_shown() {
        let digest = "sha256:ab";
        let with = |text: &str| url(text).with_query("digest", digest);
        assert_eq!(with("https://a/u").wire(), "https://a/u?digest=sha256%3Aab");
        assert_eq!(
            with("https://a/u?_state=x%3D").wire(),
            "https://a/u?_state=x%3D&digest=sha256%3Aab"
        );
        assert_eq!(
            with("https://a/u?").wire(),
            "https://a/u?digest=sha256%3Aab"
        );
        let signed = url("https://s3.example/blob?X-Amz-Signature=secret");
        assert_eq!(signed.to_string(), "https://s3.example/blob?…");
        assert!(!format!("{signed:?}").contains("secret"));
    }
}

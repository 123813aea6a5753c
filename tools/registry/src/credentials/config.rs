//! `config.json` of docker and `auth.json` of podman.
//!
//! Keys of `auths` are hosts, URLs of docker's first days (`https://index.docker.io/v1/`), or, in
//! podman's files, repositories and the paths above them. The longest path that fits wins.

use std::collections::BTreeMap;
use std::path::PathBuf;

use data_encoding::{BASE64, BASE64_NOPAD};
use serde::Deserialize;

use super::{Found, Login, Secret};
use crate::error::{Error, Result};

/// The most bytes of such a file.
pub(super) const LIMIT: u64 = 4 << 20;

/// Docker Hub, as helpers and docker's own files know it.
const HUB: &str = "https://index.docker.io/v1/";

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    auths: Option<BTreeMap<String, Option<Auth>>>,
    #[serde(default, rename = "credHelpers")]
    helpers: Option<BTreeMap<String, String>>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

#[derive(Default, Deserialize)]
struct Auth {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    identitytoken: String,
    #[serde(default)]
    registrytoken: String,
}

/// One file.
#[derive(Debug)]
pub(super) struct ConfigFile {
    name: String,
    /// By host, or host and path, in the normal form.
    logins: BTreeMap<String, std::result::Result<Login, &'static str>>,
    helpers: BTreeMap<String, String>,
    store: Option<String>,
}

impl ConfigFile {
    /// Reads a file; `path` is its name in messages.
    pub(super) fn read(path: PathBuf, bytes: &[u8]) -> Result<Self> {
        // What the parser says may quote the file, so it is left out.
        let document: Document =
            serde_json::from_slice(bytes).map_err(|error| Error::CredentialFile {
                path: path.clone(),
                reason: format!(
                    "it is not the JSON that it must be, at line {} column {}",
                    error.line(),
                    error.column()
                ),
            })?;
        Ok(Self::new(
            path.display().to_string(),
            document.auths.unwrap_or_default(),
            document.helpers.unwrap_or_default(),
            document.store,
        ))
    }

    /// Reads `.dockercfg`: the `auths` alone.
    pub(super) fn read_legacy(path: PathBuf, bytes: &[u8]) -> Result<Self> {
        let auths = serde_json::from_slice(bytes).map_err(|error| Error::CredentialFile {
            path: path.clone(),
            reason: format!(
                "it is not the JSON that it must be, at line {} column {}",
                error.line(),
                error.column()
            ),
        })?;
        let name = path.display().to_string();
        Ok(Self::new(name, auths, BTreeMap::new(), None))
    }

    fn new(
        name: String,
        auths: BTreeMap<String, Option<Auth>>,
        helpers: BTreeMap<String, String>,
        store: Option<String>,
    ) -> Self {
        let mut logins = BTreeMap::new();
        // What is written plainly goes before what is written as a URL.
        let (urls, plain): (Vec<_>, Vec<_>) =
            auths.into_iter().partition(|(key, _)| key.contains("://"));
        for (key, auth) in plain.into_iter().chain(urls) {
            if let Some(login) = auth.unwrap_or_default().login() {
                logins.entry(normal(&key)).or_insert(login);
            }
        }
        let helpers = helpers
            .into_iter()
            .map(|(key, helper)| (normal(&key), helper));
        ConfigFile {
            name,
            logins,
            helpers: helpers.collect(),
            store: store.filter(|store| !store.is_empty()),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The helper that knows a registry. One without a name says that there is none, and no store either.
    pub(super) fn helper(&self, registry: &str) -> Option<&str> {
        let own = self.helpers.get(&normal(registry));
        let helper = own.or(self.store.as_ref()).map(String::as_str);
        helper.filter(|helper| !helper.is_empty())
    }

    /// The login that stands in the file for a repository.
    pub(super) fn login(&self, registry: &str, repository: &str) -> Result<Option<Found>> {
        let host = normal(registry);
        let mut key = format!("{host}/{repository}");
        loop {
            if let Some(login) = self.logins.get(&key) {
                let login = login.clone().map_err(|reason| Error::CredentialFile {
                    path: PathBuf::from(&self.name),
                    reason: format!("the entry `{key}`: {reason}"),
                })?;
                let source = format!("{}, entry `{key}`", self.name);
                return Ok(Some(Found { login, source }));
            }
            match key.rfind('/') {
                Some(slash) => key.truncate(slash),
                None => return Ok(None),
            }
        }
    }
}

impl Auth {
    /// What the entry holds; nothing where it is empty, as it is beside a store.
    fn login(self) -> Option<std::result::Result<Login, &'static str>> {
        if !self.registrytoken.is_empty() {
            return Some(Ok(Login::Bearer(Secret::new(self.registrytoken))));
        }
        if !self.identitytoken.is_empty() {
            return Some(Ok(Login::Identity(Secret::new(self.identitytoken))));
        }
        if self.auth.is_empty() {
            if self.username.is_empty() && self.password.is_empty() {
                return None;
            }
            return Some(Ok(login(self.username, self.password)));
        }
        // What `base64` prints has line breaks, and docker reads over them.
        let auth: String = self.auth.split_ascii_whitespace().collect();
        let bytes = BASE64_NOPAD
            .decode(auth.trim_end_matches('=').as_bytes())
            .or_else(|_| BASE64.decode(auth.as_bytes()));
        let Ok(text) = bytes.map(String::from_utf8) else {
            return Some(Err("its `auth` is not base64"));
        };
        let Ok(text) = text else {
            return Some(Err("its `auth` is not text"));
        };
        match text.trim_end_matches('\0').split_once(':') {
            Some((username, password)) => Some(Ok(login(username.into(), password.into()))),
            None => Some(Err("its `auth` has no colon")),
        }
    }
}

/// A name and a secret, where the name may say that the secret is a token.
pub(super) fn login(username: String, secret: String) -> Login {
    let secret = Secret::new(secret);
    if username == "<token>" {
        return Login::Identity(secret);
    }
    Login::Password {
        username,
        password: secret,
    }
}

/// What helpers are asked for.
pub(super) fn server(registry: &str) -> &str {
    if normal(registry) == "docker.io" {
        HUB
    } else {
        registry
    }
}

/// A key without scheme, in lower case up to the first slash, Docker Hub by one name. A key that was
/// a URL, or ends as the URLs of docker's first days do, stands for its host.
fn normal(key: &str) -> String {
    let (rest, is_url) = match key.split_once("://") {
        Some((_, rest)) => (rest, true),
        None => (key, false),
    };
    let rest = rest.trim_end_matches('/');
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.to_ascii_lowercase();
    let host = match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    };
    if is_url || path.is_empty() || path == "v1" || path == "v2" {
        return host.to_owned();
    }
    format!("{host}/{path}")
}

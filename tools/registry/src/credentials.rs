//! Who we are to a registry.
//!
//! In a build there is one explicit file, or nobody. For people there is one documented order of
//! places ([`lookup`]); the first that knows the registry wins, and which one it was can be shown.
//!
//! Invariants: a secret has no `Display` and a `Debug` that hides it; a login is given to exactly the
//! registry, or the repositories, that it is written for, never to one whose name only begins or
//! ends alike.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Mutex;

use serde::Serialize;

use crate::error::{Error, Result};

mod config;
mod helper;
mod lookup;
mod netrc;

pub use lookup::Environment;

use config::ConfigFile;
use netrc::Netrc;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text, for the wire.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What is known of us at a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// Nothing.
    Anonymous,
    /// A name and a password.
    Password {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A refresh token, to be traded for short-lived ones.
    Identity(Secret),
    /// A token that is shown as it is.
    Bearer(Secret),
}

/// A login and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The login.
    pub login: Login,
    /// The file, variable or helper, for messages.
    pub source: String,
}

/// What may be said of a login: everything but the login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// What it is for: `registry/path`.
    pub repository: String,
    /// Its kind: `anonymous`, `password`, `identity token`, `registry token`.
    pub login: &'static str,
    /// Where it was found.
    pub source: String,
}

impl Found {
    /// What may be said of it.
    pub fn explain(self, repository: String) -> Explained {
        Explained {
            repository,
            login: match self.login {
                Login::Anonymous => "anonymous",
                Login::Password { .. } => "password",
                Login::Identity(_) => "identity token",
                Login::Bearer(_) => "registry token",
            },
            source: self.source,
        }
    }

    fn anonymous(source: &str) -> Self {
        Found {
            login: Login::Anonymous,
            source: source.to_owned(),
        }
    }
}

/// Where logins are looked for.
#[derive(Debug, Default)]
pub struct Credentials {
    sources: Vec<Source>,
    /// Whether helpers may be run: they read the home folder and whatever else they like.
    helpers: bool,
    /// What helpers have answered, by helper and server.
    asked: Mutex<BTreeMap<(String, String), Option<Login>>>,
}

#[derive(Debug)]
enum Source {
    Config(ConfigFile),
    Netrc(Netrc),
}

impl Credentials {
    /// Nobody, everywhere.
    pub fn anonymous() -> Self {
        Credentials::default()
    }

    /// One file, as docker or podman write it, and nothing else: for builds. Helpers are not run.
    ///
    /// # Errors
    /// A file that can't be read, or is none of credentials.
    pub fn file(path: &std::path::Path) -> Result<Self> {
        let bytes = files::read_at_most(path, config::LIMIT)?;
        Self::document(path, &bytes)
    }

    /// The content of such a file, which messages call `name`.
    ///
    /// # Errors
    /// It is none of credentials.
    pub fn document(name: impl AsRef<std::path::Path>, bytes: &[u8]) -> Result<Self> {
        let config = ConfigFile::read(name.as_ref().to_owned(), bytes)?;
        Ok(Credentials {
            sources: vec![Source::Config(config)],
            ..Credentials::default()
        })
    }

    /// The places where people's logins are, in their order. Files that do not exist are passed over.
    ///
    /// # Errors
    /// A file that can't be read, or is none of credentials.
    pub fn lookup(environment: &Environment) -> Result<Self> {
        Ok(Credentials {
            sources: lookup::sources(environment)?,
            helpers: true,
            asked: Mutex::default(),
        })
    }

    /// The login for a repository of a registry, or the registry as a whole.
    ///
    /// # Errors
    /// A helper that fails, or is named where none may be run.
    pub fn find(&self, registry: &str, repository: &str) -> Result<Found> {
        for source in &self.sources {
            let found = match source {
                Source::Config(config) => self.in_config(config, registry, repository)?,
                Source::Netrc(netrc) => netrc.find(registry),
            };
            if let Some(found) = found {
                return Ok(found);
            }
        }
        Ok(Found::anonymous(if self.sources.is_empty() {
            "none: no credentials are given"
        } else {
            "none: no place knows this registry"
        }))
    }

    fn in_config(
        &self,
        config: &ConfigFile,
        registry: &str,
        repository: &str,
    ) -> Result<Option<Found>> {
        if let Some(helper) = config.helper(registry) {
            if !self.helpers {
                // A login that stands in the file itself needs no helper.
                return match config.login(registry, repository)? {
                    Some(found) => Ok(Some(found)),
                    None => Err(Error::HelperInAction {
                        path: PathBuf::from(config.name()),
                        helper: helper.into(),
                        registry: registry.to_owned(),
                    }),
                };
            }
            let server = config::server(registry);
            let asked = self.ask(helper, server).map_err(|error| match error {
                Error::Helper {
                    helper,
                    server,
                    reason,
                    ..
                } => Error::Helper {
                    helper,
                    server,
                    reason,
                    named_in: config.name().to_owned(),
                },
                error => error,
            });
            if let Some(login) = asked? {
                let source = format!("{}, helper `docker-credential-{helper}`", config.name());
                return Ok(Some(Found { login, source }));
            }
        }
        config.login(registry, repository)
    }

    /// Asks a helper, once for each server in a run.
    fn ask(&self, helper: &str, server: &str) -> Result<Option<Login>> {
        let mut asked = self
            .asked
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let key = (helper.to_owned(), server.to_owned());
        if let Some(login) = asked.get(&key) {
            return Ok(login.clone());
        }
        let login = helper::get(helper, server)?;
        asked.insert(key, login.clone());
        Ok(login)
    }
}

#[cfg(test)]
mod tests;

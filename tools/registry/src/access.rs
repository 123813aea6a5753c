//! How a request says that registries are reached: the part that `pull` and `push` have alike.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use oci::json::{self, Limits};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::credentials::{Credentials, Environment};
use crate::error::{Error, Result};
use crate::repository::Registries;
use crate::settings::{HostSettings, Patience, Proxy, Settings, check_name};

/// Who we are to registries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// Nobody.
    #[default]
    Anonymous,
    /// Who this file says, in the form of docker's `config.json` or podman's `auth.json`; helpers that it
    /// names are not run.
    File(PathBuf),
    /// Who the environment and the home folder say, by the order of `docs/registries.md`. Not for builds.
    Lookup,
}

/// How registries are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Settings of hosts, by `host` or `host:port`.
    #[serde(default, deserialize_with = "unique")]
    pub hosts: BTreeMap<String, HostSettings>,
    /// Who we are.
    #[serde(default)]
    pub credentials: Who,
    /// Whether the proxy is the one that the environment names. Not for builds.
    #[serde(default)]
    pub proxy_from_environment: bool,
}

/// A file of settings, which verbs for people take in the place of a part of a request; `hint` says of which.
///
/// # Errors
/// It can't be read, or is none.
pub fn read_settings<T: DeserializeOwned>(path: &Path, hint: &'static str) -> Result<T> {
    let bytes = files::read_at_most(path, Limits::OURS.size)?;
    json::read_as(&bytes, Limits::OURS, "settings").map_err(|error| Error::Settings {
        path: path.to_owned(),
        reason: error.to_string(),
        hint,
    })
}

impl Access {
    /// How a person reaches registries who says nothing of it: with the logins and the proxy of the
    /// environment. Not for builds.
    pub fn of_a_person() -> Self {
        Access {
            credentials: Who::Lookup,
            proxy_from_environment: true,
            ..Access::default()
        }
    }

    /// As a file of settings says, or as a person does.
    ///
    /// # Errors
    /// Those of [`read_settings`].
    pub fn of_a_file(path: Option<&Path>) -> Result<Self> {
        match path {
            Some(path) => read_settings(
                path,
                "it has `hosts` and `credentials` as `access` of a request has",
            ),
            None => Ok(Self::of_a_person()),
        }
    }

    /// The registries, reached so.
    ///
    /// # Errors
    /// Credentials that can't be read.
    pub fn open(&self) -> Result<Registries> {
        let credentials = match &self.credentials {
            Who::Anonymous => Credentials::anonymous(),
            Who::File(path) => Credentials::file(path)?,
            Who::Lookup => Credentials::lookup(&Environment::current())?,
        };
        let settings = Settings {
            hosts: self.hosts.clone(),
            proxy: match self.proxy_from_environment {
                true => Proxy::Environment,
                false => Proxy::None,
            },
            patience: Patience::default(),
        };
        Ok(Registries::new(settings, credentials))
    }
}

/// A map in which no key comes twice.
fn unique<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<BTreeMap<String, HostSettings>, D::Error> {
    struct Hosts;
    impl<'de> serde::de::Visitor<'de> for Hosts {
        type Value = BTreeMap<String, HostSettings>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut access: A,
        ) -> std::result::Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((host, settings)) = access.next_entry::<String, HostSettings>()? {
                // Of one that is none nothing would ever be asked, and nobody would be told.
                if let Err(reason) = check_name(&host) {
                    let message = format_args!("`{host}` is not `host` or `host:port`: {reason}");
                    return Err(serde::de::Error::custom(message));
                }
                if map.insert(host.clone(), settings).is_some() {
                    let message = format_args!("the host `{host}` comes twice");
                    return Err(serde::de::Error::custom(message));
                }
            }
            Ok(map)
        }
    }
    deserializer.deserialize_map(Hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let read = |text: &str| serde_json::from_str::<Access>(text);
        assert_eq!(read("{}").unwrap(), Access::default());
        let access = read(
            r#"{"hosts":{"a:5000":{"plain_http":true}},"credentials":{"file":"auth.json"},"proxy_from_environment":true}"#,
        )
        .unwrap();
        assert_eq!(access.credentials, Who::File("auth.json".into()));
        assert!(access.hosts["a:5000"].plain_http && access.proxy_from_environment);
        assert_eq!(
            read(r#"{"credentials":"lookup"}"#).unwrap().credentials,
            Who::Lookup
        );
        for (bad, message) in [
            (r#"{"hosts":{"a":{},"a":{}}}"#, "comes twice"),
            (
                r#"{"hosts":{"http://a:5000":{"plain_http":true}}}"#,
                "`http://a:5000` is not `host` or `host:port`: its port is malformed",
            ),
            (r#"{"hosts":{"a/b":{}}}"#, "is not `host` or `host:port`"),
            (r#"{"hosts":{"":{}}}"#, "is not `host` or `host:port`"),
            (r#"{"hosts":{"*":{}}}"#, "is not `host` or `host:port`"),
            (r#"{"insecure":true}"#, "unknown field"),
            (r#"{"credentials":"me"}"#, "unknown variant"),
        ] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        let missing = Access {
            credentials: Who::File("no/such".into()),
            ..Access::default()
        };
        assert!(missing.open().is_err());
    }

    #[test]
    fn files_of_settings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        assert_eq!(Access::of_a_file(None).unwrap(), Access::of_a_person());
        files::write(&path, br#"{"credentials":{"file":"auth.json"}}"#).unwrap();
        assert_eq!(
            Access::of_a_file(Some(&path)).unwrap().credentials,
            Who::File("auth.json".into())
        );
        let path = folder.path().join("mirrors.json");
        files::write(&path, br#"{"mirrors":""}"#).unwrap();
        let error = Access::of_a_file(Some(&path)).unwrap_err();
        assert!(!error.is_environment());
        assert!(
            error.to_string().starts_with(&format!(
                "`{}` is not a file of settings: settings is not valid: at `mirrors`: unknown field",
                path.display()
            )),
            "{error}"
        );
        assert_eq!(
            error.hint().unwrap(),
            "it has `hosts` and `credentials` as `access` of a request has"
        );
    }
}

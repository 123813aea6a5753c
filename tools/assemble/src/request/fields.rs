//! The fields of a config, each with what is done about the base's.
//!
//! Nothing is guessed from an empty value: `inherit` takes the base's as it is, `replace` puts
//! another in its place, `append` adds to it, `unset` leaves it out.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{Lines, Text, Words};

/// What is done about a single value of the base.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Choice<T> {
    /// It is taken.
    #[default]
    Inherit,
    /// This stands in its place.
    Replace(T),
    /// There is none.
    Unset,
}

/// What is done about a list or map of the base.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change<T> {
    /// It is taken.
    #[default]
    Inherit,
    /// This stands in its place.
    Replace(T),
    /// This comes after it; in a map, in place of what has the same key.
    Append(T),
    /// There is none.
    Unset,
}

impl<T> Change<T> {
    /// For fields that are not inherited by default.
    pub(crate) fn unset() -> Self {
        Change::Unset
    }

    /// What the request says, whatever is done with it.
    pub(crate) fn given(&self) -> Option<&T> {
        match self {
            Change::Replace(value) | Change::Append(value) => Some(value),
            Change::Inherit | Change::Unset => None,
        }
    }
}

impl<T> Choice<T> {
    /// What the request says.
    pub(crate) fn given(&self) -> Option<&T> {
        match self {
            Choice::Replace(value) => Some(value),
            Choice::Inherit | Choice::Unset => None,
        }
    }
}

/// Texts by key; a key that comes twice is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Texts(
    #[serde(deserialize_with = "action::unique")] pub(crate) BTreeMap<String, Text>,
);

/// A JSON object; a key that comes twice is an error.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema)]
pub(crate) struct Fragment(pub(crate) Map<String, Value>);

impl<'de> Deserialize<'de> for Fragment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match oci::json::unique(deserializer)? {
            Value::Object(map) => Ok(Fragment(map)),
            _ => Err(serde::de::Error::custom("it is not an object")),
        }
    }
}

/// What a container is started with.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Fields {
    /// User and group: `user`, `uid`, `user:group` or `uid:gid`.
    pub(crate) user: Choice<Text>,
    /// The directory that it starts in; one that is not absolute lies in the base's.
    pub(crate) working_dir: Choice<Text>,
    /// Environment variables, in this order. `append` puts a value in place of one with the same
    /// name. What is to be expanded is expanded with the variables of the base.
    pub(crate) env: Change<Vec<Variable>>,
    /// Files with more variables; those of `env` go before them.
    pub(crate) env_from: Vec<Lines>,
    /// The command, which `docker run` adds its words to. Any other than `inherit` means that the
    /// base's `cmd` is not inherited, as in a Dockerfile.
    pub(crate) entrypoint: Change<Vec<Text>>,
    /// A file with the command; what `entrypoint` says goes before it.
    pub(crate) entrypoint_from: Option<Words>,
    /// The words that `docker run` replaces. `{"append": []}` keeps the base's even where the
    /// entrypoint is another.
    pub(crate) cmd: Change<Vec<Text>>,
    /// A file with more of these words.
    pub(crate) cmd_from: Option<Words>,
    /// Ports: `8080`, `8080/udp`, `8000-8010/tcp`.
    pub(crate) exposed_ports: Change<Vec<Text>>,
    /// A file with more ports.
    pub(crate) exposed_ports_from: Option<Words>,
    /// Directories that hold data.
    pub(crate) volumes: Change<Vec<Text>>,
    /// A file with more of them.
    pub(crate) volumes_from: Option<Words>,
    /// Labels.
    pub(crate) labels: Change<Texts>,
    /// Files with more labels; those of `labels` go before them.
    pub(crate) labels_from: Vec<Lines>,
    /// The signal that stops it: `SIGTERM`, `15`.
    pub(crate) stop_signal: Choice<Text>,
    /// How to see that it works (Docker's). The test `["NONE"]` switches a base's off.
    pub(crate) healthcheck: Choice<Healthcheck>,
    /// The shell of shell-form commands (Docker's).
    pub(crate) shell: Choice<Vec<String>>,
}

/// An environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    /// Its name.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: Text,
}

/// How to see that a container works.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Healthcheck {
    /// `["CMD", word…]`, `["CMD-SHELL", line]` or `["NONE"]`.
    pub(crate) test: Vec<String>,
    /// Nanoseconds between two tests.
    #[serde(default)]
    pub(crate) interval: Option<u64>,
    /// Nanoseconds after which a test has failed.
    #[serde(default)]
    pub(crate) timeout: Option<u64>,
    /// Nanoseconds in which a failed test does not count.
    #[serde(default)]
    pub(crate) start_period: Option<u64>,
    /// Nanoseconds between two tests in that time.
    #[serde(default)]
    pub(crate) start_interval: Option<u64>,
    /// How many failed tests in a row make a container unhealthy.
    #[serde(default)]
    pub(crate) retries: Option<u64>,
}

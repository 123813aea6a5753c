//! The config of an image: the base's, changed as a Dockerfile would change it.
//!
//! Fields that nothing was said of stay as they are in the base, those that nobody here knows too.
//! The time of the base is not taken over, for it is when the base was made.
//!
//! Invariant: the same request, base and receipts give the same document.

use std::collections::{BTreeMap, BTreeSet};

use oci::{Config, Platform};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::request::{Change, Choice, Healthcheck, Image, Text, Variable};
use crate::stamps::Stamps;
use crate::words::Words;

/// Fields of the document that requests set elsewhere.
const MANAGED: [&str; 7] = [
    "rootfs",
    "history",
    "os",
    "architecture",
    "variant",
    "os.version",
    "os.features",
];

/// The config of the image but for its layers and history.
///
/// # Errors
/// A value of the request that is not what it should be; a base whose config is not.
pub(crate) fn config(
    request: &Image,
    base: Option<Config>,
    platform: &Platform,
    stamps: &Stamps,
) -> std::result::Result<Config, Problem> {
    let mut config = base.unwrap_or_else(|| Config::new(platform));
    let fields = &request.config;
    let windows = platform.os == "windows";

    let base_env = config.texts("Env")?.unwrap_or_default();
    let env = env(
        &fields.env,
        base_env.clone(),
        &Words {
            stamps,
            env: &base_env,
        },
        windows,
    )?;
    config.set_field("Env", list(&env));
    let words = Words { stamps, env: &env };

    text(&mut config, "User", &fields.user, &words, "config.user")?;
    working_dir(&mut config, &fields.working_dir, &words, windows)?;
    text(
        &mut config,
        "StopSignal",
        &fields.stop_signal,
        &words,
        "config.stop_signal",
    )?;
    commands(&mut config, &fields.entrypoint, &fields.cmd, &words)?;
    ports(&mut config, &fields.exposed_ports, &words)?;
    volumes(&mut config, &fields.volumes, &words)?;
    labels(&mut config, &fields.labels, &words)?;
    match &fields.healthcheck {
        Choice::Inherit => {}
        Choice::Replace(check) => config.set_field("Healthcheck", Some(healthcheck(check)?)),
        Choice::Unset => config.set_field("Healthcheck", None),
    }
    match &fields.shell {
        Choice::Inherit => {}
        Choice::Replace(shell) => config.set_field("Shell", list(shell)),
        Choice::Unset => config.set_field("Shell", None),
    }

    match &request.author {
        Choice::Inherit => {}
        Choice::Replace(author) => {
            let author = words.filled(author, "author")?;
            config.document_mut().insert("author".into(), author.into());
        }
        Choice::Unset => drop(config.document_mut().remove("author")),
    }
    let created = words.time(&request.created)?;
    config
        .document_mut()
        .insert("created".into(), created.into());
    Ok(config)
}

/// Merges the request's free fragment into the finished config.
///
/// # Errors
/// [`Error::Fragment`].
pub(crate) fn merge_fragment(config: &mut Config, fragment: &Map<String, Value>) -> Result<()> {
    if let Some(field) = MANAGED.iter().find(|field| fragment.contains_key(**field)) {
        return Err(Error::Fragment {
            field: (*field).to_owned(),
        });
    }
    merge(config.document_mut(), fragment);
    Ok(())
}

/// A JSON merge patch (RFC 7396).
fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        match value {
            Value::Null => drop(target.remove(key)),
            Value::Object(patch) => {
                let inner = target.entry(key.clone()).or_insert(Value::Null);
                if !inner.is_object() {
                    *inner = Value::Object(Map::new());
                }
                if let Value::Object(inner) = inner {
                    merge(inner, patch);
                }
            }
            other => drop(target.insert(key.clone(), other.clone())),
        }
    }
}

/// Whose fault it is: the request's, or the base's config.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The request's.
    Request(Error),
    /// The base's.
    Base(oci::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Problem::Request(error)
    }
}

impl From<oci::Error> for Problem {
    fn from(error: oci::Error) -> Self {
        Problem::Base(error)
    }
}

type Done = std::result::Result<(), Problem>;

/// The environment, as `NAME=value`.
fn env(
    change: &Change<Vec<Variable>>,
    base: Vec<String>,
    words: &Words,
    windows: bool,
) -> Result<Vec<String>> {
    let (mut env, given) = match change {
        Change::Inherit => return Ok(base),
        Change::Unset => return Ok(Vec::new()),
        Change::Replace(given) => (Vec::new(), given),
        Change::Append(given) => (base, given),
    };
    // Windows takes names of other case for the same.
    let key = |name: &str| {
        if windows {
            name.to_uppercase()
        } else {
            name.to_owned()
        }
    };
    let mut seen = BTreeSet::new();
    for (at, Variable { name, value }) in given.iter().enumerate() {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(Error::VariableName {
                at,
                name: name.into(),
            });
        }
        if !seen.insert(key(name)) {
            return Err(Error::VariableTwice { name: name.into() });
        }
        let value = words.text(value, &format!("config.env[{at}]"))?;
        let variable = format!("{name}={value}");
        let same = |old: &String| {
            let old = old.split_once('=').map_or(old.as_str(), |(name, _)| name);
            key(old) == key(name)
        };
        match env.iter().position(same) {
            Some(old) => env[old] = variable,
            None => env.push(variable),
        }
    }
    Ok(env)
}

fn text(
    config: &mut Config,
    name: &str,
    choice: &Choice<Text>,
    words: &Words,
    field: &str,
) -> Result<()> {
    match choice {
        Choice::Inherit => {}
        Choice::Replace(text) => config.set_field(name, Some(words.filled(text, field)?.into())),
        Choice::Unset => config.set_field(name, None),
    }
    Ok(())
}

/// A directory that is not absolute lies in the base's, as `WORKDIR` has it.
fn working_dir(config: &mut Config, choice: &Choice<Text>, words: &Words, windows: bool) -> Done {
    let Choice::Replace(text) = choice else {
        return Ok(self::text(
            config,
            "WorkingDir",
            choice,
            words,
            "config.working_dir",
        )?);
    };
    let given = words.filled(text, "config.working_dir")?;
    let path = if given.starts_with('/') || windows {
        given
    } else {
        let base = config.text("WorkingDir")?.unwrap_or("/");
        format!("{}/{given}", base.strip_suffix('/').unwrap_or(base))
    };
    let path = if windows { path } else { cleaned(&path) };
    config.set_field("WorkingDir", Some(path.into()));
    Ok(())
}

/// An absolute path without empty parts, `.` and `..`.
fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Entrypoint and command. Another entrypoint means that the base's command is not inherited.
fn commands(
    config: &mut Config,
    entrypoint: &Change<Vec<Text>>,
    cmd: &Change<Vec<Text>>,
    words: &Words,
) -> Done {
    let old = config.texts("Cmd")?.unwrap_or_default();
    if *entrypoint != Change::Inherit {
        let base = config.texts("Entrypoint")?.unwrap_or_default();
        let new = changed(entrypoint, base, words, "config.entrypoint")?;
        config.set_field("Entrypoint", list(&new));
        // Docker's note that the command was written for a shell of Windows is the base's, too.
        config.set_field("ArgsEscaped", None);
        if *cmd == Change::Inherit {
            config.set_field("Cmd", None);
        }
    }
    if *cmd != Change::Inherit {
        config.set_field("Cmd", list(&changed(cmd, old, words, "config.cmd")?));
    }
    Ok(())
}

/// A list after what is done about the base's.
fn changed(
    change: &Change<Vec<Text>>,
    base: Vec<String>,
    words: &Words,
    field: &str,
) -> Result<Vec<String>> {
    Ok(match change {
        Change::Inherit => base,
        Change::Unset => Vec::new(),
        Change::Replace(given) => words.list(given, field)?,
        Change::Append(given) => [base, words.list(given, field)?].concat(),
    })
}

fn ports(config: &mut Config, change: &Change<Vec<Text>>, words: &Words) -> Done {
    if *change == Change::Inherit {
        return Ok(());
    }
    let mut set = BTreeSet::new();
    if let Change::Append(_) = change {
        set.extend(config.keys("ExposedPorts")?);
    }
    let given = change.given().map(Vec::as_slice).unwrap_or_default();
    for text in words.list(given, "config.exposed_ports")? {
        let (first, last, protocol) = port(&text).map_err(|reason| Error::Port {
            text: text.as_str().into(),
            reason,
        })?;
        set.extend((first..=last).map(|port| format!("{port}/{protocol}")));
    }
    config.set_field("ExposedPorts", keys(set));
    Ok(())
}

/// Reads `8080`, `8080/udp`, `8000-8010/tcp`.
fn port(text: &str) -> std::result::Result<(u16, u16, &'static str), &'static str> {
    let (numbers, protocol) = match text.split_once('/') {
        None => (text, "tcp"),
        Some((numbers, protocol)) => match protocol.to_ascii_lowercase().as_str() {
            "tcp" => (numbers, "tcp"),
            "udp" => (numbers, "udp"),
            "sctp" => (numbers, "sctp"),
            _ => return Err("the protocol is not tcp, udp or sctp"),
        },
    };
    let number = |text: &str| {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number = if digits {
            text.parse::<u16>().ok()
        } else {
            None
        };
        number
            .filter(|port| *port > 0)
            .ok_or("it is not a number from 1 to 65535")
    };
    let (first, last) = match numbers.split_once('-') {
        None => (number(numbers)?, number(numbers)?),
        Some((first, last)) => (number(first)?, number(last)?),
    };
    if first > last {
        return Err("the range ends before it begins");
    }
    Ok((first, last, protocol))
}

fn volumes(config: &mut Config, change: &Change<Vec<Text>>, words: &Words) -> Done {
    if *change == Change::Inherit {
        return Ok(());
    }
    let mut set = BTreeSet::new();
    if let Change::Append(_) = change {
        set.extend(config.keys("Volumes")?);
    }
    for (at, text) in change.given().into_iter().flatten().enumerate() {
        set.insert(words.filled(text, &format!("config.volumes[{at}]"))?);
    }
    config.set_field("Volumes", keys(set));
    Ok(())
}

fn labels(config: &mut Config, change: &Change<crate::request::Texts>, words: &Words) -> Done {
    if *change == Change::Inherit {
        return Ok(());
    }
    let mut labels = BTreeMap::new();
    if let Change::Append(_) = change {
        labels = config.text_map("Labels")?;
    }
    if let Some(given) = change.given() {
        labels.extend(words.map(&given.0, "config.labels")?);
    }
    config.set_text_map("Labels", &labels);
    Ok(())
}

fn healthcheck(check: &Healthcheck) -> Result<Value> {
    if check.test.is_empty() {
        return Err(Error::Empty {
            field: "config.healthcheck.test".into(),
        });
    }
    let mut object = Map::new();
    object.insert("Test".into(), json!(check.test));
    for (name, number) in [
        ("Interval", check.interval),
        ("Timeout", check.timeout),
        ("StartPeriod", check.start_period),
        ("StartInterval", check.start_interval),
        ("Retries", check.retries),
    ] {
        if let Some(number) = number {
            object.insert(name.into(), number.into());
        }
    }
    Ok(Value::Object(object))
}

/// A list as a field; an empty one is none.
fn list(texts: &[String]) -> Option<Value> {
    (!texts.is_empty()).then(|| json!(texts))
}

/// A set as a field, in the form of Go's: an object of empty objects.
fn keys(set: BTreeSet<String>) -> Option<Value> {
    let object: Map<String, Value> = set.into_iter().map(|key| (key, json!({}))).collect();
    (!object.is_empty()).then_some(Value::Object(object))
}

#[cfg(test)]
mod tests;

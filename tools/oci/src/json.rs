//! JSON, read strictly and written in one way only.
//!
//! Written: UTF-8, keys sorted by their bytes, no white space, no trailing newline, integers only;
//! the exact bytes are in `docs/determinism.md`. The writer is our own, so that no release of a
//! library can change a digest.
//!
//! Read: a document that two readers could read in two ways is refused (I-JSON, RFC 7493): a key
//! twice in one object, text after the end, invalid UTF-8; and so is one that is larger or deeper
//! than its limit.
//!
//! Invariant: `read(canonical(v)) == v`, and equal values have equal bytes.

use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, Serialize};
use serde_json::{Map, Number, Value};

use crate::Error;
use crate::error::Shown;

/// How much of a document is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most bytes.
    pub size: u64,
    /// The most nested arrays and objects.
    pub depth: usize,
}

impl Limits {
    /// A manifest or an index: 4 MiB, what registries take (distribution specification).
    pub const MANIFEST: Limits = Limits {
        size: 4 << 20,
        depth: 64,
    };
    /// An image config: 8 MiB.
    pub const CONFIG: Limits = Limits {
        size: 8 << 20,
        depth: 64,
    };
    /// A receipt or another document of ours: 64 MiB.
    pub const OURS: Limits = Limits {
        size: 64 << 20,
        depth: 64,
    };
}

/// The canonical bytes of `value`.
///
/// # Errors
/// A number that is not an integer between -2^63 and 2^64 - 1.
pub fn canonical(value: &Value) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    write(value, &mut Vec::new(), &mut out)?;
    Ok(out)
}

/// The canonical bytes of a type of ours.
///
/// # Errors
/// As [`canonical`], and a type whose map keys are not strings.
pub fn to_canonical<T: Serialize>(value: &T, what: &'static str) -> Result<Vec<u8>, Error> {
    canonical(&to_value(value, what)?)
}

/// A type of ours as a JSON value.
///
/// # Errors
/// A type whose map keys are not strings.
pub fn to_value<T: Serialize>(value: &T, what: &'static str) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| Error::Json {
        what,
        reason: error.to_string(),
    })
}

/// Reads one document, `what` being its name in errors.
///
/// # Errors
/// See the head of this module.
pub fn read(bytes: &[u8], limits: Limits, what: &'static str) -> Result<Value, Error> {
    let size = bytes.len() as u64;
    if size > limits.size {
        return Err(Error::JsonTooLarge {
            what,
            size,
            limit: limits.size,
        });
    }
    let mut refused = None;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let strict = Strict {
        depth: limits.depth,
        limits,
        what,
        path: &mut Vec::new(),
        refused: &mut refused,
    };
    let value = strict.deserialize(&mut deserializer);
    if let Some(error) = refused {
        return Err(error);
    }
    let bad = |error: serde_json::Error| Error::Json {
        what,
        reason: error.to_string(),
    };
    let value = value.map_err(bad)?;
    deserializer.end().map_err(bad)?;
    Ok(value)
}

/// Reads a type of ours from a strict document; the message names the place in it.
///
/// # Errors
/// As [`read`], and a document of another shape.
pub fn read_as<T: DeserializeOwned>(
    bytes: &[u8],
    limits: Limits,
    what: &'static str,
) -> Result<T, Error> {
    from_value(read(bytes, limits, what)?, what)
}

/// A type of ours from a JSON value; the message names the place in it.
///
/// # Errors
/// A value of another shape.
pub fn from_value<T: DeserializeOwned>(value: Value, what: &'static str) -> Result<T, Error> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let at = error.path().to_string();
        let inner = Shown::new(error.inner().to_string());
        let reason = if at == "." {
            inner.to_string()
        } else {
            format!("at `{at}`: {inner}")
        };
        Error::Json { what, reason }
    })
}

/// Refuses keys that differ from known ones only in their case: some readers (Go's) take them for the
/// same, and would see another document than we do.
///
/// # Errors
/// [`Error::JsonKeyCase`].
pub(crate) fn check_case(
    object: &Map<String, Value>,
    known: &[&'static str],
    what: &'static str,
) -> Result<(), Error> {
    for key in object.keys() {
        let same = |name: &&&str| name.eq_ignore_ascii_case(key) && **name != key;
        if let Some(known) = known.iter().find(same) {
            let key = key.into();
            return Err(Error::JsonKeyCase { what, key, known });
        }
    }
    Ok(())
}

/// For `#[serde(deserialize_with)]` on a free JSON value: a key that comes twice is an error.
///
/// # Errors
/// The deserializer's; a key that comes twice; deeper nesting than [`Limits::OURS`] allows.
pub fn unique<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let strict = Strict {
        depth: Limits::OURS.depth,
        limits: Limits::OURS,
        what: "value",
        path: &mut Vec::new(),
        refused: &mut None,
    };
    strict.deserialize(deserializer)
}

fn write<'a>(value: &'a Value, path: &mut Vec<Step<'a>>, out: &mut Vec<u8>) -> Result<(), Error> {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(true) => out.extend(b"true"),
        Value::Bool(false) => out.extend(b"false"),
        Value::Number(number) => write_number(number, path, out)?,
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                path.push(Step::Item(at));
                write(item, path, out)?;
                path.pop();
            }
            out.push(b']');
        }
        Value::Object(map) => {
            // Sorted here and not only by the map's own order, which a feature of the JSON
            // library, turned on by anything in the build, would change.
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_bytes());
            out.push(b'{');
            for (at, (key, item)) in entries.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_string(key, out);
                out.push(b':');
                path.push(Step::Key(key));
                write(item, path, out)?;
                path.pop();
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn write_number(number: &Number, path: &[Step], out: &mut Vec<u8>) -> Result<(), Error> {
    let text = match (number.as_u64(), number.as_i64()) {
        (Some(n), _) => n.to_string(),
        (None, Some(n)) => n.to_string(),
        (None, None) => {
            return Err(Error::JsonNotInteger {
                number: number.to_string(),
                at: place(path),
            });
        }
    };
    out.extend(text.as_bytes());
    Ok(())
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend(b"\\\""),
            b'\\' => out.extend(b"\\\\"),
            0x08 => out.extend(b"\\b"),
            0x09 => out.extend(b"\\t"),
            0x0a => out.extend(b"\\n"),
            0x0c => out.extend(b"\\f"),
            0x0d => out.extend(b"\\r"),
            0x00..0x20 => out.extend(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// A step on the way from the root of a document to a value.
enum Step<'a> {
    Key(&'a str),
    Item(usize),
}

/// The way as people write it: `config.Env[3]`; the root is `.`.
fn place(path: &[Step]) -> Shown {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Step::Item(at) => text.push_str(&format!("[{at}]")),
        }
    }
    Shown::new(if text.is_empty() { "." } else { &text })
}

/// Reads one value at a known depth. Refusals go to `refused`, for serde's errors hold only text.
struct Strict<'a> {
    depth: usize,
    limits: Limits,
    what: &'static str,
    path: &'a mut Vec<OwnedStep>,
    refused: &'a mut Option<Error>,
}

enum OwnedStep {
    Key(String),
    Item(usize),
}

impl Strict<'_> {
    fn inner(&mut self) -> Strict<'_> {
        Strict {
            depth: self.depth.saturating_sub(1),
            limits: self.limits,
            what: self.what,
            path: self.path,
            refused: self.refused,
        }
    }

    fn refuse<E: de::Error>(&mut self, error: Error) -> E {
        let text = E::custom(&error);
        *self.refused = Some(error);
        text
    }

    fn enter<E: de::Error>(&mut self) -> Result<(), E> {
        if self.depth > 0 {
            return Ok(());
        }
        let error = Error::JsonTooDeep {
            what: self.what,
            limit: self.limits.depth,
        };
        Err(self.refuse(error))
    }

    fn place(&self) -> Shown {
        let steps = self.path.iter().map(|step| match step {
            OwnedStep::Key(key) => Step::Key(key),
            OwnedStep::Item(at) => Step::Item(*at),
        });
        place(&steps.collect::<Vec<_>>())
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut items = Vec::new();
        loop {
            self.path.push(OwnedStep::Item(items.len()));
            let item = seq.next_element_seed(self.inner())?;
            self.path.pop();
            match item {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                let (what, at) = (self.what, self.place());
                return Err(self.refuse(Error::JsonDuplicateKey {
                    what,
                    key: key.into(),
                    at,
                }));
            }
            self.path.push(OwnedStep::Key(key.clone()));
            let item = access.next_value_seed(self.inner())?;
            self.path.pop();
            map.insert(key, item);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests;

//! Image configs (image specification, config.md), and Docker's, which have the same shape and more
//! fields.
//!
//! A config is kept as the document it is, and looked at and edited in place, so that what is not
//! known (Docker's fields, later versions') is neither dropped nor changed.
//!
//! Invariant: what was not edited is written back as it was.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::descriptor::{strings, strings_value};
use crate::json::{self, Limits};
use crate::{Digest, Error, Platform};

const WHAT: &str = "config";

/// An image config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    document: Map<String, Value>,
}

/// One step of an image's history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// When, in RFC 3339.
    pub created: Option<String>,
    /// The command or tool.
    pub created_by: Option<String>,
    /// Who.
    pub author: Option<String>,
    /// A remark.
    pub comment: Option<String>,
    /// Whether the step made no layer.
    pub empty_layer: bool,
}

impl Config {
    /// A config of no layers for `platform`.
    pub fn new(platform: &Platform) -> Self {
        let mut config = Config {
            document: Map::new(),
        };
        config.set_platform(platform);
        config.set_diff_ids(&[]);
        config
    }

    /// Reads a config.
    ///
    /// # Errors
    /// JSON that is not strict, or that is no object. Fields are looked at where they are asked for.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        match json::read(bytes, Limits::CONFIG, WHAT)? {
            Value::Object(document) => Ok(Config { document }),
            _ => Err(Error::Json {
                what: WHAT,
                reason: "it is not an object".into(),
            }),
        }
    }

    /// The document.
    pub fn document(&self) -> &Map<String, Value> {
        &self.document
    }

    /// The document, to be edited.
    pub fn document_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.document
    }

    /// The bytes: canonical JSON.
    ///
    /// # Errors
    /// A number that is not an integer.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        json::canonical(&Value::Object(self.document.clone()))
    }

    /// What it runs on.
    ///
    /// # Errors
    /// A missing or bad `os` or `architecture`.
    pub fn platform(&self) -> Result<Platform, Error> {
        Platform::from_object(&self.document, WHAT)
    }

    /// Whether it says what it runs on, be it half of it. What cosign writes, signatures in the form of images,
    /// has two empty texts there.
    pub fn names_a_platform(&self) -> bool {
        let named = |field| match self.document.get(field) {
            None => false,
            Some(value) => value.as_str() != Some(""),
        };
        named("os") || named("architecture")
    }

    /// Sets what it runs on.
    pub fn set_platform(&mut self, platform: &Platform) {
        for field in ["os", "architecture", "variant", "os.version", "os.features"] {
            self.document.remove(field);
        }
        self.document.extend(platform.to_object());
    }

    /// The digests of the uncompressed layers, the lowest first.
    ///
    /// # Errors
    /// A `rootfs` that is not of type `layers`; a bad digest.
    pub fn diff_ids(&self) -> Result<Vec<Digest>, Error> {
        let rootfs = match self.document.get("rootfs") {
            Some(Value::Object(rootfs)) => rootfs,
            None => return Err(bad("rootfs", "it is missing")),
            Some(_) => return Err(bad("rootfs", "it is not an object")),
        };
        if rootfs.get("type").is_some_and(|kind| kind != "layers") {
            return Err(bad("rootfs.type", "it is not `layers`"));
        }
        let items = match rootfs.get("diff_ids") {
            Some(Value::Array(items)) => items.as_slice(),
            None | Some(Value::Null) => &[],
            Some(_) => return Err(bad("rootfs.diff_ids", "it is not a list")),
        };
        items
            .iter()
            .enumerate()
            .map(|(at, item)| {
                let field = format!("rootfs.diff_ids[{at}]");
                let text = item
                    .as_str()
                    .ok_or_else(|| bad(&field, "it is not a string"))?;
                text.parse()
                    .map_err(|error: Error| bad(&field, &error.to_string()))
            })
            .collect()
    }

    /// Sets the digests of the uncompressed layers.
    pub fn set_diff_ids(&mut self, diff_ids: &[Digest]) {
        let list = diff_ids
            .iter()
            .map(|digest| digest.to_string().into())
            .collect();
        let mut rootfs = match self.document.remove("rootfs") {
            Some(Value::Object(rootfs)) => rootfs,
            _ => Map::new(),
        };
        rootfs.insert("type".into(), "layers".into());
        rootfs.insert("diff_ids".into(), Value::Array(list));
        self.document.insert("rootfs".into(), Value::Object(rootfs));
    }

    /// The history: the steps as the document has them, and whether each made no layer.
    ///
    /// # Errors
    /// A history that is not a list of objects.
    pub fn history(&self) -> Result<Vec<History>, Error> {
        let items = match self.document.get("history") {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(bad("history", "it is not a list")),
        };
        items
            .iter()
            .enumerate()
            .map(|(at, item)| {
                let field = |name: &str| format!("history[{at}]{name}");
                let Value::Object(item) = item else {
                    return Err(bad(&field(""), "it is not an object"));
                };
                let text = |name: &str| match item.get(name) {
                    None | Some(Value::Null) => Ok(None),
                    Some(Value::String(text)) => Ok(Some(text.clone())),
                    Some(_) => Err(bad(&field(&format!(".{name}")), "it is not a string")),
                };
                let empty_layer = match item.get("empty_layer") {
                    None | Some(Value::Null) => false,
                    Some(Value::Bool(empty)) => *empty,
                    Some(_) => return Err(bad(&field(".empty_layer"), "it is not a boolean")),
                };
                Ok(History {
                    created: text("created")?,
                    created_by: text("created_by")?,
                    author: text("author")?,
                    comment: text("comment")?,
                    empty_layer,
                })
            })
            .collect()
    }

    /// Adds steps to the history; those that are there stay as they are.
    pub fn push_history(&mut self, steps: &[History]) {
        if steps.is_empty() {
            return;
        }
        let list = self
            .document
            .entry("history")
            .or_insert_with(|| Value::Array(Vec::new()));
        if !list.is_array() {
            *list = Value::Array(Vec::new());
        }
        if let Value::Array(list) = list {
            list.extend(steps.iter().map(History::to_value));
        }
    }

    /// A field of the inner `config` object, which holds what a container is started with.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.document
            .get("config")?
            .get(name)
            .filter(|value| !value.is_null())
    }

    /// Sets a field of the inner `config` object, or takes it out.
    pub fn set_field(&mut self, name: &str, value: Option<Value>) {
        let mut inner = match self.document.remove("config") {
            Some(Value::Object(inner)) => inner,
            _ => Map::new(),
        };
        match value {
            Some(value) => inner.insert(name.to_owned(), value),
            None => inner.remove(name),
        };
        if !inner.is_empty() {
            self.document.insert("config".into(), Value::Object(inner));
        }
    }

    /// A text of the inner `config` object; an empty one counts as none.
    ///
    /// # Errors
    /// A value that is no string.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Error> {
        match self.field(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(bad(&format!("config.{name}"), "it is not a string")),
        }
    }

    /// A list of texts of the inner `config` object.
    ///
    /// # Errors
    /// A value that is no list of strings.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Error> {
        let wrong = || bad(&format!("config.{name}"), "it is not a list of strings");
        match self.field(name) {
            None => Ok(None),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .map(Some)
                .ok_or_else(wrong),
            Some(_) => Err(wrong()),
        }
    }

    /// A map of texts of the inner `config` object.
    ///
    /// # Errors
    /// A value that is no map of strings.
    pub fn text_map(&self, name: &str) -> Result<BTreeMap<String, String>, Error> {
        match self.field(name) {
            None => Ok(BTreeMap::new()),
            Some(value) => strings(value)
                .ok_or_else(|| bad(&format!("config.{name}"), "it is not a map of strings")),
        }
    }

    /// Sets a map of texts of the inner `config` object; an empty one is taken out.
    pub fn set_text_map(&mut self, name: &str, map: &BTreeMap<String, String>) {
        self.set_field(name, (!map.is_empty()).then(|| strings_value(map)));
    }

    /// The keys of a set of the inner `config` object: `ExposedPorts`, `Volumes`.
    ///
    /// # Errors
    /// A value that is no object.
    pub fn keys(&self, name: &str) -> Result<Vec<String>, Error> {
        match self.field(name) {
            None => Ok(Vec::new()),
            Some(Value::Object(set)) => Ok(set.keys().cloned().collect()),
            Some(_) => Err(bad(&format!("config.{name}"), "it is not an object")),
        }
    }
}

impl History {
    fn to_value(&self) -> Value {
        let mut object = Map::new();
        let mut put = |name: &str, text: &Option<String>| {
            if let Some(text) = text {
                object.insert(name.into(), text.clone().into());
            }
        };
        put("created", &self.created);
        put("created_by", &self.created_by);
        put("author", &self.author);
        put("comment", &self.comment);
        if self.empty_layer {
            object.insert("empty_layer".into(), true.into());
        }
        Value::Object(object)
    }
}

fn bad(field: &str, reason: &str) -> Error {
    Error::Field {
        what: WHAT,
        field: field.into(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests;

//! Image manifests (image specification, manifest.md), and Docker's, which have the same shape.
//!
//! A manifest is read only as what its descriptor says it is; a document that could also be read as
//! an index is refused (CVE-2021-41190). Docker's schema 1 is refused.
//!
//! Invariant: fields that are not known are kept, and written back as they were.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::descriptor::{strings, strings_value};
use crate::json::{self, Limits};
use crate::media_type::{Kind, OCI_MANIFEST};
use crate::{Descriptor, Error, MediaType};

const WHAT: &str = "manifest";

/// The keys of manifests and indexes.
const KEYS: [&str; 8] = [
    "annotations",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "mediaType",
    "schemaVersion",
    "subject",
];

/// An image manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// `application/vnd.oci.image.manifest.v1+json`, or Docker's.
    pub media_type: MediaType,
    /// What kind of artifact it is, where it is not an image.
    pub artifact_type: Option<MediaType>,
    /// The config.
    pub config: Descriptor,
    /// The layers, the lowest first.
    pub layers: Vec<Descriptor>,
    /// The manifest that this one refers to.
    pub subject: Option<Descriptor>,
    /// Free remarks.
    pub annotations: BTreeMap<String, String>,
    /// Every other field.
    pub others: Map<String, Value>,
}

impl Manifest {
    /// An OCI manifest that says no more than it must.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Manifest {
            media_type: MediaType::known(OCI_MANIFEST),
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations: BTreeMap::new(),
            others: Map::new(),
        }
    }

    /// Reads the manifest that a descriptor of type `expected` names.
    ///
    /// # Errors
    /// JSON that is not strict; another media type; a document of two meanings; a field that is
    /// missing or of another type.
    pub fn read(bytes: &[u8], expected: &MediaType) -> Result<Self, Error> {
        let mut others = open(bytes, expected, Kind::Manifest, WHAT)?;
        let missing = |field: &str| Error::Field {
            what: WHAT,
            field: field.into(),
            reason: "it is missing".into(),
        };
        let config = others.remove("config").ok_or_else(|| missing("config"))?;
        let layers = match others.remove("layers") {
            // What Go writes for an empty list.
            Some(Value::Null) => Vec::new(),
            Some(layers) => descriptors(&layers, WHAT, "layers")?,
            None => return Err(missing("layers")),
        };
        Ok(Manifest {
            media_type: expected.clone(),
            artifact_type: take_media_type(&mut others, "artifactType", WHAT)?,
            config: Descriptor::from_value(&config, WHAT, "config")?,
            layers,
            subject: take_subject(&mut others, WHAT)?,
            annotations: take_annotations(&mut others, WHAT)?,
            others,
        })
    }

    /// As JSON; empty fields are left out, but for `layers`.
    pub fn to_value(&self) -> Value {
        let mut object = self.others.clone();
        object.insert("schemaVersion".into(), 2.into());
        object.insert("mediaType".into(), self.media_type.as_str().into());
        object.insert("config".into(), self.config.to_value());
        let layers = self.layers.iter().map(Descriptor::to_value).collect();
        object.insert("layers".into(), Value::Array(layers));
        put_common(
            &mut object,
            &self.artifact_type,
            &self.subject,
            &self.annotations,
        );
        Value::Object(object)
    }

    /// The bytes: canonical JSON.
    ///
    /// # Errors
    /// An unknown field with a number that is not an integer.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        json::canonical(&self.to_value())
    }
}

/// Reads a manifest or index down to its fields, with the checks that both have; `mediaType` and
/// `schemaVersion` are taken out.
pub(crate) fn open(
    bytes: &[u8],
    expected: &MediaType,
    kind: Kind,
    what: &'static str,
) -> Result<Map<String, Value>, Error> {
    if expected.kind() != Some(kind) {
        return Err(Error::MediaTypeMismatch {
            what,
            expected: format!(
                "that of an {}",
                if kind == Kind::Index {
                    "index"
                } else {
                    "image manifest"
                }
            ),
            found: expected.as_str().into(),
        });
    }
    let mut object = match json::read(bytes, Limits::MANIFEST, what)? {
        Value::Object(object) => object,
        _ => {
            return Err(Error::Json {
                what,
                reason: "it is not an object".into(),
            });
        }
    };
    json::check_case(&object, &KEYS, what)?;
    for first in ["layers", "config"] {
        if object.contains_key(first) && object.contains_key("manifests") {
            return Err(Error::Ambiguous {
                first,
                second: "manifests",
            });
        }
    }
    for first in ["fsLayers", "history"] {
        if object.contains_key(first) && object.contains_key("layers") {
            return Err(Error::Ambiguous {
                first,
                second: "layers",
            });
        }
    }
    match object.remove("mediaType") {
        // OCI documents may leave it out; the descriptor then says it.
        None => {}
        Some(Value::String(found)) if found == expected.as_str() => {}
        Some(found) => {
            let found = match found {
                Value::String(text) => text,
                other => other.to_string(),
            };
            return Err(Error::MediaTypeMismatch {
                what,
                expected: expected.to_string(),
                found: found.into(),
            });
        }
    }
    match object.remove("schemaVersion") {
        Some(version) if version.as_u64() == Some(2) => Ok(object),
        found => Err(Error::Field {
            what,
            field: "schemaVersion".into(),
            reason: match found {
                None => "it is missing".into(),
                Some(found) => format!(
                    "it is {}, not 2",
                    crate::error::Shown::new(found.to_string())
                ),
            },
        }),
    }
}

pub(crate) fn descriptors(
    value: &Value,
    what: &'static str,
    field: &str,
) -> Result<Vec<Descriptor>, Error> {
    let Value::Array(items) = value else {
        return Err(Error::Field {
            what,
            field: field.into(),
            reason: "it is not a list".into(),
        });
    };
    items
        .iter()
        .enumerate()
        .map(|(at, item)| Descriptor::from_value(item, what, &format!("{field}[{at}]")))
        .collect()
}

pub(crate) fn take_media_type(
    object: &mut Map<String, Value>,
    field: &str,
    what: &'static str,
) -> Result<Option<MediaType>, Error> {
    let bad = |reason: String| Error::Field {
        what,
        field: field.into(),
        reason,
    };
    match object.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => text
            .parse()
            .map(Some)
            .map_err(|error: Error| bad(error.to_string())),
        Some(_) => Err(bad("it is not a string".into())),
    }
}

pub(crate) fn take_subject(
    object: &mut Map<String, Value>,
    what: &'static str,
) -> Result<Option<Descriptor>, Error> {
    match object.remove("subject") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => Descriptor::from_value(&value, what, "subject").map(Some),
    }
}

pub(crate) fn take_annotations(
    object: &mut Map<String, Value>,
    what: &'static str,
) -> Result<BTreeMap<String, String>, Error> {
    match object.remove("annotations") {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(value) => strings(&value).ok_or_else(|| Error::Field {
            what,
            field: "annotations".into(),
            reason: "it is not a map of strings".into(),
        }),
    }
}

pub(crate) fn put_common(
    object: &mut Map<String, Value>,
    artifact_type: &Option<MediaType>,
    subject: &Option<Descriptor>,
    annotations: &BTreeMap<String, String>,
) {
    if let Some(artifact_type) = artifact_type {
        object.insert("artifactType".into(), artifact_type.as_str().into());
    }
    if let Some(subject) = subject {
        object.insert("subject".into(), subject.to_value());
    }
    if !annotations.is_empty() {
        object.insert("annotations".into(), strings_value(annotations));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::media_type::{DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP};

    fn full() -> Value {
        let config = Descriptor::of(MediaType::known(OCI_CONFIG), b"{}").to_value();
        let layer = Descriptor::of(MediaType::known(OCI_LAYER_GZIP), b"x").to_value();
        json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": "application/x",
            "config": config,
            "layers": [layer],
            "subject": Descriptor::of(MediaType::known(OCI_MANIFEST), b"s").to_value(),
            "annotations": {"k": "v"},
            "x-later": [{"kept": true}],
        })
    }

    fn refused(edit: impl FnOnce(&mut Map<String, Value>)) -> String {
        let mut value = full();
        edit(value.as_object_mut().unwrap());
        let expected = MediaType::known(OCI_MANIFEST);
        Manifest::read(value.to_string().as_bytes(), &expected)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn nothing_is_dropped() {
        let bytes = json::canonical(&full()).unwrap();
        let manifest = Manifest::read(&bytes, &MediaType::known(OCI_MANIFEST)).unwrap();
        assert_eq!(manifest.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn an_independent_reader_agrees() {
        let bytes = json::canonical(&full()).unwrap();
        let ours = Manifest::read(&bytes, &MediaType::known(OCI_MANIFEST)).unwrap();
        let theirs = oci_spec::image::ImageManifest::from_reader(&bytes[..]).unwrap();
        assert_eq!(theirs.schema_version(), 2);
        assert_eq!(
            theirs.media_type().as_ref().unwrap().to_string(),
            OCI_MANIFEST
        );
        assert_eq!(
            theirs.config().digest().to_string(),
            ours.config.digest.to_string()
        );
        assert_eq!(theirs.layers()[0].size(), ours.layers[0].size);
        assert_eq!(
            theirs.subject().as_ref().unwrap().digest().to_string(),
            ours.subject.unwrap().digest.to_string()
        );
        assert_eq!(theirs.annotations().as_ref().unwrap()["k"], "v");
    }

    #[test]
    fn the_media_type_may_be_left_out_but_not_differ() {
        let mut value = full();
        value.as_object_mut().unwrap().remove("mediaType");
        let bytes = value.to_string();
        assert!(Manifest::read(bytes.as_bytes(), &MediaType::known(OCI_MANIFEST)).is_ok());
        assert_eq!(
            refused(|o| o["mediaType"] = json!(DOCKER_MANIFEST)),
            format!(
                "manifest has the wrong media type: expected {OCI_MANIFEST}, found {DOCKER_MANIFEST}"
            )
        );
        let index = MediaType::known(OCI_INDEX);
        assert_eq!(
            Manifest::read(bytes.as_bytes(), &index)
                .unwrap_err()
                .to_string(),
            format!(
                "manifest has the wrong media type: expected that of an image manifest, found {OCI_INDEX}"
            )
        );
    }

    #[test]
    fn documents_of_two_meanings() {
        assert_eq!(
            refused(|o| drop(o.insert("manifests".into(), json!([])))),
            "document has both `layers` and `manifests`: \
             it could be read as an image and as an index"
        );
        assert!(refused(|o| drop(o.insert("fsLayers".into(), json!([])))).contains("`fsLayers`"));
    }

    #[test]
    fn keys_in_another_case() {
        assert_eq!(
            refused(|o| drop(o.insert("Layers".into(), json!([])))),
            "manifest has the key `Layers`, which differs from `layers` only in its case"
        );
        let bytes = br#"{"schemaVersion":2,"Manifests":[],"manifests":[]}"#;
        let index = MediaType::known(OCI_INDEX);
        assert_eq!(
            crate::Index::read(bytes, &index).unwrap_err().to_string(),
            "index has the key `Manifests`, which differs from `manifests` only in its case"
        );
    }

    #[test]
    fn refusals() {
        assert_eq!(
            refused(|o| o["schemaVersion"] = json!(1)),
            "manifest has a bad `schemaVersion`: it is 1, not 2"
        );
        assert_eq!(
            refused(|o| drop(o.remove("schemaVersion"))),
            "manifest has a bad `schemaVersion`: it is missing"
        );
        assert_eq!(
            refused(|o| drop(o.remove("config"))),
            "manifest has a bad `config`: it is missing"
        );
        assert_eq!(
            refused(|o| drop(o.remove("layers"))),
            "manifest has a bad `layers`: it is missing"
        );
        assert_eq!(
            refused(|o| o["layers"] = json!({})),
            "manifest has a bad `layers`: it is not a list"
        );
        assert_eq!(
            refused(|o| o["layers"] = json!([7])),
            "manifest has a bad `layers[0]`: it is not an object"
        );
        assert_eq!(
            refused(|o| o["annotations"] = json!({"a": 1})),
            "manifest has a bad `annotations`: it is not a map of strings"
        );
        let expected = MediaType::known(OCI_MANIFEST);
        assert_eq!(
            Manifest::read(b"[]", &expected).unwrap_err().to_string(),
            "manifest is not valid: it is not an object"
        );
    }
}

//! Image indexes (image specification, image-index.md), and Docker's manifest lists.
//!
//! An index is read only as what its descriptor says it is; see [`crate::manifest`].
//!
//! Invariant: fields that are not known are kept, and written back as they were.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::json;
use crate::manifest::{
    descriptors, open, put_common, take_annotations, take_media_type, take_subject,
};
use crate::media_type::{Kind, OCI_INDEX};
use crate::{Descriptor, Error, MediaType};

const WHAT: &str = "index";

/// The most manifests that an index may list.
const MANIFESTS: usize = 10_000;

/// The annotation of a descriptor that tells what it is to another manifest of the same index:
/// `attestation-manifest`.
pub const REFERENCE_TYPE: &str = "vnd.docker.reference.type";

/// The annotation of a descriptor in a layout's `index.json` that gives it a tag.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A list of manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// `application/vnd.oci.image.index.v1+json`, or Docker's manifest list.
    pub media_type: MediaType,
    /// What kind of artifact it is, where it is not an image.
    pub artifact_type: Option<MediaType>,
    /// What it lists.
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one refers to.
    pub subject: Option<Descriptor>,
    /// Free remarks.
    pub annotations: BTreeMap<String, String>,
    /// Every other field.
    pub others: Map<String, Value>,
}

impl Index {
    /// An OCI index that says no more than it must.
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Index {
            media_type: MediaType::known(OCI_INDEX),
            artifact_type: None,
            manifests,
            subject: None,
            annotations: BTreeMap::new(),
            others: Map::new(),
        }
    }

    /// Reads the index that a descriptor of type `expected` names.
    ///
    /// # Errors
    /// As [`crate::manifest::Manifest::read`], and more than 10,000 manifests.
    pub fn read(bytes: &[u8], expected: &MediaType) -> Result<Self, Error> {
        let mut others = open(bytes, expected, Kind::Index, WHAT)?;
        let manifests = match others.remove("manifests") {
            // What Go writes for an empty list.
            Some(Value::Null) => Vec::new(),
            Some(value) => descriptors(&value, WHAT, "manifests")?,
            None => {
                return Err(Error::Field {
                    what: WHAT,
                    field: "manifests".into(),
                    reason: "it is missing".into(),
                });
            }
        };
        if manifests.len() > MANIFESTS {
            return Err(Error::Field {
                what: WHAT,
                field: "manifests".into(),
                reason: format!("it lists {}, more than {MANIFESTS}", manifests.len()),
            });
        }
        Ok(Index {
            media_type: expected.clone(),
            artifact_type: take_media_type(&mut others, "artifactType", WHAT)?,
            manifests,
            subject: take_subject(&mut others, WHAT)?,
            annotations: take_annotations(&mut others, WHAT)?,
            others,
        })
    }

    /// As JSON; empty fields are left out, but for `manifests`.
    pub fn to_value(&self) -> Value {
        let mut object = self.others.clone();
        object.insert("schemaVersion".into(), 2.into());
        object.insert("mediaType".into(), self.media_type.as_str().into());
        let manifests = self.manifests.iter().map(Descriptor::to_value).collect();
        object.insert("manifests".into(), Value::Array(manifests));
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

/// Whether a descriptor in an index is of an attestation or the like, which is no image to run.
pub fn is_attestation(descriptor: &Descriptor) -> bool {
    descriptor.annotations.contains_key(REFERENCE_TYPE)
        || descriptor
            .platform
            .as_ref()
            .is_some_and(|platform| platform.is_unknown())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Platform;
    use crate::media_type::OCI_MANIFEST;

    fn child(platform: &str) -> Descriptor {
        let mut child = Descriptor::of(MediaType::known(OCI_MANIFEST), platform.as_bytes());
        child.platform = Some(Platform::parse(platform).unwrap());
        child
    }

    #[test]
    fn nothing_is_dropped_and_an_independent_reader_agrees() {
        let mut index = Index::new(vec![child("linux/amd64"), child("windows(10.0)/arm64/v8")]);
        index.annotations.insert("k".into(), "v".into());
        index.others.insert("x-later".into(), json!({"kept": 1}));
        let bytes = index.to_bytes().unwrap();
        assert_eq!(Index::read(&bytes, &index.media_type).unwrap(), index);
        let theirs = oci_spec::image::ImageIndex::from_reader(&bytes[..]).unwrap();
        let platform = theirs.manifests()[1].platform().as_ref().unwrap();
        assert_eq!(platform.architecture().to_string(), "arm64");
        // It reads `osVersion`, where the specification has `os.version`.
        assert_eq!(platform.os_version(), &None);
        assert_eq!(platform.variant().as_deref(), Some("v8"));
        assert_eq!(theirs.manifests()[0].size(), index.manifests[0].size);
    }

    #[test]
    fn empty_is_fine() {
        let expected = MediaType::known(OCI_INDEX);
        for manifests in ["[]", "null"] {
            let bytes = format!(r#"{{"schemaVersion":2,"manifests":{manifests}}}"#);
            assert_eq!(
                Index::read(bytes.as_bytes(), &expected).unwrap().manifests,
                []
            );
        }
    }

    #[test]
    fn refusals() {
        let expected = MediaType::known(OCI_INDEX);
        let refused = |value: Value| {
            Index::read(value.to_string().as_bytes(), &expected)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refused(json!({"schemaVersion": 2})),
            "index has a bad `manifests`: it is missing"
        );
        assert_eq!(
            refused(json!({"schemaVersion": 2, "manifests": [], "config": {}})),
            "document has both `config` and `manifests`: \
             it could be read as an image and as an index"
        );
        assert_eq!(
            refused(json!({"schemaVersion": 2, "manifests": [{"size": 1}]})),
            "index has a bad `manifests[0].digest`: it is missing"
        );
        let many = vec![child("linux/amd64"); MANIFESTS + 1];
        let error = Index::read(&Index::new(many).to_bytes().unwrap(), &expected).unwrap_err();
        assert_eq!(
            error.to_string(),
            "index has a bad `manifests`: it lists 10001, more than 10000"
        );
    }

    #[test]
    fn attestations() {
        let mut descriptor = child("linux/amd64");
        assert!(!is_attestation(&descriptor));
        descriptor
            .annotations
            .insert(REFERENCE_TYPE.into(), "attestation-manifest".into());
        assert!(is_attestation(&descriptor));
        assert!(is_attestation(&child("unknown/unknown")));
    }
}

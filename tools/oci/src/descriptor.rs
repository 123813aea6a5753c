//! Content descriptors (image specification, descriptor.md): what something is, its digest, its
//! size, and what else is said of it.
//!
//! Invariant: fields that are not known are kept, and written back as they were.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{Digest, Error, MediaType, Platform, json};

/// The keys of descriptors.
const KEYS: [&str; 8] = [
    "annotations",
    "artifactType",
    "data",
    "digest",
    "mediaType",
    "platform",
    "size",
    "urls",
];

/// A descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// What the content is.
    pub media_type: MediaType,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes: at most 2^63 - 1.
    pub size: u64,
    /// Where else it can be had. Never followed by us.
    pub urls: Vec<String>,
    /// Free remarks.
    pub annotations: BTreeMap<String, String>,
    /// The content itself, in base64.
    pub data: Option<String>,
    /// What kind of artifact a manifest is.
    pub artifact_type: Option<MediaType>,
    /// What an image runs on.
    pub platform: Option<Platform>,
    /// Every other field.
    pub others: Map<String, Value>,
}

impl Descriptor {
    /// A descriptor of `content`, with its SHA-256.
    pub fn of(media_type: MediaType, content: &[u8]) -> Self {
        Descriptor::new(media_type, Digest::of(content), content.len() as u64)
    }

    /// A descriptor that says no more than it must.
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Descriptor {
            media_type,
            digest,
            size,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
            data: None,
            artifact_type: None,
            platform: None,
            others: Map::new(),
        }
    }

    /// Reads a descriptor that stands at `at` of the document `what`.
    ///
    /// # Errors
    /// A value that is no object; a field that is missing or of another type; a negative or absurd
    /// size; a bad digest or media type.
    pub fn from_value(value: &Value, what: &'static str, at: &str) -> Result<Self, Error> {
        let bad = |field: &str, reason: String| Error::Field {
            what,
            field: if field.is_empty() {
                at.to_owned()
            } else {
                format!("{at}.{field}")
            },
            reason,
        };
        let Value::Object(object) = value else {
            return Err(bad("", "it is not an object".into()));
        };
        json::check_case(object, &KEYS, what)?;
        let mut others = object.clone();
        let mut take = |name: &str| others.remove(name).filter(|value| !value.is_null());
        let text = |name: &str, value: Option<Value>| match value {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(bad(name, "it is not a string".into())),
        };
        let media_type = |name: &str, value: Option<Value>| {
            text(name, value)?
                .filter(|text| !text.is_empty())
                .map(|text| text.parse().map_err(|e: Error| bad(name, e.to_string())))
                .transpose()
        };
        let missing = |name: &str| bad(name, "it is missing".into());
        let size = match take("size").ok_or_else(|| missing("size"))? {
            Value::Number(number) => number
                .as_u64()
                .filter(|size| i64::try_from(*size).is_ok())
                .ok_or_else(|| bad("size", format!("{number} is not a size")))?,
            _ => return Err(bad("size", "it is not a number".into())),
        };
        let digest = text("digest", take("digest"))?.ok_or_else(|| missing("digest"))?;
        let digest = digest
            .parse()
            .map_err(|error: Error| bad("digest", error.to_string()))?;
        let kind = media_type("mediaType", take("mediaType"))?;
        let urls = match take("urls") {
            None => Vec::new(),
            Some(Value::Array(items)) => items
                .into_iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .ok_or_else(|| bad("urls", "it is not a list of strings".into()))?,
            Some(_) => return Err(bad("urls", "it is not a list of strings".into())),
        };
        let annotations = match take("annotations") {
            None => BTreeMap::new(),
            Some(value) => strings(&value)
                .ok_or_else(|| bad("annotations", "it is not a map of strings".into()))?,
        };
        let platform = match take("platform") {
            None => None,
            Some(Value::Object(object)) => Some(
                Platform::from_object(&object, what)
                    .map_err(|error| bad("platform", error.to_string()))?,
            ),
            Some(_) => return Err(bad("platform", "it is not an object".into())),
        };
        let data = text("data", take("data"))?;
        let artifact_type = media_type("artifactType", take("artifactType"))?;
        Ok(Descriptor {
            media_type: kind.ok_or_else(|| missing("mediaType"))?,
            digest,
            size,
            urls,
            annotations,
            data,
            artifact_type,
            platform,
            others,
        })
    }

    /// As JSON; empty fields are left out.
    pub fn to_value(&self) -> Value {
        let mut object = self.others.clone();
        object.insert("mediaType".into(), self.media_type.as_str().into());
        object.insert("digest".into(), self.digest.to_string().into());
        object.insert("size".into(), self.size.into());
        if !self.urls.is_empty() {
            object.insert("urls".into(), self.urls.clone().into());
        }
        if !self.annotations.is_empty() {
            object.insert("annotations".into(), strings_value(&self.annotations));
        }
        if let Some(data) = &self.data {
            object.insert("data".into(), data.clone().into());
        }
        if let Some(artifact_type) = &self.artifact_type {
            object.insert("artifactType".into(), artifact_type.as_str().into());
        }
        if let Some(platform) = &self.platform {
            object.insert("platform".into(), platform.to_object().into());
        }
        Value::Object(object)
    }
}

/// A JSON object whose values are all strings.
pub(crate) fn strings(value: &Value) -> Option<BTreeMap<String, String>> {
    value
        .as_object()?
        .iter()
        .map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// A map of strings as a JSON object.
pub(crate) fn strings_value(map: &BTreeMap<String, String>) -> Value {
    Value::Object(
        map.iter()
            .map(|(key, value)| (key.clone(), value.clone().into()))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{json as canonical_json, media_type};

    const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    fn full() -> Value {
        json!({
            "mediaType": media_type::OCI_MANIFEST,
            "digest": DIGEST,
            "size": 2,
            "urls": ["https://example.com/x"],
            "annotations": {"k": "v"},
            "data": "e30=",
            "artifactType": "application/x",
            "platform": {"os": "linux", "architecture": "arm", "variant": "v7"},
            "x-later": {"kept": [1, 2]},
        })
    }

    fn refused(edit: impl FnOnce(&mut Map<String, Value>)) -> String {
        let mut value = full();
        edit(value.as_object_mut().unwrap());
        Descriptor::from_value(&value, "index", "manifests[0]")
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn nothing_is_dropped() {
        let descriptor = Descriptor::from_value(&full(), "index", "manifests[0]").unwrap();
        assert_eq!(descriptor.to_value(), full());
        assert_eq!(
            descriptor.platform.as_ref().unwrap().to_string(),
            "linux/arm/v7"
        );
    }

    #[test]
    fn of_content() {
        let descriptor = Descriptor::of(MediaType::known(media_type::OCI_EMPTY), b"{}");
        assert_eq!(
            canonical_json::canonical(&descriptor.to_value()).unwrap(),
            format!(
                r#"{{"digest":"{DIGEST}","mediaType":"application/vnd.oci.empty.v1+json","size":2}}"#
            )
            .into_bytes()
        );
    }

    #[test]
    fn refusals() {
        let at = "index has a bad `manifests[0]";
        assert_eq!(
            refused(|o| o["size"] = json!(-1)),
            format!("{at}.size`: -1 is not a size")
        );
        assert_eq!(
            refused(|o| o["size"] = json!(u64::MAX)),
            format!("{at}.size`: 18446744073709551615 is not a size")
        );
        assert_eq!(
            refused(|o| o["size"] = json!(1.5)),
            format!("{at}.size`: 1.5 is not a size")
        );
        assert_eq!(
            refused(|o| o["size"] = json!("2")),
            format!("{at}.size`: it is not a number")
        );
        assert_eq!(
            refused(|o| drop(o.remove("digest"))),
            format!("{at}.digest`: it is missing")
        );
        assert_eq!(
            refused(|o| o["digest"] = json!("sha256:../../x")),
            format!(
                "{at}.digest`: `sha256:../../x` is not a digest: \
                 the part after the colon is empty or has an illegal character"
            )
        );
        assert_eq!(
            refused(|o| drop(o.remove("mediaType"))),
            format!("{at}.mediaType`: it is missing")
        );
        assert_eq!(
            refused(|o| o["annotations"] = json!({"a": 1})),
            format!("{at}.annotations`: it is not a map of strings")
        );
        assert_eq!(
            refused(|o| o["urls"] = json!([1])),
            format!("{at}.urls`: it is not a list of strings")
        );
        assert_eq!(
            refused(|o| o["platform"] = json!(1)),
            format!("{at}.platform`: it is not an object")
        );
        assert_eq!(
            refused(|o| drop(o.insert("Digest".into(), json!("x")))),
            "index has the key `Digest`, which differs from `digest` only in its case"
        );
        let error = Descriptor::from_value(&json!([]), "manifest", "config").unwrap_err();
        assert_eq!(
            error.to_string(),
            "manifest has a bad `config`: it is not an object"
        );
    }
}

//! What is signed of an image: a JSON document that names its digest, of the form that cosign took from
//! containers/image ("simple signing").

use oci::Digest;
use oci::json::{self, Limits};
use serde_json::{Value, json};

use crate::error::{Error, Result};

/// What a payload says it is.
const KIND: &str = "cosign container image signature";

/// A payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The image.
    pub digest: Digest,
    /// What it was called when it was signed; nothing follows from it.
    pub name: String,
}

impl Payload {
    /// Canonical JSON.
    ///
    /// # Errors
    /// None that can be reached: all of it is strings.
    pub fn to_bytes(&self) -> std::result::Result<Vec<u8>, oci::Error> {
        json::canonical(&json!({
            "critical": {
                "identity": {"docker-reference": self.name},
                "image": {"docker-manifest-digest": self.digest.to_string()},
                "type": KIND,
            },
            "optional": null,
        }))
    }

    /// Reads a payload, strictly: one meaning, no field of `critical` that nobody knows.
    ///
    /// # Errors
    /// [`Error::Payload`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let bad = |reason: String| Error::Payload { reason };
        let value =
            json::read(bytes, Limits::CONFIG, "payload").map_err(|error| bad(error.to_string()))?;
        let critical = value.get("critical").and_then(Value::as_object);
        let critical = critical.ok_or_else(|| bad("it has no `critical`".into()))?;
        if let Some(name) = critical
            .keys()
            .find(|name| !["identity", "image", "type"].contains(&name.as_str()))
        {
            let name = oci::error::Shown::new(name);
            return Err(bad(format!(
                "its `critical` has the unknown field `{name}`"
            )));
        }
        let text = |path: &str| value.pointer(path).and_then(Value::as_str);
        let kind = text("/critical/type").unwrap_or_default();
        if kind != KIND {
            let kind = oci::error::Shown::new(kind);
            return Err(bad(format!("its type is `{kind}`")));
        }
        let digest =
            text("/critical/image/docker-manifest-digest").and_then(|text| text.parse().ok());
        Ok(Payload {
            digest: digest.ok_or_else(|| bad("it names no digest".into()))?,
            name: text("/critical/identity/docker-reference")
                .unwrap_or_default()
                .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_and_written() {
        let payload = Payload {
            digest: Digest::of(b"x"),
            name: "r.example/a".into(),
        };
        let bytes = payload.to_bytes().unwrap();
        let expected = format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"r.example/a"}},"image":{{"docker-manifest-digest":"{}"}},"type":"cosign container image signature"}},"optional":null}}"#,
            payload.digest
        );
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);
        assert_eq!(Payload::read(&bytes), Ok(payload));
    }

    #[test]
    fn what_is_none() {
        let digest = Digest::of(b"x");
        let image = format!(r#""image":{{"docker-manifest-digest":"{digest}"}}"#);
        let kind = format!(r#""type":"{KIND}""#);
        for (text, reason) in [
            ("{".to_owned(), "payload"),
            ("[]".into(), "it has no `critical`"),
            (format!(r#"{{"critical":{{{image}}}}}"#), "its type is ``"),
            (
                format!(r#"{{"critical":{{{image},"type":"atomic container signature"}}}}"#),
                "its type is `atomic container signature`",
            ),
            (
                format!(r#"{{"critical":{{{kind}}}}}"#),
                "it names no digest",
            ),
            (
                format!(r#"{{"critical":{{{image},{image},{kind}}}}}"#),
                "image",
            ),
            (
                format!(r#"{{"critical":{{{image},{kind},"more":1}}}}"#),
                "unknown field `more`",
            ),
        ] {
            let error = Payload::read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}

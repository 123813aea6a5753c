//! Names of files in an image: bytes, which need not be UTF-8.
//!
//! In JSON a path is a string, or, where its bytes are not UTF-8, `{"base64": "…"}` (RFC 4648,
//! standard alphabet, padded). It does not check what a path may be: that is the rule of whoever
//! takes it.
//!
//! Invariant: what is written to JSON reads back as the same bytes.

use std::borrow::Cow;
use std::fmt;

use data_encoding::BASE64;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The raw bytes of a path.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RawPath(Vec<u8>);

impl RawPath {
    /// Takes the bytes as they are.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        RawPath(bytes.into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl From<&str> for RawPath {
    fn from(text: &str) -> Self {
        RawPath(text.into())
    }
}

/// For people: bytes that are not UTF-8 and control characters as escapes.
impl fmt::Display for RawPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c.is_control() {
                    write!(f, "{}", c.escape_default())?;
                } else {
                    write!(f, "{c}")?;
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RawPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl Serialize for RawPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("base64", &BASE64.encode(&self.0))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for RawPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PathVisitor)
    }
}

struct PathVisitor;

impl<'de> Visitor<'de> for PathVisitor {
    type Value = RawPath;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path: a string, or {\"base64\": \"…\"} where it is not UTF-8")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<RawPath, E> {
        Ok(RawPath(text.as_bytes().to_vec()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<RawPath, E> {
        Ok(RawPath(text.into_bytes()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawPath, A::Error> {
        let Some(key) = map.next_key::<Cow<str>>()? else {
            return Err(de::Error::missing_field("base64"));
        };
        if key != "base64" {
            return Err(de::Error::unknown_field(&key, &["base64"]));
        }
        let text = map.next_value::<Cow<str>>()?;
        if let Some(key) = map.next_key::<Cow<str>>()? {
            return Err(de::Error::unknown_field(&key, &["base64"]));
        }
        let bytes = BASE64
            .decode(text.as_bytes())
            .map_err(|error| de::Error::custom(format_args!("bad base64 in a path: {error}")))?;
        Ok(RawPath(bytes))
    }
}

impl JsonSchema for RawPath {
    fn schema_name() -> Cow<'static, str> {
        "RawPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A path in an image: a string, or its bytes in base64 where they are not UTF-8.",
            "oneOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": { "base64": { "type": "string", "contentEncoding": "base64" } },
                    "required": ["base64"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(json: &str) -> String {
        serde_json::from_str::<RawPath>(json)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn text_and_base64() {
        let plain = RawPath::from("usr/bin/é");
        assert_eq!(serde_json::to_string(&plain).unwrap(), "\"usr/bin/é\"");
        let raw = RawPath::new(b"caf\xe9".to_vec());
        assert_eq!(
            serde_json::to_string(&raw).unwrap(),
            r#"{"base64":"Y2Fm6Q=="}"#
        );
        assert_eq!(raw.to_string(), "caf\\xe9");
        assert_eq!(RawPath::from("a\nb").to_string(), "a\\nb");
    }

    #[test]
    fn refuses_other_shapes() {
        assert!(refused(r#"{"base64":"Y2Fm6Q"}"#).contains("bad base64"));
        assert!(refused(r#"{"hex":"00"}"#).contains("unknown field `hex`"));
        assert!(refused(r#"{"base64":"AA==","x":1}"#).contains("unknown field `x`"));
        assert!(refused("{}").contains("missing field"));
        assert!(refused("7").contains("a path: a string"));
    }

    proptest! {
        #[test]
        fn survives_json(bytes: Vec<u8>) {
            let path = RawPath::new(bytes);
            let json = serde_json::to_string(&path).unwrap();
            prop_assert_eq!(&serde_json::from_str::<RawPath>(&json).unwrap(), &path);
            let value = serde_json::to_value(&path).unwrap();
            prop_assert_eq!(&serde_json::from_value::<RawPath>(value).unwrap(), &path);
        }
    }
}

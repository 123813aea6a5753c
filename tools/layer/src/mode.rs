//! Permission bits as octal strings in JSON: JSON's numbers are decimal, and 755 is not 0755.

use crate::request::Mode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_str(Text)?;
        let octal = !text.is_empty() && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
        match u16::from_str_radix(&text, 8) {
            Ok(mode) if octal && mode <= 0o7777 => Ok(Self(mode)),
            _ => Err(D::Error::custom(format_args!(
                "`{text}` is not a mode: an octal string from `0` to `7777`, as `0755`"
            ))),
        }
    }
}

/// Takes a string, and says what string to whoever gives a number.
struct Text;

impl Visitor<'_> for Text {
    type Value = String;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an octal string such as \"0755\"")
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

impl JsonSchema for Mode {
    fn schema_name() -> Cow<'static, str> {
        "Mode".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^0*[0-7]{1,4}$",
            "description": "Permission bits as an octal string, `0` to `7777`.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_strings_only() {
        let mode = |text: &str| serde_json::from_str::<Mode>(text).map(|mode| mode.0);
        assert_eq!(mode("\"0755\"").unwrap(), 0o755);
        assert_eq!(mode("\"4755\"").unwrap(), 0o4755);
        assert_eq!(mode("\"0\"").unwrap(), 0);
        for bad in [
            "755",
            "\"0o755\"",
            "\"10000\"",
            "\"+755\"",
            "\"\"",
            "\"8\"",
            "\"rwx\"",
        ] {
            assert!(mode(bad).is_err(), "{bad}");
        }
        assert!(
            mode("\"9\"")
                .unwrap_err()
                .to_string()
                .contains("not a mode")
        );
        assert!(
            mode("755")
                .unwrap_err()
                .to_string()
                .contains("expected an octal string such as \"0755\"")
        );
        assert_eq!(serde_json::to_string(&Mode(0o644)).unwrap(), "\"0644\"");
    }
}

//! Texts and times, which may stand in a file or be built from environment variables.
//!
//! In JSON a text is a string; `{"expand": "…"}` where `$VAR` and `${VAR}` in it are to be replaced,
//! as a Dockerfile does; `{"stamp": "…"}` where `{KEY}` in it stands for a value of the request's `stamps`;
//! `{"stamp_and_expand": "…"}` for both; `{"file": "…"}` where it is the content of a file, without its last
//! newline; or `{"file": "…", "key": "…"}` where it is what follows the key and a blank in a line of the
//! file, the form of Bazel's status files. A time is such a text too, in RFC 3339 or as seconds since 1970,
//! or a JSON integer of seconds.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Text {
    /// As it stands.
    Literal(String),
    /// With variables to be replaced.
    Expand(String),
    /// With keys of status files to be replaced.
    Stamp(String),
    /// With keys of status files and then variables to be replaced.
    StampAndExpand(String),
    /// The content of a file.
    File(Stamp),
}

/// A text in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp {
    /// The file.
    pub(crate) file: PathBuf,
    /// Which line of it, by its first word; all of it where there is none.
    pub(crate) key: Option<String>,
}

/// A time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Time {
    /// Seconds since 1970.
    Seconds(i64),
    /// RFC 3339, or seconds since 1970 in digits.
    Text(Text),
}

impl Default for Time {
    /// The beginning of 1970: readers of configs trip over times that are missing.
    fn default() -> Self {
        Time::Seconds(0)
    }
}

const FIELDS: &[&str] = &["expand", "stamp", "stamp_and_expand", "file", "key"];

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, {\"expand\": \"…\"}, {\"stamp\": \"…\"} or {\"file\": \"…\"}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text::Literal(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        let mut fields: [Option<String>; 5] = Default::default();
        while let Some(name) = map.next_key::<Cow<str>>()? {
            let Some(at) = FIELDS.iter().position(|field| *field == name) else {
                return Err(de::Error::unknown_field(&name, FIELDS));
            };
            if fields[at].is_some() {
                return Err(de::Error::duplicate_field(FIELDS[at]));
            }
            fields[at] = Some(map.next_value::<String>()?);
        }
        match fields {
            [Some(text), None, None, None, None] => Ok(Text::Expand(text)),
            [None, Some(text), None, None, None] => Ok(Text::Stamp(text)),
            [None, None, Some(text), None, None] => Ok(Text::StampAndExpand(text)),
            [None, None, None, Some(file), key] => Ok(Text::File(Stamp {
                file: file.into(),
                key,
            })),
            [None, None, None, None, _] => Err(de::Error::custom(
                "`expand`, `stamp`, `stamp_and_expand` or `file` is missing",
            )),
            _ => Err(de::Error::custom(
                "`expand`, `stamp` and `stamp_and_expand` stand alone",
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimeVisitor)
    }
}

struct TimeVisitor;

impl<'de> Visitor<'de> for TimeVisitor {
    type Value = Time;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds since 1970, a string in RFC 3339, or {\"file\": \"…\"}")
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Time, E> {
        Ok(Time::Seconds(seconds))
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Time, E> {
        i64::try_from(seconds).map(Time::Seconds).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
        TextVisitor.visit_str(text).map(Time::Text)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Time, A::Error> {
        TextVisitor.visit_map(map).map(Time::Text)
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A text: as it stands, with variables or keys of status files to be replaced, or from a file.",
            "oneOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": {
                        "expand": {
                            "type": "string",
                            "description": "A text in which `$VAR`, `${VAR}`, `${VAR:-word}` and `${VAR:+word}` are replaced; `\\$` is a dollar sign.",
                        },
                    },
                    "required": ["expand"],
                    "additionalProperties": false,
                },
                {
                    "type": "object",
                    "properties": {
                        "stamp": {
                            "type": "string",
                            "description": "A text in which `{KEY}` is replaced by the value that `stamps` or `stamp_defaults` have for the key. Braces around anything but a name, and those after a `$`, stay.",
                        },
                    },
                    "required": ["stamp"],
                    "additionalProperties": false,
                },
                {
                    "type": "object",
                    "properties": {
                        "stamp_and_expand": {
                            "type": "string",
                            "description": "A text in which `{KEY}` is replaced as in `stamp`, and variables as in `expand`; a `$` in a value stays.",
                        },
                    },
                    "required": ["stamp_and_expand"],
                    "additionalProperties": false,
                },
                {
                    "type": "object",
                    "properties": {
                        "file": {
                            "type": "string",
                            "description": "The file that holds the text; its last newline does not count.",
                        },
                        "key": {
                            "type": "string",
                            "description": "Only what follows this word and a blank in a line of the file.",
                        },
                    },
                    "required": ["file"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A time: seconds since 1970, or a text with them or with a time in RFC 3339.",
            "anyOf": [{ "type": "integer" }, generator.subschema_for::<Text>()],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Result<Text, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn forms() {
        assert_eq!(text(r#""a$B""#).unwrap(), Text::Literal("a$B".into()));
        assert_eq!(
            text(r#"{"expand":"a$B"}"#).unwrap(),
            Text::Expand("a$B".into())
        );
        assert_eq!(
            text(r#"{"stamp":"a{B}"}"#).unwrap(),
            Text::Stamp("a{B}".into())
        );
        assert_eq!(
            text(r#"{"stamp_and_expand":"a{B}"}"#).unwrap(),
            Text::StampAndExpand("a{B}".into())
        );
        let stamp = |key: Option<&str>| {
            Text::File(Stamp {
                file: "f".into(),
                key: key.map(str::to_owned),
            })
        };
        assert_eq!(text(r#"{"file":"f"}"#).unwrap(), stamp(None));
        assert_eq!(text(r#"{"key":"K","file":"f"}"#).unwrap(), stamp(Some("K")));
        let time = |json| serde_json::from_str::<Time>(json).unwrap();
        assert_eq!(time("-7"), Time::Seconds(-7));
        assert_eq!(time(r#""2020""#), Time::Text(Text::Literal("2020".into())));
        assert_eq!(time(r#"{"file":"f"}"#), Time::Text(stamp(None)));
    }

    #[test]
    fn other_forms_are_refused() {
        for (json, reason) in [
            ("1", "a string, {\"expand\""),
            ("{}", "`stamp_and_expand` or `file` is missing"),
            (r#"{"key":"K"}"#, "`stamp_and_expand` or `file` is missing"),
            (
                r#"{"expand":"a","file":"f"}"#,
                "`expand`, `stamp` and `stamp_and_expand` stand alone",
            ),
            (
                r#"{"stamp":"a","key":"k"}"#,
                "`expand`, `stamp` and `stamp_and_expand` stand alone",
            ),
            (
                r#"{"env":"a"}"#,
                "unknown field `env`, expected one of `expand`, `stamp`, `stamp_and_expand`, `file`, `key`",
            ),
            (r#"{"file":"f","file":"g"}"#, "duplicate field `file`"),
        ] {
            let error = text(json).unwrap_err();
            assert!(error.contains(reason), "{json}: {error}");
        }
        assert!(serde_json::from_str::<Time>("1.5").is_err());
    }
}

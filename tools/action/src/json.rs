//! Requests: strict JSON, with the place of a mistake named.
//!
//! A request is parsed once, fast; only where that fails is it parsed again to find out why: is it
//! of another kind or version, and if not, at which place is the mistake?

use crate::Error;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// The input manifest of one run. Its type rejects unknown fields.
pub trait Request: DeserializeOwned {
    /// The value of the field `kind`.
    const KIND: &'static str;
    /// The value of the field `version`.
    const VERSION: u32;
    /// The fields `kind` and `version` as they were read.
    fn head(&self) -> (&str, u32);
}

/// Parses a request; `name` is what errors call it.
///
/// # Errors
/// [`Error::Json`], [`Error::Kind`], [`Error::Version`].
pub fn parse_request<R: Request>(name: &str, bytes: &[u8]) -> Result<R, Error> {
    match serde_json::from_slice::<R>(bytes) {
        Ok(request) => {
            let (kind, version) = request.head();
            check_head::<R>(name, Some(kind), Some(u64::from(version)))?;
            Ok(request)
        }
        Err(_) => Err(explain::<R>(name, bytes)),
    }
}

/// Why a document is not a request of this type.
fn explain<R: Request>(name: &str, bytes: &[u8]) -> Error {
    #[derive(Deserialize)]
    struct Head {
        kind: Option<String>,
        version: Option<u64>,
    }
    if let Ok(head) = serde_json::from_slice::<Head>(bytes)
        && let Err(error) = check_head::<R>(name, head.kind.as_deref(), head.version)
    {
        return error;
    }
    let json = &mut serde_json::Deserializer::from_slice(bytes);
    let error = match serde_path_to_error::deserialize::<_, R>(&mut *json) {
        Err(error) => error,
        // The document itself is right: the trouble is what follows it.
        Ok(_) => match json.end() {
            Err(error) => return Error::json(name, Some(R::KIND), String::new(), &error),
            Ok(()) => serde_path_to_error::Error::new(
                serde_path_to_error::Track::new().path(),
                serde_json::Error::custom("parsing it twice gave two results"),
            ),
        },
    };
    let place = match error.path().to_string().as_str() {
        "." | "?" => String::new(),
        place => place.to_owned(),
    };
    let mut error = Error::json(name, Some(R::KIND), place, error.inner());
    // Where one of several kinds is wanted, the parser wants the object to end after the first key.
    if let Error::Json { message, .. } = &mut error
        && message == "expected value"
        && serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
    {
        "an object with one key is wanted here, and this one has more".clone_into(message);
    }
    error
}

fn check_head<R: Request>(
    name: &str,
    kind: Option<&str>,
    version: Option<u64>,
) -> Result<(), Error> {
    if let Some(found) = kind
        && found != R::KIND
    {
        return Err(Error::Kind {
            name: name.to_owned(),
            found: found.to_owned(),
            expected: R::KIND,
        });
    }
    if let Some(found) = version
        && found != u64::from(R::VERSION)
    {
        return Err(Error::Version {
            name: name.to_owned(),
            found,
            expected: R::VERSION,
        });
    }
    Ok(())
}

/// For `#[serde(deserialize_with = "action::unique")]` on maps: a key that comes twice is an error,
/// where serde would keep the last one in silence (RFC 7493 section 2.3).
///
/// # Errors
/// The deserializer's, and one that names the key.
pub fn unique<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    struct Unique<V>(PhantomData<V>);
    impl<'de, V: Deserialize<'de>> Visitor<'de> for Unique<V> {
        type Value = BTreeMap<String, V>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some(key) = access.next_key::<String>()? {
                if map.contains_key(&key) {
                    return Err(A::Error::custom(format_args!(
                        "the key `{key}` comes twice"
                    )));
                }
                map.insert(key, access.next_value()?);
            }
            Ok(map)
        }
    }
    deserializer.deserialize_map(Unique(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failure;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Demo {
        kind: String,
        version: u32,
        #[serde(default)]
        items: Vec<Item>,
        #[serde(default, deserialize_with = "unique")]
        labels: BTreeMap<String, String>,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Item {
        size: u64,
    }
    impl Request for Demo {
        const KIND: &'static str = "demo";
        const VERSION: u32 = 1;
        fn head(&self) -> (&str, u32) {
            (&self.kind, self.version)
        }
    }

    fn error(text: &str) -> String {
        let error = parse_request::<Demo>("r.json", text.as_bytes()).unwrap_err();
        let details: Vec<_> = error.details().into_iter().map(|d| d.value).collect();
        assert!(error.hint().is_some());
        format!("{error} {}", details.join(" "))
            .trim_end()
            .to_owned()
    }

    #[test]
    fn a_request_is_read() {
        let demo = parse_request::<Demo>("r.json", br#"{"kind":"demo","version":1}"#).unwrap();
        assert_eq!(demo.items, []);
    }

    #[test]
    fn mistakes_are_placed() {
        assert_eq!(
            error(r#"{"kind":"demo","version":1,"items":[{"size":1},{"size":"x"}]}"#),
            "r.json:1:58: a whole number from 0 is wanted here, not the text \"x\" items[1].size"
        );
        assert_eq!(
            error(r#"{"kind":"demo","version":1,"item":[]}"#),
            "r.json:1:33: unknown field `item`, expected one of `kind`, `version`, `items`, `labels` item"
        );
        assert_eq!(error("{\n nonsense"), "r.json:2:2: key must be a string");
        assert_eq!(
            error(r#"{"kind":"demo","version":1} x"#),
            "r.json:1:29: trailing characters"
        );
        assert_eq!(error(""), "r.json:1:0: it ends where a value is wanted");
        assert_eq!(
            error("[]"),
            "r.json:1:2: an object is wanted here, not a list"
        );
        assert_eq!(
            error(r#"{"kind":"demo","version":1,"items":[[]]}"#),
            "r.json:1:38: an object is wanted here, not a list items[0]"
        );
        assert_eq!(
            error(r#"{"kind":"demo","version":1,"version":1}"#),
            "r.json:1:36: duplicate field `version`"
        );
        assert_eq!(
            error(r#"{"kind":"demo","version":1,"labels":{"a":"1","a":"2"}}"#),
            "r.json:1:48: the key `a` comes twice labels"
        );
    }

    #[test]
    fn words_for_what_the_parser_says_of_kinds() {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum One {
            A(Item),
            B(Item),
        }
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Ones {
            kind: String,
            version: u32,
            ones: Vec<One>,
        }
        impl Request for Ones {
            const KIND: &'static str = "ones";
            const VERSION: u32 = 1;
            fn head(&self) -> (&str, u32) {
                (&self.kind, self.version)
            }
        }
        fn size(one: &One) -> u64 {
            match one {
                One::A(item) | One::B(item) => item.size,
            }
        }
        let error = |ones: &str| {
            let text = format!(r#"{{"kind":"ones","version":1,"ones":[{ones}]}}"#);
            parse_request::<Ones>("r", text.as_bytes())
                .map(|request| request.ones.iter().map(size).sum::<u64>())
                .map_err(|error| error.to_string())
        };
        assert_eq!(error(r#"{"a":{"size":1}},{"b":{"size":2}}"#), Ok(3));
        let error = |ones| error(ones).unwrap_err();
        assert!(
            error(r#"{"a":{"size":1},"b":{"size":1}}"#)
                .contains("an object with one key is wanted here, and this one has more")
        );
        assert!(error(r#""a""#).contains("a word alone, and an object is wanted"));
    }

    #[test]
    fn kind_and_version_come_before_all_else() {
        assert_eq!(
            error(r#"{"kind":"layer","version":7,"new_field":1}"#),
            "r.json: this is a request for `layer`, not for `demo`"
        );
        assert_eq!(
            error(r#"{"kind":"demo","version":2,"new_field":1}"#),
            "r.json: request version 2; this tool knows version 1"
        );
        let newer = parse_request::<Demo>("r", br#"{"kind":"demo","version":2}"#).unwrap_err();
        assert!(newer.hint().unwrap().contains("take the tool"));
        let older = parse_request::<Demo>("r", br#"{"kind":"demo","version":0}"#).unwrap_err();
        assert!(older.hint().unwrap().contains("take the rules"));
    }
}

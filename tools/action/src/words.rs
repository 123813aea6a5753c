//! What the parser says, in the words of who writes JSON: its own are those of Rust's types.
//!
//! Whatever has none of the forms below is passed on as it is.

/// The message, for a human.
pub(crate) fn plain(message: &str) -> String {
    match message {
        "invalid type: unit variant, expected newtype variant" => {
            return "a word alone, and an object is wanted: `{\"WORD\": {…}}`".into();
        }
        "invalid type: newtype variant, expected unit variant" => {
            return "an object, and a word alone is wanted: `\"WORD\"`".into();
        }
        _ => {}
    }
    let typed = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "));
    if let Some((found, wanted)) = typed.and_then(|rest| rest.rsplit_once(", expected ")) {
        return format!(
            "{} is wanted here, not {}",
            wanted_as(wanted),
            found_as(found)
        );
    }
    // A struct reads a list as its fields in their order, and says so only of one that is too short.
    if message.starts_with("invalid length") && message.contains("expected struct") {
        return "an object is wanted here, not a list".into();
    }
    if let Some((found, wanted)) = message
        .strip_prefix("unknown variant ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        return format!("unknown word {found}, expected {wanted}");
    }
    if message == "EOF while parsing a value" {
        return "it ends where a value is wanted".into();
    }
    if let Some(what) = message.strip_prefix("EOF while parsing ") {
        return format!("it ends in the middle of {what}");
    }
    message.to_owned()
}

/// By a message in plain words: the name that was meant, where an unknown one is nearly one of those that are known.
pub(crate) fn meant(message: &str) -> Option<&str> {
    let (found, wanted) = message
        .strip_prefix("unknown field ")
        .or_else(|| message.strip_prefix("unknown word "))?
        .split_once(", expected ")?;
    let found = found.trim_matches('`');
    wanted
        .split('`')
        .skip(1)
        .step_by(2)
        .map(|name| (strsim::damerau_levenshtein(found, name), name))
        .filter(|&(distance, name)| {
            distance * 3 <= name.len().max(found.len()) || is_part(found, name)
        })
        .min()
        .map(|(_, name)| name)
}

/// Whether one name is the other with something before or behind it, as `gzip` and `gzip-v1`.
fn is_part(found: &str, name: &str) -> bool {
    let is_in = |short: &str, long: &str| {
        short.len() > 2
            && (long.strip_prefix(short))
                .or_else(|| long.strip_suffix(short))
                .is_some_and(|rest| rest.starts_with(['-', '_']) || rest.ends_with(['-', '_']))
    };
    is_in(found, name) || is_in(name, found)
}

fn wanted_as(wanted: &str) -> String {
    match wanted {
        "a map" | "map" => "an object".into(),
        "a sequence" | "sequence" => "a list".into(),
        "a boolean" => "`true` or `false`".into(),
        "u8" => "a whole number from 0 to 255".into(),
        "u16" => "a whole number from 0 to 65535".into(),
        "u32" | "u64" | "usize" => "a whole number from 0".into(),
        "i32" | "i64" => "a whole number".into(),
        "string or map" => "a word or an object".into(),
        "struct" => "an object".into(),
        _ if wanted.starts_with("struct ") => "an object".into(),
        _ if wanted.starts_with("enum ") => "a word or an object".into(),
        _ => wanted.to_owned(),
    }
}

fn found_as(found: &str) -> String {
    match found {
        "map" => "an object".into(),
        "sequence" => "a list".into(),
        _ => {
            let number = (found.strip_prefix("integer "))
                .or_else(|| found.strip_prefix("floating point "))
                .or_else(|| found.strip_prefix("boolean "));
            match number {
                Some(number) => number.to_owned(),
                None => found.replacen("string ", "the text ", 1),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Codec {
        None,
        #[serde(rename = "gzip-v1")]
        GzipV1(#[allow(dead_code, reason = "read by the parser alone")] u8),
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "read by the parser alone")]
    struct Entry {
        entries: Option<Vec<Entry>>,
        level: Option<u8>,
        size: Option<u64>,
        time: Option<i64>,
        name: Option<String>,
        set: Option<bool>,
        codec: Option<Codec>,
        inner: Option<Box<Entry>>,
    }

    fn said(text: &str) -> String {
        let error = serde_json::from_str::<Entry>(text).unwrap_err().to_string();
        error.rsplit_once(" at line ").unwrap().0.to_owned()
    }

    #[test]
    fn every_form_of_the_parser_has_words() {
        for (text, words) in [
            (r#"{"entries":{}}"#, "a list is wanted here, not an object"),
            (
                r#"{"entries":"a, expected b"}"#,
                "a list is wanted here, not the text \"a, expected b\"",
            ),
            (r#"{"inner":5}"#, "an object is wanted here, not `5`"),
            (r#"{"inner":[]}"#, "an object is wanted here, not a list"),
            (
                r#"{"level":-1}"#,
                "a whole number from 0 to 255 is wanted here, not `-1`",
            ),
            (
                r#"{"level":256}"#,
                "a whole number from 0 to 255 is wanted here, not `256`",
            ),
            (
                r#"{"size":"5"}"#,
                "a whole number from 0 is wanted here, not the text \"5\"",
            ),
            (
                r#"{"time":1.5}"#,
                "a whole number is wanted here, not `1.5`",
            ),
            (
                r#"{"name":null,"set":"yes"}"#,
                "`true` or `false` is wanted here, not the text \"yes\"",
            ),
            (r#"{"name":true}"#, "a string is wanted here, not `true`"),
            (r#"{"name":[]}"#, "a string is wanted here, not a list"),
            (
                r#"{"codec":"gzip-v1"}"#,
                "a word alone, and an object is wanted: `{\"WORD\": {…}}`",
            ),
            (
                r#"{"codec":"gzip"}"#,
                "unknown word `gzip`, expected `none` or `gzip-v1`",
            ),
            (r#"{"name":"#, "it ends where a value is wanted"),
            (r#"{"name":"a""#, "it ends in the middle of an object"),
            (
                r#"{"names":1}"#,
                "unknown field `names`, expected one of `entries`, `level`, `size`, `time`, `name`, `set`, `codec`, `inner`",
            ),
        ] {
            let said = said(text);
            assert_eq!(plain(&said), words, "{said}");
        }
    }

    #[test]
    fn what_was_meant() {
        for (text, name) in [
            (r#"{"entires":[]}"#, Some("entries")),
            (r#"{"entry":[]}"#, None),
            (r#"{"names":1}"#, Some("name")),
            (r#"{"gzip":1}"#, None),
            (r#"{"codec":"gzip"}"#, Some("gzip-v1")),
            (r#"{"codec":"zstd"}"#, None),
            (r#"{"name":5}"#, None),
        ] {
            assert_eq!(meant(&plain(&said(text))), name, "{text}");
        }
    }
}

//! What a build is stamped with: texts that files hold, and the values of Bazel's status files.
//!
//! Invariant: replacing reads nothing; all files were read before.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::request::{Request, Stamp, Text};

/// The most bytes of a file.
const SIZE: u64 = 16 << 20;

/// Everything that files say in the place of the request.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    texts: BTreeMap<Stamp, String>,
    files: Vec<PathBuf>,
    values: BTreeMap<String, String>,
}

impl Stamps {
    /// Reads the status files of a request, and the files of `texts`.
    ///
    /// # Errors
    /// A file that can't be read, or is not text; [`Error::StampKey`].
    pub(crate) fn read<'a>(
        request: &Request,
        texts: impl IntoIterator<Item = &'a Text>,
    ) -> Result<Self> {
        let mut stamps = Stamps {
            files: request.stamps.clone(),
            values: request.stamp_defaults.clone(),
            ..Stamps::default()
        };
        for file in &request.stamps {
            let bytes = files::read_at_most(file, SIZE)?;
            let text =
                std::str::from_utf8(&bytes).map_err(|_| Error::StampText { file: file.clone() })?;
            for line in text.lines() {
                let (key, value) = line.split_once(' ').unwrap_or((line, ""));
                stamps.values.insert(key.to_owned(), value.to_owned());
            }
        }
        for text in texts {
            if let Text::File(stamp) = text
                && !stamps.texts.contains_key(stamp)
            {
                let bytes = files::read_at_most(&stamp.file, SIZE)?;
                stamps.texts.insert(stamp.clone(), stamped(stamp, &bytes)?);
            }
        }
        Ok(stamps)
    }

    /// The text that a file holds.
    pub(crate) fn text(&self, stamp: &Stamp) -> String {
        self.texts.get(stamp).cloned().unwrap_or_default()
    }

    /// The text that stands at `field` with each `{KEY}` replaced by its value, as `shown` has it. Braces around
    /// anything but a name stay, and those after a `$`, which are a variable's.
    ///
    /// # Errors
    /// [`Error::StampValue`].
    pub(crate) fn replace(
        &self,
        text: &str,
        field: &str,
        shown: impl Fn(&str) -> String,
    ) -> Result<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let key = after
                .split_once('}')
                .filter(|(key, _)| !before.ends_with('$') && is_name(key));
            let Some((key, after)) = key else {
                out.push('{');
                rest = after;
                continue;
            };
            let value = self.values.get(key).ok_or_else(|| Error::StampValue {
                field: field.to_owned(),
                key: key.into(),
                text: text.into(),
                files: self.files.clone(),
            })?;
            out.push_str(&shown(value));
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

/// The text that a file holds for a stamp.
///
/// # Errors
/// [`Error::StampText`], [`Error::StampKey`].
fn stamped(stamp: &Stamp, bytes: &[u8]) -> Result<String> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::StampText {
        file: stamp.file.clone(),
    })?;
    let Some(key) = &stamp.key else {
        return Ok(text.strip_suffix('\n').unwrap_or(text).to_owned());
    };
    text.lines()
        .find_map(|line| match line.split_once(' ') {
            Some((first, rest)) => (first == key).then(|| rest.to_owned()),
            // A key alone has an empty value.
            None => (line == key).then(String::new),
        })
        .ok_or_else(|| Error::StampKey {
            file: stamp.file.clone(),
            key: key.clone(),
        })
}

#[cfg(test)]
mod tests {
    use action::Failure;
    use serde_json::json;

    use super::*;

    impl Stamps {
        /// Stamps of texts and values.
        pub(crate) fn of(texts: &[(Stamp, &str)], values: &[(&str, &str)]) -> Self {
            let own = |text: &&str| (*text).to_owned();
            Stamps {
                texts: texts
                    .iter()
                    .map(|(stamp, text)| (stamp.clone(), own(text)))
                    .collect(),
                files: vec!["status.txt".into()],
                values: values
                    .iter()
                    .map(|(key, value)| (own(key), own(value)))
                    .collect(),
            }
        }
    }

    #[test]
    fn stamps() {
        let stamp = |key: Option<&str>| Stamp {
            file: "f".into(),
            key: key.map(str::to_owned),
        };
        let file = b"STABLE_A one two\nSTABLE_B\nSTABLE_AB three\n";
        assert_eq!(stamped(&stamp(Some("STABLE_A")), file).unwrap(), "one two");
        assert_eq!(stamped(&stamp(Some("STABLE_B")), file).unwrap(), "");
        assert_eq!(stamped(&stamp(None), b"v1\n\n").unwrap(), "v1\n");
        assert_eq!(stamped(&stamp(None), b"v1").unwrap(), "v1");
        assert_eq!(
            stamped(&stamp(Some("STABLE")), file)
                .unwrap_err()
                .to_string(),
            "`f` has no line that begins with `STABLE`"
        );
        assert_eq!(
            stamped(&stamp(None), b"\xff").unwrap_err().to_string(),
            "`f` is not UTF-8"
        );
    }

    #[test]
    fn keys_become_values() {
        let stamps = Stamps::of(&[], &[("A", "1"), ("_B2", "{A}"), ("EMPTY", "")]);
        let replace = |text: &str| stamps.replace(text, "config.labels.x", str::to_owned);
        for (text, want) in [
            ("plain", "plain"),
            ("v{A}-{_B2}{EMPTY}.", "v1-{A}."),
            ("{\"a\": {\"b\": \"{A}\"}}", "{\"a\": {\"b\": \"1\"}}"),
            ("${NONE} {} {1} {a b} {", "${NONE} {} {1} {a b} {"),
            ("{{A}}", "{1}"),
            ("ü{A}}", "ü1}"),
        ] {
            assert_eq!(replace(text).unwrap(), want, "{text}");
        }
        let error = replace("v{NONE}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`config.labels.x` asks for `NONE`, which no status file has"
        );
        let details = error.details();
        let details: Vec<_> = details.iter().map(|one| one.value.as_str()).collect();
        assert_eq!(details, ["v{NONE}", "status.txt"]);
        assert!(error.hint().unwrap().contains("stamp_defaults"));
    }

    #[test]
    fn later_files_go_before_earlier_ones_and_both_before_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        files::write(&one, b"A first\nB of one  \nEMPTY\n").unwrap();
        files::write(&two, b"A second\r\n").unwrap();
        let request = json!({
            "kind": "assemble", "version": 1, "origin": "o", "make": {"index": {"entries": []}},
            "stamps": [one, two], "stamp_defaults": {"A": "default", "C": "default"},
        });
        let request: Request = serde_json::from_value(request).unwrap();
        let stamps = Stamps::read(&request, []).unwrap();
        let text = stamps.replace("{A}|{B}|{EMPTY}|{C}", "f", str::to_owned);
        assert_eq!(text.unwrap(), "second|of one  ||default");
    }
}

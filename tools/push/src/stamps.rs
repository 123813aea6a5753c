//! What a build was stamped with: `{KEY}` in repositories, tags and names stands for the value that a
//! status file of Bazel's has after `KEY`.
//!
//! Without status files nothing is replaced.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The largest file.
const SIZE: u64 = 1 << 20;

/// The values of the status files; those of later files go before those of earlier ones.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    files: Vec<PathBuf>,
    values: BTreeMap<String, String>,
}

impl Stamps {
    /// Reads status files: on each line a key, a space, and the value up to the line's end.
    ///
    /// # Errors
    /// A file that can't be read, or is not text.
    pub(crate) fn read(files: &[PathBuf]) -> Result<Self> {
        let mut values = BTreeMap::new();
        for file in files {
            for line in text(file)?.lines() {
                let (key, value) = line.split_once(' ').unwrap_or((line, ""));
                values.insert(key.to_owned(), value.trim().to_owned());
            }
        }
        Ok(Stamps {
            files: files.to_vec(),
            values,
        })
    }

    /// The text with its keys replaced.
    ///
    /// # Errors
    /// [`Error::StampKey`].
    pub(crate) fn expand(&self, text: &str) -> Result<String> {
        if self.files.is_empty() {
            return Ok(text.to_owned());
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((key, after)) = after.split_once('}') else {
                break;
            };
            let value = self.values.get(key).ok_or_else(|| Error::StampKey {
                key: key.into(),
                text: text.into(),
                files: self.files.clone(),
            })?;
            out.push_str(before);
            out.push_str(value);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// A file that holds what a build was stamped with.
///
/// # Errors
/// One that can't be read, or is not text.
pub(crate) fn text(path: &Path) -> Result<String> {
    let bytes = files::read_at_most(path, SIZE)?;
    String::from_utf8(bytes).map_err(|_| Error::Stamp {
        path: path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_values() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        files::write(&one, b"A first\nB of one\nEMPTY\n").unwrap();
        files::write(&two, b"A second\r\n").unwrap();
        let stamps = Stamps::read(&[one, two]).unwrap();
        let expand = |text: &str| stamps.expand(text).unwrap();
        assert_eq!(expand("v{A}-{B}{EMPTY}."), "vsecond-of one.");
        assert_eq!(expand("plain}"), "plain}");
        assert_eq!(expand("open{"), "open{");
        let error = stamps.expand("v{NONE}").unwrap_err().to_string();
        assert!(error.contains("`NONE`"), "{error}");
        let none = Stamps::read(&[]).unwrap();
        assert_eq!(none.expand("v{A}").unwrap(), "v{A}");
    }
}

//! `sparse.json`: what an OCI layout directory says of the blobs that it does not hold.
//!
//! A layout without this file must be whole. The file stands beside `index.json`, so that a tool
//! that does not know it sees a layout that lacks blobs, and says so.
//!
//! Invariant: the list is sorted by digest, each digest once, and never empty.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::receipt::{Source, check};
use crate::{Digest, Error, MediaType, json};

/// The name of the file, at the root of the layout.
pub const FILE: &str = "sparse.json";

const KIND: &str = "sparse_layout";
const VERSION: u32 = 1;

/// The kind of `sparse.json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SparseLayoutKind {
    /// The only one.
    #[default]
    #[serde(rename = "sparse_layout")]
    SparseLayout,
}

/// The blobs that a layout names and does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SparseLayout {
    /// `sparse_layout`.
    kind: SparseLayoutKind,
    /// 1.
    #[schemars(range(min = 1, max = 1))]
    version: u32,
    /// The absent blobs, sorted by digest.
    absent: Vec<AbsentBlob>,
}

/// A blob that is somewhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AbsentBlob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// What it is.
    pub media_type: MediaType,
    /// Repositories that have it. Where there is none, its file is to be given with the layout.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
}

impl SparseLayout {
    /// Lists `absent`: sorts it and merges what is said twice of one digest.
    ///
    /// # Errors
    /// One digest with two sizes.
    pub fn new(mut absent: Vec<AbsentBlob>) -> Result<Self, Error> {
        absent.sort_by_key(|blob| blob.digest);
        let mut merged: Vec<AbsentBlob> = Vec::with_capacity(absent.len());
        for blob in absent {
            match merged.last_mut() {
                Some(last) if last.digest == blob.digest => {
                    if last.size != blob.size {
                        return Err(Error::Field {
                            what: KIND,
                            field: "absent".into(),
                            reason: format!(
                                "{} has the sizes {} and {}",
                                blob.digest, last.size, blob.size
                            ),
                        });
                    }
                    last.sources.extend(blob.sources);
                }
                _ => merged.push(blob),
            }
        }
        for blob in &mut merged {
            blob.sources.sort();
            blob.sources.dedup();
        }
        Ok(SparseLayout {
            kind: SparseLayoutKind::SparseLayout,
            version: VERSION,
            absent: merged,
        })
    }

    /// The absent blobs, sorted by digest.
    pub fn absent(&self) -> &[AbsentBlob] {
        &self.absent
    }

    /// What is said of `digest`.
    pub fn get(&self, digest: &Digest) -> Option<&AbsentBlob> {
        let at = self
            .absent
            .binary_search_by(|blob| blob.digest.cmp(digest))
            .ok()?;
        self.absent.get(at)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// JSON that is not strict, another kind, version or shape, a list that is not sorted.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let value = json::read(bytes, json::Limits::OURS, KIND)?;
        check(&value, KIND, VERSION)?;
        let layout: SparseLayout = json::from_value(value, KIND)?;
        if !layout.absent.is_sorted_by(|a, b| a.digest < b.digest) {
            return Err(Error::Field {
                what: KIND,
                field: "absent".into(),
                reason: "it is not sorted by digest, or has a digest twice".into(),
            });
        }
        Ok(layout)
    }

    /// The bytes of the file: canonical JSON.
    ///
    /// # Errors
    /// None that can be reached: all of it is strings and integers.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        json::to_canonical(self, KIND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media_type::OCI_LAYER_GZIP;

    fn blob(content: &[u8], repository: &str) -> AbsentBlob {
        AbsentBlob {
            digest: Digest::of(content),
            size: content.len() as u64,
            media_type: MediaType::known(OCI_LAYER_GZIP),
            sources: vec![Source {
                registry: "example.com".into(),
                repository: repository.into(),
            }],
        }
    }

    #[test]
    fn sorted_merged_and_read_back() {
        let list = vec![
            blob(b"a", "x"),
            blob(b"b", "x"),
            blob(b"a", "w"),
            blob(b"a", "x"),
        ];
        let layout = SparseLayout::new(list).unwrap();
        assert_eq!(layout.absent().len(), 2);
        let a = layout.get(&Digest::of(b"a")).unwrap();
        let sources: Vec<&str> = a.sources.iter().map(|s| s.repository.as_str()).collect();
        assert_eq!(sources, ["w", "x"]);
        assert_eq!(layout.get(&Digest::of(b"c")), None);
        let bytes = layout.to_bytes().unwrap();
        assert!(bytes.starts_with(br#"{"absent":[{"digest":"sha256:3e23"#));
        assert_eq!(SparseLayout::read(&bytes).unwrap(), layout);
    }

    #[test]
    fn refusals() {
        let mut other = blob(b"a", "x");
        other.size = 7;
        let error = SparseLayout::new(vec![blob(b"a", "x"), other]).unwrap_err();
        assert!(
            error.to_string().ends_with("has the sizes 1 and 7"),
            "{error}"
        );
        let unsorted = SparseLayout {
            kind: SparseLayoutKind::SparseLayout,
            version: VERSION,
            absent: vec![blob(b"a", "x"), blob(b"a", "x")],
        };
        let error = SparseLayout::read(&unsorted.to_bytes().unwrap()).unwrap_err();
        assert!(
            error.to_string().contains("not sorted by digest"),
            "{error}"
        );
        let error = SparseLayout::read(br#"{"kind":"sparse_layout","version":2}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sparse_layout has version 2, this program reads version 1"
        );
    }
}

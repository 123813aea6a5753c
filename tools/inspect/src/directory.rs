//! A layout directory as a store. Links that lead out are refused unless the caller vouches for them.

use std::collections::BTreeSet;
use std::path::Path;

use files::{Found, FoundKind, Visitor, Walk};
use layout::{Links, Place as At, Reader};
use oci::error::Shown;
use oci::{Descriptor, Digest};

use crate::store::{Content, Store, Trouble};
use crate::{Finding, Place, Rule};

/// A layout directory.
#[derive(Debug)]
pub struct Directory {
    reader: Reader,
}

impl Directory {
    /// Opens the layout in `root`.
    ///
    /// # Errors
    /// It is no layout, or its index is not sound.
    pub fn open(root: &Path, links: Links) -> Result<Self, Trouble> {
        let reader = Reader::open(root, links)?;
        Ok(Directory { reader })
    }
}

impl From<Reader> for Directory {
    fn from(reader: Reader) -> Self {
        Directory { reader }
    }
}

impl Store for Directory {
    fn roots(&self) -> &[Descriptor] {
        &self.reader.index().manifests
    }

    fn document(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, Trouble> {
        Ok(self.reader.document(descriptor, limit)?)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Content<'_>, Trouble> {
        match self.reader.place(descriptor)? {
            At::File(path) => Ok(Content::Bytes(Box::new(files::open(&path)?.file))),
            At::Bytes(bytes) => Ok(Content::Bytes(Box::new(std::io::Cursor::new(bytes)))),
            At::Absent(_) => Ok(Content::Absent),
        }
    }

    fn is_absent(&self, digest: &Digest) -> bool {
        let sparse = self.reader.sparse();
        sparse.is_some_and(|sparse| sparse.get(digest).is_some())
    }

    fn leftovers(&self, referred: &BTreeSet<Digest>) -> Result<Vec<Finding>, Trouble> {
        let mut names = Names(Vec::new());
        let root = self.reader.root().join("blobs");
        if files::exists(&root) {
            let links = files::Links::Keep;
            Walk { root: &root, links }.run(&mut names)?;
        }
        let whole = |rule, message| Finding::new(rule, Place::Whole, message);
        let mut findings = Vec::new();
        for name in names.0 {
            match name.replacen('/', ":", 1).parse::<Digest>() {
                Ok(digest) if referred.contains(&digest) => {}
                Ok(digest) => findings.push(whole(
                    Rule::Unreferenced,
                    format!("nothing refers to the blob {digest}"),
                )),
                Err(_) => findings.push(whole(
                    Rule::Unreferenced,
                    format!("the file `{}` is no blob", Shown::new(name)),
                )),
            }
        }
        if let Some(sparse) = self.reader.sparse() {
            for absent in sparse.absent() {
                if !referred.contains(&absent.digest) {
                    findings.push(whole(
                        Rule::Unreferenced,
                        format!(
                            "nothing refers to the blob {}, which `sparse.json` says is absent",
                            absent.digest
                        ),
                    ));
                }
            }
        }
        Ok(findings)
    }
}

/// All that is below `blobs` and no folder.
struct Names(Vec<String>);

impl Visitor for Names {
    type Error = files::Error;

    fn wants(&mut self, _: &[u8]) -> bool {
        true
    }

    fn found(&mut self, found: Found) -> files::Result<()> {
        if found.kind != FoundKind::Directory {
            let name = String::from_utf8_lossy(found.relative).into_owned();
            self.0.push(name);
        }
        Ok(())
    }
}

//! A layer of one side, read to its end: its shape, its tar, a few of its texts. Nothing is told of bytes that are not
//! those of its descriptor.

use std::collections::BTreeMap;
use std::io::{self, Read};

use inspect::tape::Fault;
use inspect::{Content, Trouble, pass};
use oci::{Algorithm, Descriptor, Digest, Hasher, RawPath};

use super::{Side, codec, content, tar};
use crate::error::Result;

/// A layer, or another blob of a manifest.
pub(super) struct Blob<'a> {
    pub(super) side: &'a Side<'a>,
    pub(super) descriptor: &'a Descriptor,
}

impl Blob<'_> {
    /// Nothing where the blob is elsewhere.
    fn with<T>(
        &self,
        read: impl FnOnce(Box<dyn Read + '_>) -> std::result::Result<T, Trouble>,
    ) -> Result<Option<T>> {
        match self.side.blob(self.descriptor)? {
            Content::Absent => Ok(None),
            Content::Bytes(reader) => read(reader)
                .map(Some)
                .map_err(|trouble| self.side.trouble(trouble)),
        }
    }

    fn unpacked<T>(
        &self,
        read: impl FnOnce(&mut dyn Read) -> std::result::Result<T, Fault>,
    ) -> Result<Option<T>> {
        self.with(|reader| pass::unpacked(reader, self.descriptor, None, read))
    }

    /// How it is compressed.
    pub(super) fn shape(&self) -> Result<Option<codec::Shape>> {
        let limit = pass::limit(self.descriptor);
        self.with(|reader| {
            pass::whole(reader, self.descriptor, |raw| {
                codec::shape(raw, limit).map_err(Fault::Io)
            })
        })
    }

    /// What it unpacks to, whatever it is called.
    pub(super) fn tar(&self) -> Result<Option<tar::Contents>> {
        self.unpacked(|reader| tar::read(reader))
    }

    /// The digest of what it unpacks to.
    pub(super) fn diff_id(&self, algorithm: Algorithm) -> Result<Option<Digest>> {
        self.unpacked(|reader| {
            let mut hasher = Hasher::new(algorithm);
            let mut buffer = vec![0; 64 << 10];
            loop {
                match reader.read(&mut buffer) {
                    Ok(0) => return Ok(hasher.finish()),
                    Ok(read) => hasher.update(&buffer[..read]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(Fault::Io(error)),
                }
            }
        })
    }

    /// The content of small files of it.
    pub(super) fn texts(&self, paths: &[RawPath]) -> Result<BTreeMap<RawPath, Vec<u8>>> {
        let texts = self.unpacked(|reader| tar::contents(reader, paths, content::LIMIT))?;
        Ok(texts.unwrap_or_default())
    }

    /// All of it, where it is small; read to its end in any case.
    pub(super) fn small(&self) -> Result<Option<Option<Vec<u8>>>> {
        self.with(|reader| {
            pass::whole(reader, self.descriptor, |raw| {
                let mut bytes = Vec::new();
                if self.descriptor.size <= content::LIMIT {
                    raw.read_to_end(&mut bytes).map_err(Fault::Io)?;
                    return Ok(Some(bytes));
                }
                Ok(None)
            })
        })
    }
}

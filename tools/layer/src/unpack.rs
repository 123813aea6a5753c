//! From an archive on disk to a file that holds the plain tar: the archive itself, or a scratch file
//! without a name, beside the output, that it is unpacked into within the limits of the request.
//!
//! What it is compressed with is seen from its first bytes, never from its name.

use crate::error::{Error, Result};
use crate::item::disk_path;
use crate::request::Limits;
use flate2::bufread::GzDecoder;
use oci::RawPath;
use std::fs::File;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Below this many unpacked bytes the ratio is not looked at: small archives of zeros are common.
const RATIO_FROM: u64 = 64 << 20;
/// Windows of zstd frames up to 128 MiB, as `zstd --long` makes and most readers take.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Opens an archive as a plain tar; `entry` is what errors call the entry that names it.
///
/// # Errors
/// [`Error::ArchiveOpen`], [`Error::Archive`], [`Error::ArchiveFormat`], [`Error::Bomb`].
pub(crate) fn open(archive: &RawPath, entry: &str, limits: Limits, output: &Path) -> Result<File> {
    Packed { archive, entry }.open(limits, output)
}

/// What errors need to know.
struct Packed<'a> {
    archive: &'a RawPath,
    entry: &'a str,
}

impl Packed<'_> {
    /// A file that holds the plain tar: the archive itself, or a scratch file.
    fn open(&self, limits: Limits, output: &Path) -> Result<File> {
        let path = disk_path(self.archive);
        let input = |source| Error::ArchiveOpen {
            archive: self.archive.clone(),
            entry: self.entry.to_owned(),
            source,
        };
        let files::Source { mut file, size, .. } = files::open(path).map_err(input)?;
        let mut magic = [0; 6];
        let known = file.read(&mut magic).map_err(|e| self.io(e))?;
        file.seek(SeekFrom::Start(0)).map_err(|e| self.io(e))?;
        let format = |format| Error::ArchiveFormat {
            archive: self.archive.clone(),
            entry: self.entry.to_owned(),
            format,
        };
        match &magic[..known] {
            [0x1f, 0x8b, ..] => {
                self.unpack(Members::new(io::BufReader::new(file)), size, limits, output)
            }
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                let mut decoder = zstd::stream::read::Decoder::new(file).map_err(|e| self.io(e))?;
                decoder
                    .window_log_max(ZSTD_WINDOW_LOG)
                    .map_err(|e| self.io(e))?;
                self.unpack(decoder, size, limits, output)
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0] => Err(format("xz")),
            [b'B', b'Z', b'h', ..] => Err(format("bzip2")),
            [0x04, 0x22, 0x4d, 0x18, ..] => Err(format("lz4")),
            _ => Ok(file),
        }
    }

    /// Unpacks into a scratch file beside the output, within the limits.
    fn unpack(
        &self,
        mut from: impl Read,
        packed: u64,
        limits: Limits,
        output: &Path,
    ) -> Result<File> {
        let mut scratch = files::scratch(output)?;
        let mut buffer = vec![0; 256 << 10];
        let mut unpacked = 0u64;
        loop {
            let count = match from.read(&mut buffer) {
                Ok(0) => return Ok(scratch),
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(self.io(e)),
            };
            unpacked += count as u64;
            let over_size = unpacked > limits.unpacked_bytes;
            let over_ratio =
                unpacked > RATIO_FROM && unpacked / limits.ratio.max(1) > packed.max(1);
            if over_size || over_ratio {
                let limit = if over_size {
                    format!("`limits.unpacked_bytes` {}", limits.unpacked_bytes)
                } else {
                    format!("`limits.ratio` {}", limits.ratio)
                };
                return Err(Error::Bomb {
                    archive: self.archive.clone(),
                    entry: self.entry.to_owned(),
                    packed,
                    unpacked,
                    limit,
                });
            }
            scratch
                .write_all(&buffer[..count])
                .map_err(|source| files::Error::writing(output, source))?;
        }
    }

    fn io(&self, source: io::Error) -> Error {
        Error::Archive {
            archive: self.archive.clone(),
            entry: self.entry.to_owned(),
            source,
        }
    }
}

/// The members of a gzip file, one after the other (RFC 1952, section 2.2), and nothing else: what
/// follows the last one would be lost without a word.
struct Members<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Members<R> {
    fn new(from: R) -> Self {
        Self(Some(GzDecoder::new(from)))
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(member) = &mut self.0 else {
                return Ok(0);
            };
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(mut rest) = self.0.take().map(GzDecoder::into_inner) else {
                return Ok(0);
            };
            match rest.fill_buf()? {
                [] => return Ok(0),
                [0x1f, ..] => self.0 = Some(GzDecoder::new(rest)),
                _ => return Err(io::Error::new(io::ErrorKind::InvalidData, AFTER)),
            }
        }
    }
}

/// Said of what is found after the last member.
const AFTER: &str = "bytes that are not gzip follow the last gzip member";

//! Codecs: named, frozen ways to compress.
//!
//! A codec cuts the tar into blocks of a fixed size and compresses each on its own, so that
//! threads can share the work. What a block becomes is a pure function of its bytes, the level and
//! the pinned library: no state goes from one block to the next, no thread count, no CPU feature.
//! Both formats say that members (RFC 1952 section 2.2) or frames (RFC 8878 section 3.1) may
//! follow one another.
//!
//! `tests::codecs_are_frozen` holds digests of what each level writes. If it fails, a library has
//! changed: that is a new codec id, not a new digest.

use crate::error::Error;
use crate::request::Codec;
use libdeflater::{CompressionLvl, Compressor};
use oci::media_type::{OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD};
use std::cell::RefCell;

impl Codec {
    /// The codec's name, as requests and receipts have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::GzipV1(_) => "gzip-v1",
            Self::ZstdV1(_) => "zstd-v1",
        }
    }

    /// The level, where there is one.
    pub(crate) fn level(self) -> Option<u8> {
        match self {
            Self::None => None,
            Self::GzipV1(gzip) => Some(gzip.level),
            Self::ZstdV1(zstd) => Some(zstd.level),
        }
    }

    /// The media type of a layer (image specification, layer.md).
    pub(crate) fn media_type(self) -> oci::MediaType {
        match self {
            Self::None => oci::MediaType::known(OCI_LAYER),
            Self::GzipV1(_) => oci::MediaType::known(OCI_LAYER_GZIP),
            Self::ZstdV1(_) => oci::MediaType::known(OCI_LAYER_ZSTD),
        }
    }

    /// Bytes of a block. For `none` it has no meaning for the output.
    pub(crate) fn block_size(self) -> usize {
        match self {
            Self::None => 256 << 10,
            Self::GzipV1(_) => 1 << 20,
            Self::ZstdV1(_) => 4 << 20,
        }
    }

    /// Checks the level.
    ///
    /// # Errors
    /// [`Error::Level`].
    pub(crate) fn check(self) -> Result<(), Error> {
        let (level, largest) = match self {
            Self::None => return Ok(()),
            Self::GzipV1(gzip) => (gzip.level, 12),
            Self::ZstdV1(zstd) => (zstd.level, 19),
        };
        if (1..=largest).contains(&level) {
            Ok(())
        } else {
            Err(Error::Level {
                codec: self.name(),
                level,
                largest,
            })
        }
    }

    /// Compresses one block into `out`, whose content is replaced.
    ///
    /// Both libraries fail only where `out` is too small or memory is short; a level that
    /// [`Codec::check`] let pass and a buffer of the library's own bound leave the latter.
    pub(crate) fn compress(self, block: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::None => {
                out.clear();
                out.extend_from_slice(block);
            }
            Self::GzipV1(gzip) => compress_gzip(gzip.level, block, out),
            Self::ZstdV1(zstd) => compress_zstd(zstd.level, block, out),
        }
    }
}

fn compress_gzip(level: u8, block: &[u8], out: &mut Vec<u8>) {
    thread_local! {
        /// libdeflate starts anew with each call, so a compressor can serve many blocks.
        static COMPRESSOR: RefCell<Option<(u8, Compressor)>> = const { RefCell::new(None) };
    }
    COMPRESSOR.with_borrow_mut(|slot| {
        if slot.as_ref().is_none_or(|(had, _)| *had != level) {
            let checked = CompressionLvl::new(level.into()).expect("checked by Codec::check");
            *slot = Some((level, Compressor::new(checked)));
        }
        let (_, compressor) = slot.as_mut().expect("filled above");
        out.resize(compressor.gzip_compress_bound(block.len()), 0);
        let size = compressor
            .gzip_compress(block, out)
            .expect("the buffer has the size that the library bounds its output by");
        out.truncate(size);
    });
}

fn compress_zstd(level: u8, block: &[u8], out: &mut Vec<u8>) {
    // A new context for each block: nothing of an earlier block can reach this one.
    let mut compressor = zstd::bulk::Compressor::new(level.into())
        .expect("the level is checked by Codec::check, and a context is small");
    out.resize(zstd::zstd_safe::compress_bound(block.len()), 0);
    let size = compressor
        .compress_to_buffer(block, &mut out[..])
        .expect("the buffer has the size that the library bounds its output by");
    out.truncate(size);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{GzipV1, ZstdV1};
    use oci::Digest;
    use std::fmt::Write;

    /// Bytes that look like a mix of text, numbers and noise, the same for ever.
    fn sample(size: usize) -> Vec<u8> {
        let mut state = 0x9E37_79B9_7F4A_7C15u64;
        let mut out = Vec::with_capacity(size);
        while out.len() < size {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            match state % 4 {
                0 => out.extend_from_slice(&state.to_le_bytes()),
                1 => out.extend_from_slice(b"the same request and the same input bytes "),
                2 => out.extend_from_slice((state % 1000).to_string().as_bytes()),
                _ => out.resize(out.len() + (state >> 32) as usize % 64, 0),
            }
        }
        out.truncate(size);
        out
    }

    #[test]
    fn codecs_are_frozen() {
        let block = sample(3 << 20);
        let mut table = String::new();
        let gzip = (1..=12).map(|level| Codec::GzipV1(GzipV1 { level }));
        let zstd = (1..=19).map(|level| Codec::ZstdV1(ZstdV1 { level }));
        for codec in gzip.chain(zstd) {
            let mut out = vec![];
            codec.compress(&block[..codec.block_size().min(block.len())], &mut out);
            let level = codec.level().unwrap();
            writeln!(
                table,
                "{} {level} {} {}",
                codec.name(),
                out.len(),
                Digest::of(&out)
            )
            .unwrap();
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/codec.frozen");
        golden::check(path.as_ref(), &table, "other bytes are a new codec");
    }

    #[test]
    fn a_block_does_not_know_those_before_it() {
        let block = sample(1 << 20);
        for codec in [
            Codec::GzipV1(GzipV1 { level: 6 }),
            Codec::ZstdV1(ZstdV1 { level: 9 }),
        ] {
            let (mut fresh, mut other, mut again) = (vec![], vec![], vec![]);
            codec.compress(&block, &mut fresh);
            codec.compress(&block[1000..], &mut other);
            codec.compress(&block, &mut again);
            assert!(fresh == again);
        }
    }

    #[test]
    fn what_is_compressed_comes_back() {
        use std::io::Read;
        let block = sample(1 << 20);
        let mut out = vec![];
        Codec::GzipV1(GzipV1 { level: 6 }).compress(&block, &mut out);
        let twice = [&out[..], &out[..]].concat();
        let mut back = vec![];
        flate2::read::MultiGzDecoder::new(&twice[..])
            .read_to_end(&mut back)
            .unwrap();
        assert!(back == [&block[..], &block[..]].concat());
        Codec::ZstdV1(ZstdV1 { level: 3 }).compress(&block, &mut out);
        let twice = [&out[..], &out[..]].concat();
        assert!(zstd::decode_all(&twice[..]).unwrap() == [&block[..], &block[..]].concat());
    }

    #[test]
    fn gzip_headers_tell_nothing_of_the_machine() {
        let mut out = vec![];
        Codec::GzipV1(GzipV1 { level: 6 }).compress(b"x", &mut out);
        // RFC 1952: magic, deflate, no flags, no time, level hint, unknown system.
        assert_eq!(out[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
    }

    #[test]
    fn levels_are_checked() {
        assert!(Codec::GzipV1(GzipV1 { level: 12 }).check().is_ok());
        assert!(Codec::GzipV1(GzipV1 { level: 0 }).check().is_err());
        assert!(Codec::ZstdV1(ZstdV1 { level: 20 }).check().is_err());
    }
}

//! From a layer's bytes to its tar, with its end looked at: nothing may follow.

use std::io::{self, BufReader, Read};

use oci::media_type::Compression;
use oci::{Algorithm, Digest, Hasher};

/// The largest window of zstd that is in use: 128 MiB.
const WINDOW_LOG: u32 = 27;

/// What was read through a [`Tee`].
pub struct Tee<R> {
    inner: R,
    hasher: Hasher,
    bytes: u64,
    first: Vec<u8>,
}

impl<R: Read> Tee<R> {
    /// Hashes what is read from `inner`.
    pub fn new(inner: R, algorithm: Algorithm) -> Self {
        Tee {
            inner,
            hasher: Hasher::new(algorithm),
            bytes: 0,
            first: Vec::new(),
        }
    }

    /// How many bytes have been read.
    pub fn length(&self) -> u64 {
        self.bytes
    }

    /// The first bytes, at most 32.
    pub fn first(&self) -> &[u8] {
        &self.first
    }

    /// Reads on to the end.
    ///
    /// # Errors
    /// The reader's.
    pub fn drain(&mut self) -> io::Result<()> {
        io::copy(self, &mut io::sink()).map(drop)
    }

    /// The digest of what has been read.
    pub fn finish(self) -> Digest {
        self.hasher.finish()
    }
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.bytes += read as u64;
        if self.first.len() < 32 {
            let wanted = (32 - self.first.len()).min(read);
            self.first.extend_from_slice(&buffer[..wanted]);
        }
        Ok(read)
    }
}

/// What bytes are, by how they begin (RFC 1952, RFC 8878): never by the name that somebody gave them.
pub fn sniff(first: &[u8]) -> Compression {
    match first {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        // A skippable frame.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        _ => Compression::None,
    }
}

/// What `reader` unpacks to. Gzip may be of several members, zstd of several frames.
///
/// # Errors
/// The decoder cannot be made.
pub fn unpack<'a>(
    reader: impl Read + 'a,
    compression: Compression,
) -> io::Result<Box<dyn Read + 'a>> {
    let reader = BufReader::with_capacity(128 << 10, reader);
    Ok(match compression {
        Compression::None => Box::new(reader),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)?;
            decoder.window_log_max(WINDOW_LOG)?;
            Box::new(decoder)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        unpack(bytes, compression)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn members_and_frames() {
        let two = [gzip(b"a"), gzip(b"b")].concat();
        assert_eq!(sniff(&two), Compression::Gzip);
        assert_eq!(read(&two, Compression::Gzip).unwrap(), b"ab");
        let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
        let two = [zstd(b"a"), zstd(b"b")].concat();
        assert_eq!(sniff(&two), Compression::Zstd);
        assert_eq!(read(&two, Compression::Zstd).unwrap(), b"ab");
        assert_eq!(sniff(b"plain"), Compression::None);
    }

    #[test]
    fn nothing_may_follow() {
        let mut after = gzip(b"a");
        after.extend(b"garbage");
        assert!(read(&after, Compression::Gzip).is_err());
        let mut after = zstd::encode_all(&b"a"[..], 1).unwrap();
        after.extend(b"garbage");
        assert!(read(&after, Compression::Zstd).is_err());
        let cut = &gzip(b"abcdefgh")[..20];
        assert!(read(cut, Compression::Gzip).is_err());
    }

    #[test]
    fn a_tee_hashes_what_passes() {
        let mut tee = Tee::new(&b"abc"[..], Algorithm::Sha256);
        tee.drain().unwrap();
        assert_eq!((tee.length(), tee.first()), (3, &b"abc"[..]));
        assert_eq!(tee.finish(), Digest::of(b"abc"));
    }
}

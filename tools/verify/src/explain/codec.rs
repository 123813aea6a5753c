//! How a blob is compressed: its members or frames, without what is in them.
//!
//! Two blobs of one tar differ by the algorithm, by what a header says, by where members, frames or flushes
//! are, or else by how hard the compressor tried.

use std::io::{self, BufRead, Read};

use inspect::unpack::sniff;
use oci::media_type::Compression;
use oci::{Algorithm, Digest, Hasher};

use super::{Cause, Kind};

/// One member of gzip, or one frame of zstd.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    /// What its header says, without a hint at the level.
    header: String,
    /// Bytes that it unpacks to, where that is known without unpacking.
    unpacked: Option<u64>,
    /// Empty blocks that a flush leaves, or blocks.
    flushes: u64,
    digest: Digest,
}

/// A compressed blob.
pub(super) struct Shape {
    compression: Compression,
    pieces: Vec<Piece>,
    /// How many there are, also where the last of them stands for the rest.
    count: u64,
    size: u64,
}

/// The most members or frames that are kept one by one.
const PIECES: usize = 1 << 16;

/// Reads a blob to its end. Its members may unpack to `limit` bytes.
///
/// # Errors
/// It is damaged, or a bomb.
pub(super) fn shape(reader: impl Read, limit: u64) -> io::Result<Shape> {
    let mut reader = Watch {
        inner: io::BufReader::with_capacity(128 << 10, reader),
        hasher: Hasher::new(Algorithm::Sha256),
        total: 0,
        tail: [1; 4],
        flushes: 0,
    };
    let compression = sniff(reader.fill_buf()?);
    let mut pieces: Vec<Piece> = Vec::new();
    let (mut left, mut count) = (limit, 0);
    match compression {
        Compression::None => _ = io::copy(&mut reader, &mut io::sink())?,
        Compression::Gzip => {
            while !reader.fill_buf()?.is_empty() {
                let piece = member(&mut reader, left)?;
                left = match left.checked_sub(piece.unpacked.unwrap_or_default()) {
                    Some(left) => left,
                    None => return Err(inspect::pass::bomb(limit)),
                };
                count += 1;
                keep(&mut pieces, piece);
            }
        }
        Compression::Zstd => {
            while !reader.fill_buf()?.is_empty() {
                count += 1;
                keep(&mut pieces, frame(&mut reader)?);
            }
        }
    }
    Ok(Shape {
        compression,
        pieces,
        count,
        size: reader.total,
    })
}

/// One piece more; where there are very many, the last stands for the rest.
fn keep(pieces: &mut Vec<Piece>, piece: Piece) {
    let is_full = pieces.len() >= PIECES;
    let Some(last) = pieces.last_mut().filter(|_| is_full) else {
        pieces.push(piece);
        return;
    };
    let mut hasher = Hasher::new(Algorithm::Sha256);
    for text in [&last.digest.hex(), &piece.digest.hex(), &piece.header] {
        hasher.update(text.as_bytes());
    }
    last.digest = hasher.finish();
    last.unpacked = last
        .unpacked
        .zip(piece.unpacked)
        .map(|(a, b)| a.saturating_add(b));
    last.flushes = last.flushes.saturating_add(piece.flushes);
}

/// What makes two blobs of one tar differ.
pub(super) fn compare(first: &Shape, second: &Shape) -> Vec<Cause> {
    let size = first.size.max(second.size);
    let bytes = |shape: &Shape| format!("{} bytes", shape.size);
    if first.compression != second.compression {
        let word = |shape: &Shape| match shape.compression {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        };
        return vec![
            Cause::new(Kind::CompressorAlgorithm, "")
                .between(word(first), word(second))
                .of(size),
        ];
    }
    let mut causes = Vec::new();
    let (one, two) = (&first.pieces, &second.pieces);
    let partition = |pieces: &[Piece]| -> Vec<Option<u64>> {
        pieces.iter().map(|piece| piece.unpacked).collect()
    };
    let word = match first.compression {
        Compression::Zstd => "frames",
        _ => "members",
    };
    let same_parts = first.count == second.count && partition(one) == partition(two);
    let flushes = |pieces: &[Piece]| pieces.iter().map(|piece| piece.flushes).sum::<u64>();
    let gzip = first.compression == Compression::Gzip;
    if !same_parts || gzip && flushes(one) != flushes(two) {
        let text = |shape: &Shape| match gzip {
            true => format!("{} {word}, {} flushes", shape.count, flushes(&shape.pieces)),
            false => format!("{} {word}", shape.count),
        };
        causes.push(
            Cause::new(Kind::CompressorFlush, "")
                .between(text(first), text(second))
                .of(size),
        );
    }
    let differ = one.iter().zip(two).find(|(a, b)| a.header != b.header);
    if let Some((a, b)) = differ.filter(|_| same_parts) {
        causes.push(
            Cause::new(Kind::CompressorHeader, "")
                .between(&a.header, &b.header)
                .of(18),
        );
    }
    let other_blocks = one.iter().zip(two).any(|(a, b)| a.digest != b.digest);
    if causes.is_empty() || same_parts && other_blocks && flushes(one) == flushes(two) {
        causes.push(
            Cause::new(Kind::CompressorLevel, "")
                .between(bytes(first), bytes(second))
                .of(size),
        );
    }
    causes
}

/// One member (RFC 1952), as far as it unpacks to one byte more than `limit`.
fn member(reader: &mut Watch<impl BufRead>, limit: u64) -> io::Result<Piece> {
    reader.start();
    let mut fixed = [0; 10];
    reader.read_exact(&mut fixed)?;
    if fixed[..3] != [0x1f, 0x8b, 8] {
        return Err(damaged("it is no member of gzip"));
    }
    let flags = fixed[3];
    let mtime = u32::from_le_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
    let mut header = format!("time {mtime}, system {}, flags {flags}", fixed[9]);
    if flags & 4 != 0 {
        let mut length = [0; 2];
        reader.read_exact(&mut length)?;
        let mut extra = vec![0; usize::from(u16::from_le_bytes(length))];
        reader.read_exact(&mut extra)?;
        header.push_str(&format!(", extra {}", Digest::of(&extra)));
    }
    for (flag, word) in [(8, "name"), (16, "comment")] {
        if flags & flag != 0 {
            let mut text = Vec::new();
            (&mut *reader).take(64 << 10).read_until(0, &mut text)?;
            header.push_str(&format!(
                ", {word} `{}`",
                String::from_utf8_lossy(&text).trim_end_matches('\0')
            ));
        }
    }
    if flags & 2 != 0 {
        reader.read_exact(&mut [0; 2])?;
    }
    reader.start();
    let blocks = flate2::bufread::DeflateDecoder::new(&mut *reader);
    let unpacked = io::copy(&mut blocks.take(limit.saturating_add(1)), &mut io::sink())?;
    let mut piece = reader.piece(header);
    piece.unpacked = Some(unpacked);
    if unpacked > limit {
        return Ok(piece);
    }
    // CRC and size: the same for the same content.
    reader.read_exact(&mut [0; 8])?;
    Ok(piece)
}

/// One frame (RFC 8878, section 3.1).
fn frame(reader: &mut Watch<impl BufRead>) -> io::Result<Piece> {
    reader.start();
    let mut magic = [0; 4];
    reader.read_exact(&mut magic)?;
    let magic = u32::from_le_bytes(magic);
    let skip = |reader: &mut Watch<_>, count: u64| -> io::Result<()> {
        match io::copy(&mut Read::take(reader, count), &mut io::sink())? == count {
            true => Ok(()),
            false => Err(damaged("it is cut off")),
        }
    };
    if magic & 0xffff_fff0 == 0x184d_2a50 {
        let mut size = [0; 4];
        reader.read_exact(&mut size)?;
        skip(reader, u64::from(u32::from_le_bytes(size)))?;
        return Ok(reader.piece(format!("skippable {}", magic & 15)));
    }
    if magic != 0xfd2f_b528 {
        return Err(damaged("it is no frame of zstd"));
    }
    let mut descriptor = [0; 1];
    reader.read_exact(&mut descriptor)?;
    let descriptor = descriptor[0];
    let (single, checksum) = (descriptor & 0x20 != 0, descriptor & 4 != 0);
    let mut window = [0; 1];
    if !single {
        reader.read_exact(&mut window)?;
    }
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    skip(reader, dictionary)?;
    let width = match descriptor >> 6 {
        0 if single => 1,
        0 => 0,
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let mut size = [0; 8];
    reader.read_exact(&mut size[..width])?;
    let unpacked = match width {
        0 => None,
        2 => Some(u64::from_le_bytes(size) + 256),
        _ => Some(u64::from_le_bytes(size)),
    };
    // The window is a hint at the level.
    let header = format!("checksum {checksum}, single segment {single}, {width} bytes of size");
    reader.start();
    let mut count = 0;
    loop {
        let mut head = [0; 4];
        reader.read_exact(&mut head[..3])?;
        let head = u32::from_le_bytes(head);
        count += 1;
        match (head >> 1) & 3 {
            1 => skip(reader, 1)?,
            3 => return Err(damaged("a block of a reserved type")),
            _ => skip(reader, u64::from(head >> 3))?,
        }
        if head & 1 != 0 {
            break;
        }
    }
    let mut piece = reader.piece(header);
    piece.unpacked = unpacked;
    piece.flushes = count;
    skip(reader, if checksum { 4 } else { 0 })?;
    Ok(piece)
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Hashes and counts what is taken.
struct Watch<R> {
    inner: R,
    hasher: Hasher,
    total: u64,
    tail: [u8; 4],
    flushes: u64,
}

impl<R: BufRead> Watch<R> {
    fn start(&mut self) {
        self.hasher = Hasher::new(Algorithm::Sha256);
        (self.flushes, self.tail) = (0, [1; 4]);
    }

    fn piece(&mut self, header: String) -> Piece {
        let hasher = std::mem::replace(&mut self.hasher, Hasher::new(Algorithm::Sha256));
        Piece {
            header,
            unpacked: None,
            flushes: self.flushes,
            digest: hasher.finish(),
        }
    }
}

impl<R: BufRead> Read for Watch<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let found = self.fill_buf()?;
        let count = found.len().min(buffer.len());
        buffer[..count].copy_from_slice(&found[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Watch<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        if let Ok(found) = self.inner.fill_buf() {
            let taken = &found[..count.min(found.len())];
            self.hasher.update(taken);
            // A flush of deflate is an empty stored block: 00 00 ff ff (RFC 1951, section 3.2.4).
            for byte in taken {
                self.tail = [self.tail[1], self.tail[2], self.tail[3], *byte];
                self.flushes += u64::from(self.tail == [0, 0, 0xff, 0xff]);
            }
        }
        self.total += count as u64;
        self.inner.consume(count);
    }
}

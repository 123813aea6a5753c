//! From the bytes of a tar to its entries, in one pass: old, ustar, GNU and pax headers, each with the
//! exact blocks that it was written with.
//!
//! It reports and does not judge: what a layer may hold is decided in [`crate::check`]. Nothing is guessed
//! after damage. Memory is bounded by one header.
//!
//! Invariant: between two entries the reader stands at a block; what [`Tape::read`] gives is the content of
//! the entry that came last and nothing else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use ustar::parse::{
    LARGEST_RECORDS, Records, XATTR, check_sum, is_posix, kind, number, path, records, text,
};
use ustar::{BLOCK, Type};

/// What a tar is read from.
pub trait Input: Read {
    /// Passes over `count` bytes; fewer where it ends before.
    ///
    /// # Errors
    /// The reader's.
    fn pass(&mut self, count: u64) -> io::Result<u64>;
}

/// A stream: what is passed over is read.
pub struct Stream<R>(pub R);

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> Input for Stream<R> {
    fn pass(&mut self, count: u64) -> io::Result<u64> {
        io::copy(&mut (&mut self.0).take(count), &mut io::sink())
    }
}

/// A file: what is passed over is not read.
pub struct Whole {
    file: File,
    size: u64,
}

impl Whole {
    /// An open file of `size` bytes.
    pub fn new(file: File, size: u64) -> Self {
        Whole { file, size }
    }
}

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Input for Whole {
    fn pass(&mut self, count: u64) -> io::Result<u64> {
        let at = self.file.stream_position()?;
        let count = count.min(self.size.saturating_sub(at));
        self.file.seek(SeekFrom::Start(at + count))?;
        Ok(count)
    }
}

/// Why there is no next entry.
#[derive(Debug)]
pub enum Fault {
    /// The reader's.
    Io(io::Error),
    /// It is not a tar, or a damaged one.
    Malformed {
        /// Where the header is.
        at: u64,
        /// What is wrong with it.
        why: String,
    },
    /// It ends too early.
    Truncated {
        /// Where the end marker, a header or content was expected.
        at: u64,
    },
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Io(error) => write!(f, "{}", oci::error::Shown::new(error.to_string())),
            Fault::Malformed { at, why } => write!(f, "{why}, at byte {at}"),
            Fault::Truncated { at } => write!(f, "it is cut off at byte {at}"),
        }
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where its first header begins.
    pub at: u64,
    /// The path, from where it is said best.
    pub path: Vec<u8>,
    /// The target of a link.
    pub link: Vec<u8>,
    /// The `typeflag` byte; 0 is `0`.
    pub flag: u8,
    /// All pax records that hold for it, global ones too.
    pub records: Records,
    /// The keys of its own pax records, as they were written.
    pub keys: Vec<Vec<u8>>,
    /// The types of the headers before its own: `x`, `g`, `L`, `K`.
    pub before: Vec<u8>,
    /// All its headers, block by block.
    pub headers: Vec<u8>,
    /// Bytes of content; 0 for what has none.
    pub size: u64,
    /// What the header says the size is.
    pub said_size: u64,
    block: [u8; BLOCK],
}

impl Entry {
    /// Its type; none for one that a layer cannot have.
    pub fn kind(&self) -> Option<Type> {
        kind(self.flag)
    }

    /// Permission bits.
    pub fn mode(&self) -> i64 {
        number(&self.block[100..108]).unwrap_or(0)
    }

    /// The owner's number.
    pub fn uid(&self) -> i64 {
        self.decimal(b"uid", 108, 116)
    }

    /// The group's number.
    pub fn gid(&self) -> i64 {
        self.decimal(b"gid", 116, 124)
    }

    /// The time as it is written: seconds, perhaps with a fraction.
    pub fn mtime(&self) -> String {
        match self.records.get(&b"mtime"[..]) {
            Some(text) => String::from_utf8_lossy(text).into_owned(),
            None => number(&self.block[136..148]).unwrap_or(0).to_string(),
        }
    }

    /// The owner's name.
    pub fn uname(&self) -> Vec<u8> {
        self.name(b"uname", 265, 297)
    }

    /// The group's name.
    pub fn gname(&self) -> Vec<u8> {
        self.name(b"gname", 297, 329)
    }

    /// Major and minor number of a device.
    pub fn device(&self) -> (i64, i64) {
        match is_posix(&self.block) {
            true => (
                number(&self.block[329..337]).unwrap_or(0),
                number(&self.block[337..345]).unwrap_or(0),
            ),
            false => (0, 0),
        }
    }

    /// Extended attributes by name.
    pub fn xattrs(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut found = BTreeMap::new();
        for (key, value) in &self.records {
            if let Some(name) = key.strip_prefix(XATTR) {
                found.insert(name.to_vec(), value.clone());
            }
        }
        found
    }

    /// `ustar`, `gnu` or `v7`, by the magic.
    pub fn format(&self) -> &'static str {
        match &self.block[257..265] {
            b"ustar\x0000" => "ustar",
            b"ustar  \0" => "gnu",
            magic if magic.starts_with(b"ustar") => "ustar-like",
            _ => "v7",
        }
    }

    fn decimal(&self, key: &[u8], from: usize, to: usize) -> i64 {
        let text = self.records.get(key);
        text.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok())
            .or_else(|| number(&self.block[from..to]))
            .unwrap_or(0)
    }

    fn name(&self, key: &[u8], from: usize, to: usize) -> Vec<u8> {
        match self.records.get(key) {
            Some(name) => name.clone(),
            None if is_posix(&self.block) => text(&self.block[from..to]).to_vec(),
            None => Vec::new(),
        }
    }
}

/// What follows the last entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Blocks of zeros.
    pub zero_blocks: u64,
    /// Bytes that are no zeros, or no whole block.
    pub other_bytes: u64,
}

/// The entries of a tar.
pub struct Tape<I> {
    input: I,
    /// How many bytes have been read or passed over.
    at: u64,
    /// Bytes of the last entry's content that are still ahead, and of its padding.
    content: u64,
    padding: u64,
    /// Whether the padding after the last content had other bytes than zeros.
    odd_padding: bool,
    global: Records,
    ended: bool,
}

impl<I: Input> Tape<I> {
    /// The tar that begins where `input` stands.
    pub fn new(input: I) -> Self {
        Tape {
            input,
            at: 0,
            content: 0,
            padding: 0,
            odd_padding: false,
            global: Records::new(),
            ended: false,
        }
    }

    /// Where the next byte is: right after [`Tape::entry`], the content of that entry.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Whether the padding that was read last had other bytes than zeros.
    pub fn odd_padding(&self) -> bool {
        self.odd_padding
    }

    /// The next entry; none at the end marker. What is left of the last one's content is passed over.
    ///
    /// # Errors
    /// [`Fault`]; after one there is nothing more to be had.
    pub fn entry(&mut self) -> Result<Option<Entry>, Fault> {
        self.finish_content()?;
        if self.ended {
            return Ok(None);
        }
        let first = self.at;
        let (mut headers, mut before, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        let mut local = Records::new();
        let (mut long_name, mut long_link) = (None, None);
        loop {
            let at = self.at;
            let block = self.block()?;
            if block == [0; BLOCK] {
                self.ended = true;
                return match before.iter().all(|flag| *flag == b'g') {
                    true => Ok(None),
                    false => Err(malformed(
                        at,
                        "it ends after a header that is about an entry",
                    )),
                };
            }
            check_sum(&block).map_err(|why| malformed(at, why))?;
            let size = number(&block[124..136]).and_then(|size| u64::try_from(size).ok());
            let size = size.ok_or_else(|| malformed(at, "the size is not a number"))?;
            headers.extend_from_slice(&block);
            let flag = if block[156] == 0 { b'0' } else { block[156] };
            match flag {
                b'x' | b'g' | b'L' | b'K' => {
                    let data = self.data(size, at)?;
                    headers.extend_from_slice(&data);
                    let body = &data[..usize::try_from(size).expect("at most 1 MiB")];
                    match flag {
                        b'x' => {
                            keys.extend(records(body, &mut local).map_err(|w| malformed(at, w))?)
                        }
                        b'g' => {
                            drop(records(body, &mut self.global).map_err(|w| malformed(at, w))?)
                        }
                        b'L' => long_name = Some(text(body).to_vec()),
                        _ => long_link = Some(text(body).to_vec()),
                    }
                    before.push(flag);
                }
                _ => {
                    let mut all = self.global.clone();
                    all.append(&mut local);
                    let given = |key: &[u8]| all.get(key).filter(|v| !v.is_empty()).cloned();
                    let path = given(b"path").or(long_name).unwrap_or_else(|| path(&block));
                    let link = given(b"linkpath").or(long_link);
                    let link = link.unwrap_or_else(|| text(&block[157..257]).to_vec());
                    let said_size = match given(b"size") {
                        None => size,
                        Some(size) => std::str::from_utf8(&size)
                            .ok()
                            .and_then(|size| size.parse().ok())
                            .ok_or_else(|| malformed(at, "the pax size is not a number"))?,
                    };
                    // As every reader of layers has it: links, devices, directories and fifos have no content.
                    let size = match flag {
                        b'1'..=b'6' => 0,
                        _ => said_size,
                    };
                    if size.checked_next_multiple_of(BLOCK as u64).is_none() {
                        return Err(malformed(at, "the size is too large"));
                    }
                    self.content = size;
                    self.padding = ustar::padding(size) as u64;
                    return Ok(Some(Entry {
                        at: first,
                        path,
                        link,
                        flag,
                        records: all,
                        keys,
                        before,
                        headers,
                        size,
                        said_size,
                        block,
                    }));
                }
            }
        }
    }

    /// Reads of the last entry's content: nothing at its end.
    ///
    /// # Errors
    /// The reader's; a content that is cut off.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        let wanted = usize::try_from(self.content)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        match self.input.read(&mut buffer[..wanted]).map_err(Fault::Io)? {
            0 => Err(Fault::Truncated { at: self.at }),
            read => {
                self.content -= read as u64;
                self.at += read as u64;
                Ok(read)
            }
        }
    }

    /// Reads what follows the end marker, to the last byte.
    ///
    /// # Errors
    /// The reader's.
    pub fn finish(mut self) -> Result<End, Fault> {
        let mut end = End {
            zero_blocks: u64::from(self.ended),
            other_bytes: 0,
        };
        let mut block = [0; BLOCK];
        loop {
            let read = fill(&mut self.input, &mut block).map_err(Fault::Io)?;
            if read == 0 {
                return Ok(end);
            }
            let zeros = block[..read].iter().all(|byte| *byte == 0);
            match read == BLOCK && zeros {
                true => end.zero_blocks += 1,
                false => end.other_bytes += read as u64,
            }
        }
    }

    fn finish_content(&mut self) -> Result<(), Fault> {
        let wanted = std::mem::take(&mut self.content);
        let passed = self.input.pass(wanted).map_err(Fault::Io)?;
        self.at += passed;
        if passed != wanted {
            return Err(Fault::Truncated { at: self.at });
        }
        let mut padding = [0; BLOCK];
        let count = usize::try_from(std::mem::take(&mut self.padding)).expect("less than a block");
        let read = fill(&mut self.input, &mut padding[..count]).map_err(Fault::Io)?;
        self.at += read as u64;
        if read != count {
            return Err(Fault::Truncated { at: self.at });
        }
        self.odd_padding = padding[..count].iter().any(|byte| *byte != 0);
        Ok(())
    }

    fn block(&mut self) -> Result<[u8; BLOCK], Fault> {
        let mut block = [0; BLOCK];
        let read = fill(&mut self.input, &mut block).map_err(Fault::Io)?;
        let at = self.at;
        self.at += read as u64;
        match read {
            BLOCK => Ok(block),
            _ => Err(Fault::Truncated { at }),
        }
    }

    /// The content of a header that is about another one, with its padding.
    fn data(&mut self, size: u64, at: u64) -> Result<Vec<u8>, Fault> {
        if size > LARGEST_RECORDS {
            let why = format!("a header of {size} bytes, and the most is {LARGEST_RECORDS}");
            return Err(malformed(at, why));
        }
        let size = size.next_multiple_of(BLOCK as u64);
        let mut data = vec![0; usize::try_from(size).expect("at most 1 MiB")];
        let read = fill(&mut self.input, &mut data).map_err(Fault::Io)?;
        self.at += read as u64;
        match read == data.len() {
            true => Ok(data),
            false => Err(Fault::Truncated { at: self.at }),
        }
    }
}

/// Fills a buffer as far as there is something.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut have = 0;
    while have < buffer.len() {
        match input.read(&mut buffer[have..]) {
            Ok(0) => break,
            Ok(read) => have += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(have)
}

fn malformed(at: u64, why: impl Into<String>) -> Fault {
    Fault::Malformed {
        at,
        why: why.into(),
    }
}

#[cfg(test)]
mod tests;

//! From the blocks of a plain tar to its entries: old, ustar, GNU and pax headers.
//!
//! A reader of its own, because an archive that two readers take apart in two ways is a trap: pax
//! records are cut by their lengths (the value of an extended attribute may hold a newline), global
//! records hold for what follows, every checksum is checked, and nothing is guessed after damage.
//! What an entry may be is not decided here.
//!
//! Invariant: entries come in the archive's order, each with the exact place of its content, which
//! lies within the file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use ustar::parse::{
    LARGEST_RECORDS, Records, XATTR, check_sum, is_posix, kind, number, path, records, text,
};
use ustar::{BLOCK, Type};

/// One entry, its name and size already from where they are said best.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) link: Vec<u8>,
    /// The `typeflag` byte; 0 is `0`.
    pub(crate) flag: u8,
    /// All pax records that hold for it, but those of names and size. An empty value takes a record back,
    /// but for an extended attribute, which may be empty (POSIX.1-2001, pax, "pax Extended Header").
    pub(crate) records: Records,
    /// Where its content begins.
    pub(crate) offset: u64,
    /// Bytes of content; 0 for what has none, whatever the header says.
    pub(crate) size: u64,
    block: [u8; BLOCK],
}

/// What is wrong with an archive.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The system can't read it.
    Io(io::Error),
    /// It ends before this many bytes.
    Truncated { expected: u64 },
    /// It is not a tar, or a damaged one.
    Malformed { why: String },
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The entries of an archive.
pub(crate) struct Entries<'a> {
    file: &'a File,
    /// Where the next header is.
    at: u64,
    size: u64,
    global: Records,
}

impl Entry {
    /// Its type; none for one that a layer can't have.
    pub(crate) fn kind(&self) -> Option<Type> {
        kind(self.flag)
    }

    fn number(&self, from: usize, to: usize) -> Option<i64> {
        number(&self.block[from..to])
    }

    pub(crate) fn mode(&self) -> Option<i64> {
        self.number(100, 108)
    }

    pub(crate) fn uid(&self) -> Option<i64> {
        self.number(108, 116)
    }

    pub(crate) fn gid(&self) -> Option<i64> {
        self.number(116, 124)
    }

    pub(crate) fn mtime(&self) -> Option<i64> {
        self.number(136, 148)
    }

    /// The owner's name; headers older than POSIX have none.
    pub(crate) fn uname(&self) -> &[u8] {
        self.posix(265, 297)
    }

    pub(crate) fn gname(&self) -> &[u8] {
        self.posix(297, 329)
    }

    pub(crate) fn device(&self) -> Option<(i64, i64)> {
        let posix = is_posix(&self.block);
        let both = || Some((self.number(329, 337)?, self.number(337, 345)?));
        if posix { both() } else { None }
    }

    fn posix(&self, from: usize, to: usize) -> &[u8] {
        if is_posix(&self.block) {
            text(&self.block[from..to])
        } else {
            &[]
        }
    }
}

impl<'a> Entries<'a> {
    /// The entries of `file`, from its first byte.
    ///
    /// # Errors
    /// The file's size can't be found out.
    pub(crate) fn new(file: &'a File) -> io::Result<Self> {
        Ok(Self {
            file,
            at: 0,
            size: file.metadata()?.len(),
            global: Records::new(),
        })
    }

    /// The size of the archive in bytes.
    pub(crate) fn archive_size(&self) -> u64 {
        self.size
    }

    /// The next entry; none at the end marker.
    ///
    /// # Errors
    /// [`Fault`]; after one there is nothing more to be had.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, Fault> {
        let mut local = Records::new();
        let mut long_name = None;
        let mut long_link = None;
        loop {
            let begin = self.at;
            let block = self.block(begin)?;
            // Two blocks of zeros end it; some writers leave out the second.
            if block == [0; BLOCK] {
                if local.is_empty() && long_name.is_none() && long_link.is_none() {
                    return Ok(None);
                }
                return Err(malformed(
                    begin,
                    "it ends after a header that is about an entry",
                ));
            }
            check_sum(&block).map_err(|why| malformed(begin, &why))?;
            let size = number(&block[124..136]).and_then(|size| u64::try_from(size).ok());
            let size = size.ok_or_else(|| malformed(begin, "the size is not a number"))?;
            self.at = begin + BLOCK as u64;
            match block[156] {
                b'x' | b'g' => {
                    let data = self.header_data(size, begin)?;
                    let into = if block[156] == b'x' {
                        &mut local
                    } else {
                        &mut self.global
                    };
                    drop(records(&data, into).map_err(|why| malformed(begin, why))?);
                }
                b'L' => long_name = Some(text(&self.header_data(size, begin)?).to_vec()),
                b'K' => long_link = Some(text(&self.header_data(size, begin)?).to_vec()),
                flag => {
                    let mut records = self.global.clone();
                    records.append(&mut local);
                    let mut take = |key: &[u8]| records.remove(key).filter(|v| !v.is_empty());
                    let name = take(b"path").or(long_name).unwrap_or_else(|| path(&block));
                    let link = take(b"linkpath").or(long_link);
                    let link = link.unwrap_or_else(|| text(&block[157..257]).to_vec());
                    let size = match take(b"size") {
                        None => size,
                        Some(size) => std::str::from_utf8(&size)
                            .ok()
                            .and_then(|size| size.parse().ok())
                            .ok_or_else(|| malformed(begin, "the pax size is not a number"))?,
                    };
                    records.retain(|key, value| !value.is_empty() || key.starts_with(XATTR));
                    // As every reader of layers has it: links, devices, directories and fifos have no
                    // content, even where the header gives a size.
                    let size = if (b'1'..=b'6').contains(&flag) {
                        0
                    } else {
                        size
                    };
                    let offset = self.at;
                    self.skip(size)?;
                    let flag = if flag == 0 { b'0' } else { flag };
                    return Ok(Some(Entry {
                        name,
                        link,
                        flag,
                        records,
                        offset,
                        size,
                        block,
                    }));
                }
            }
        }
    }

    fn block(&self, at: u64) -> Result<[u8; BLOCK], Fault> {
        let mut block = [0; BLOCK];
        if at + BLOCK as u64 > self.size {
            // What is missing is at least the end marker.
            let expected = at + 2 * BLOCK as u64;
            return Err(Fault::Truncated { expected });
        }
        self.file.read_exact_at(&mut block, at)?;
        Ok(block)
    }

    /// The content of a header that is about another one.
    fn header_data(&mut self, size: u64, begin: u64) -> Result<Vec<u8>, Fault> {
        if size > LARGEST_RECORDS {
            let why = format!("a header of {size} bytes, and the most is {LARGEST_RECORDS}");
            return Err(malformed(begin, &why));
        }
        let at = self.at;
        self.skip(size)?;
        let mut data = vec![0; usize::try_from(size).expect("at most 1 MiB")];
        self.file.read_exact_at(&mut data, at)?;
        Ok(data)
    }

    fn skip(&mut self, size: u64) -> Result<(), Fault> {
        let blocks = size.checked_next_multiple_of(BLOCK as u64);
        let end = blocks.and_then(|blocks| self.at.checked_add(blocks));
        match end {
            Some(end) if end <= self.size => self.at = end,
            end => {
                let expected = end.unwrap_or(u64::MAX);
                return Err(Fault::Truncated { expected });
            }
        }
        Ok(())
    }
}

fn malformed(at: u64, why: &str) -> Fault {
    Fault::Malformed {
        why: format!("{why} (header at byte {at})"),
    }
}

#[cfg(test)]
mod tests;

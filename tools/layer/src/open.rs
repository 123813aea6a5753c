//! The content of a file, wherever it is: opened, its size known, read to exactly its end.
//!
//! Invariant: what is read has the size that was told, or there is an error. A file that shrinks or
//! grows meanwhile can't get into a layer.

use crate::error::{Error, Result};
use crate::item::{Content, Item};
use crate::plan::Plan;
use files::{Opener, Source};
use oci::RawPath;
use std::io;

/// Content that is being read.
pub(crate) struct Input<'a> {
    plan: &'a Plan,
    item: &'a Item,
    from: From<'a>,
    size: u64,
    left: u64,
    executable: bool,
}

enum From<'a> {
    File(Source),
    Bytes(&'a [u8]),
    Archive { archive: u32, offset: u64 },
}

/// Opens the content of an item.
///
/// # Errors
/// [`Error::Input`].
pub(crate) fn open<'a>(
    plan: &'a Plan,
    item: &'a Item,
    content: &'a Content,
    opener: &mut Opener,
) -> Result<Input<'a>> {
    let (from, size, executable) = match content {
        Content::Path(path) => {
            let source = opener.open(path).map_err(|source| Error::Input {
                path: RawPath::new(&*item.path),
                entry: plan.label(item),
                source,
            })?;
            let (size, executable) = (source.size, source.executable);
            (From::File(source), size, executable)
        }
        Content::Inline(bytes) => (From::Bytes(bytes), bytes.len() as u64, false),
        Content::Slice {
            archive,
            offset,
            size,
            executable,
        } => (
            From::Archive {
                archive: *archive,
                offset: *offset,
            },
            *size,
            *executable,
        ),
    };
    Ok(Input {
        plan,
        item,
        from,
        size,
        left: size,
        executable,
    })
}

impl Input<'_> {
    /// Bytes in all.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// 0755 if the file has its executable bit, or else 0644.
    pub(crate) fn mode_by_bit(&self) -> u16 {
        if self.executable { 0o755 } else { 0o644 }
    }

    /// Reads the next bytes; 0 at the end, and at an empty buffer.
    ///
    /// # Errors
    /// [`Error::Changed`] if the file ends before its size or goes on after it, [`Error::Input`].
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let want = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if want == 0 {
            return Ok(0);
        }
        let count = match &mut self.from {
            From::File(file) => match file.read(&mut buffer[..want]) {
                Ok(0) => return Err(self.changed("shrank", self.size - self.left)),
                Ok(count) => count,
                Err(source) => return Err(self.failed(source)),
            },
            From::Bytes(bytes) => {
                buffer[..want].copy_from_slice(&bytes[..want]);
                *bytes = &bytes[want..];
                want
            }
            From::Archive { archive, offset } => {
                let archive = &self.plan.archives[*archive as usize];
                archive
                    .read_at(&mut buffer[..want], *offset)
                    .map_err(|source| Error::Archive {
                        archive: archive.name().clone(),
                        entry: self.plan.label(self.item),
                        source,
                    })?;
                *offset += want as u64;
                want
            }
        };
        self.left -= count as u64;
        if self.left == 0 {
            self.check_end()?;
        }
        Ok(count)
    }

    /// Reads all into the front of `room`, which has a byte more than the content: for a file on disk
    /// that costs one system call, for the call that finds no more bytes says that it has ended.
    ///
    /// # Errors
    /// As [`Input::read`].
    pub(crate) fn read_whole(&mut self, room: &mut [u8]) -> Result<()> {
        let size = room.len() - 1;
        let mut filled = 0;
        if let From::File(file) = &mut self.from {
            // Fewer bytes than were asked for are not the end yet; no bytes are.
            loop {
                match file.read(&mut room[filled..]) {
                    Ok(0) if filled < size => {
                        return Err(self.changed("shrank", filled as u64));
                    }
                    Ok(count) => filled += count,
                    Err(source) => return Err(self.failed(source)),
                }
                if filled >= size {
                    break;
                }
            }
            if filled > size {
                return Err(self.changed("grew", self.size + 1));
            }
            self.left = 0;
            return Ok(());
        }
        while filled < size {
            filled += self.read(&mut room[filled..size])?;
        }
        Ok(())
    }

    /// That a file has no byte more than its size.
    fn check_end(&mut self) -> Result<()> {
        let From::File(file) = &self.from else {
            return Ok(());
        };
        match file.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.changed("grew", self.size + 1)),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn changed(&self, how: &'static str, read: u64) -> Error {
        Error::Changed {
            path: RawPath::new(&*self.item.path),
            entry: self.plan.label(self.item),
            how,
            opened: self.size,
            read,
        }
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Input {
            path: RawPath::new(&*self.item.path),
            entry: self.plan.label(self.item),
            source: files::Error::reading(self.item_source(), source),
        }
    }

    fn item_source(&self) -> &std::path::Path {
        match &self.item.node {
            crate::item::Node::File(Content::Path(path)) => path,
            _ => std::path::Path::new(""),
        }
    }
}

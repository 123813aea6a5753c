//! Where the bytes of blobs come from while they are sent: files, other registries, the program `layer`.
//! Nothing lands on disk on the way.
//!
//! Invariant: what comes from a program is compared with the digest before the last of it is given.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::process::{Child, ChildStdout, Command, Stdio};

use layout::Supply;
use oci::{Digest, Hasher};
use progress::Progress;
use registry::{Content, Registries};

use crate::error::{Error, Result};
use crate::source::{Blob, Origin, Recipe};

/// A blob from one place.
pub(crate) struct From<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) blob: &'a Blob,
    pub(crate) registries: &'a Registries,
    /// Who is told of what is read.
    pub(crate) progress: &'a Progress,
}

impl Content for From<'_> {
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        let bytes = open(self.origin, self.blob, self.registries, offset)?;
        Ok(Box::new(Counted {
            bytes,
            progress: self.progress,
        }))
    }

    fn file(&self) -> io::Result<Option<File>> {
        let Origin::File(path) = self.origin else {
            return Ok(None);
        };
        let opened = files::open(path).map_err(|e| io::Error::other(Error::Files(e)))?;
        Ok(Some(opened.file))
    }

    fn sent(&self, bytes: u64) {
        self.progress.add(bytes);
    }
}

/// Bytes that are counted as they are read.
struct Counted<'a> {
    bytes: Box<dyn Read + 'a>,
    progress: &'a Progress,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.progress.add(read as u64);
        Ok(read)
    }
}

fn open<'a>(
    origin: &'a Origin,
    blob: &'a Blob,
    registries: &'a Registries,
    offset: u64,
) -> io::Result<Box<dyn Read + 'a>> {
    match origin {
        Origin::File(path) => {
            let opened = files::open(path).map_err(|e| io::Error::other(Error::Files(e)))?;
            let mut file = opened.file;
            file.seek(SeekFrom::Start(offset))?;
            Ok(Box::new(file))
        }
        Origin::Registry(source) => {
            let repository = registries.repository(&source.registry, &source.repository);
            let repository = repository.map_err(|e| io::Error::other(Error::Registry(e)))?;
            skip(repository.blob(&blob.digest, blob.size), offset)
        }
        Origin::Made(recipe) => {
            let making = Making::start(recipe, blob).map_err(io::Error::other)?;
            skip(making, offset)
        }
    }
}

/// From the beginning, so that all of it is hashed.
fn skip<'a>(mut stream: impl Read + 'a, offset: u64) -> io::Result<Box<dyn Read + 'a>> {
    let skipped = io::copy(&mut Read::by_ref(&mut stream).take(offset), &mut io::sink())?;
    if skipped < offset {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Box::new(stream))
}

/// A layer that is being made again. The program ends with this value.
struct Making {
    child: Child,
    output: ChildStdout,
    recipe: Recipe,
    digest: Digest,
    size: u64,
    have: u64,
    hasher: Option<Hasher>,
}

impl Making {
    fn start(recipe: &Recipe, blob: &Blob) -> Result<Self> {
        let failed = |error: io::Error| Error::Making {
            request: recipe.request.clone(),
            reason: format!("`{}` can't be run: {error}", recipe.program.display()),
        };
        let mut child = Command::new(&recipe.program)
            .arg(&recipe.request)
            .args(["--out", "-"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let output = child.stdout.take();
        let output = output.ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        Ok(Making {
            child,
            output,
            recipe: recipe.clone(),
            digest: blob.digest,
            size: blob.size,
            have: 0,
            hasher: Some(Hasher::new(blob.digest.algorithm())),
        })
    }

    /// Compares what came with what was to come.
    fn end(&mut self) -> Result<()> {
        let Some(hasher) = self.hasher.take() else {
            return Ok(());
        };
        let failed = |reason: String| Error::Making {
            request: self.recipe.request.clone(),
            reason,
        };
        let surplus = self.output.read(&mut [0]).unwrap_or(0);
        if surplus == 0 {
            let status = self.child.wait().map_err(|e| failed(e.to_string()))?;
            if !status.success() {
                let program = self.recipe.program.display();
                return Err(failed(format!("`{program}` ended with {status}")));
            }
        }
        let found = hasher.finish();
        if surplus == 0 && self.have == self.size && found == self.digest {
            return Ok(());
        }
        Err(Error::OtherLayer {
            request: self.recipe.request.clone(),
            expected: Box::new(self.digest),
            found: (surplus == 0).then(|| Box::new(found)),
        })
    }
}

impl Read for Making {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.hasher.is_none() {
            return Ok(0);
        }
        let left = usize::try_from(self.size - self.have).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        let read = self.output.read(&mut buffer[..most])?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..read]);
        }
        self.have += read as u64;
        if read == 0 || self.have == self.size {
            self.end().map_err(io::Error::other)?;
        }
        Ok(read)
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        // It has ended, or nobody wants the rest.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Blobs of one output that are in no file.
pub(crate) struct Streams<'a> {
    pub(crate) blobs: Vec<&'a Blob>,
    pub(crate) registries: &'a Registries,
}

impl Supply for Streams<'_> {
    fn has(&self, digest: &Digest) -> bool {
        self.blobs.iter().any(|blob| blob.digest == *digest)
    }

    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + '_>> {
        let found = self.blobs.iter().find(|blob| blob.digest == *digest);
        let blob = found.ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Trying {
            blob,
            registries: self.registries,
            left: blob.origins.iter(),
            have: 0,
            stream: None,
        }))
    }
}

/// A blob from the first place that gives it; where one breaks off, the next one goes on.
struct Trying<'a> {
    blob: &'a Blob,
    registries: &'a Registries,
    left: std::slice::Iter<'a, Origin>,
    have: u64,
    stream: Option<Box<dyn Read + 'a>>,
}

impl Read for Trying<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut failed = None;
        loop {
            let opened = match self.stream.take() {
                Some(stream) => Ok(stream),
                None => match self.left.next() {
                    Some(origin) => open(origin, self.blob, self.registries, self.have),
                    None => return Err(failed.unwrap_or(io::ErrorKind::NotFound.into())),
                },
            };
            let read = opened.and_then(|mut stream| {
                let read = stream.read(buffer)?;
                Ok((stream, read))
            });
            match read {
                Ok((stream, read)) => {
                    self.stream = Some(stream);
                    self.have += read as u64;
                    return Ok(read);
                }
                Err(error) => failed = Some(error),
            }
        }
    }
}

//! Fetching: from the places of the list, through the store, to verified files.
//!
//! A blob goes into a part file, which a later run, or another process, takes up where it stopped; the
//! bytes that are there are hashed again first, so that nothing has to be believed of them. Only a blob
//! that has its digest gets its name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use files::PartFile;
use layout::{Links, Place as BlobPlace, Reader};
use oci::json::Limits;
use oci::{Digest, Hasher};
use progress::Progress;
use registry::{Explained, Registries, Target};

use crate::error::{Error, Result};
use crate::lock::{Blob, Name};
use crate::mirrors::{self, Place, Step};
use crate::request::Supply;

/// Bytes that are read at once.
const PIECE: usize = 512 << 10;

/// Where things are fetched from, and where they are kept.
pub(crate) struct Fetcher {
    registries: Registries,
    steps: Vec<Step>,
    private: String,
    /// Files that are at hand.
    files: BTreeMap<Digest, PathBuf>,
    root: PathBuf,
    /// Whether what is in the store was put there by other runs.
    shared: bool,
    parallel: Option<u8>,
    readers: Mutex<BTreeMap<PathBuf, Arc<Reader>>>,
    /// Mirrors that could not be reached in this run. Where any error leads on from them, they are not
    /// waited for again.
    dead: Mutex<BTreeSet<String>>,
}

impl Fetcher {
    /// A fetcher that keeps things in the request's store, or else in `scratch`.
    ///
    /// # Errors
    /// A list of mirrors that is none; credentials that can't be read.
    pub(crate) fn new(from: &Supply, scratch: &Path) -> Result<Self> {
        let steps = mirrors::parse(&from.mirrors)?;
        let mut access = from.access.clone();
        for step in &steps {
            if let Place::Mirror { host, plain, .. } = &step.place {
                // `https` is TLS on loopback, too.
                access.hosts.entry(host.clone()).or_default().plain_http |= plain;
            }
        }
        Ok(Fetcher {
            registries: access.open()?,
            steps,
            private: from.private.clone(),
            files: from.files.clone(),
            root: from.store.clone().unwrap_or_else(|| scratch.to_owned()),
            shared: from.store.is_some(),
            parallel: from.parallel,
            readers: Mutex::default(),
            dead: Mutex::default(),
        })
    }

    /// Whether files of the store may be given away: nobody else has them.
    pub(crate) fn is_scratch(&self) -> bool {
        !self.shared
    }

    /// Whether all of these are at hand.
    pub(crate) fn has_all(&self, blobs: &[Blob]) -> bool {
        blobs
            .iter()
            .all(|blob| self.files.contains_key(&blob.digest))
    }

    fn steps(&self, name: &Name) -> Vec<Step> {
        let mut steps = mirrors::of_name(&self.steps, &self.private, &name.repository());
        let dead = self
            .dead
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let last = steps.len() - 1;
        let mut at = 0;
        steps.retain(|step| {
            at += 1;
            let is_dead = matches!(&step.place, Place::Mirror { host, .. } if dead.contains(host));
            at > last || !step.on_any_error || !is_dead
        });
        steps
    }

    /// Where the logins are found that the places of a name want.
    ///
    /// # Errors
    /// A helper that fails, or may not be run.
    pub(crate) fn explain(&self, name: &Name) -> Result<Vec<Explained>> {
        let mut logins = Vec::new();
        for step in self.steps(name) {
            let host = match &step.place {
                Place::Mirror { host, .. } => host,
                Place::Direct => &name.registry,
                Place::Layout(_) | Place::Off => continue,
            };
            let path = match step.place.repository(&name.registry, &name.path) {
                Err(error) if error.is_absent() => continue,
                path => path?,
            };
            logins.push(self.registries.explain(host, &path)?);
        }
        Ok(logins)
    }

    /// Goes through the list, and remembers who could not be reached.
    fn walk<T>(&self, name: &Name, mut ask: impl FnMut(&Place) -> Result<T>) -> Result<T> {
        mirrors::walk(&self.steps(name), |place| {
            let answer = ask(place);
            if let (Place::Mirror { host, .. }, Err(Error::Registry(error))) = (place, &answer)
                && matches!(error, registry::Error::Network { .. })
            {
                self.dead
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner())
                    .insert(host.clone());
            }
            answer
        })
    }

    /// The bytes of an index or manifest.
    pub(crate) fn document(&self, name: &Name, blob: &Blob) -> Result<Vec<u8>> {
        if let Some(path) = self.files.get(&blob.digest) {
            let bytes = files::read_at_most(path, Limits::MANIFEST.size)?;
            let mut hasher = Hasher::new(blob.digest.algorithm());
            hasher.update(&bytes);
            let found = hasher.finish();
            return match found == blob.digest {
                true => Ok(bytes),
                false => Err(Error::Layout(layout::Error::WrongDigest {
                    path: path.clone(),
                    expected: Box::new(blob.digest),
                    found: Box::new(found),
                })),
            };
        }
        let path = self.path(&blob.digest);
        if self.is_there(&path, blob)? {
            return Ok(files::read_at_most(&path, Limits::MANIFEST.size)?);
        }
        let descriptor = blob.descriptor();
        let what = || format!("manifest {}", blob.digest);
        let bytes = self.walk(name, |place| match place {
            Place::Off => Err(Error::Off { what: what() }),
            Place::Layout(path) => {
                let reader = self.reader(path)?;
                not_in_layout(
                    reader.document(&descriptor, Limits::MANIFEST.size),
                    path,
                    what,
                )
            }
            Place::Mirror { .. } | Place::Direct => {
                let repository = self.repository(place, name)?;
                let target = Target::Digest(blob.digest);
                Ok(repository.manifest(&target, Some(&descriptor))?.bytes)
            }
        })?;
        let mut part = PartFile::open(&self.part(&blob.digest))?;
        part.clear()?;
        part.put(&bytes)?;
        part.finish(&path)?;
        Ok(bytes)
    }

    /// The file of a config or layer.
    pub(crate) fn blob(&self, name: &Name, blob: &Blob, progress: &Progress) -> Result<PathBuf> {
        if let Some(path) = self.files.get(&blob.digest) {
            progress.add(blob.size);
            return Ok(path.clone());
        }
        let path = self.path(&blob.digest);
        if self.is_there(&path, blob)? {
            progress.add(blob.size);
            return Ok(path);
        }
        let mut part = PartFile::open(&self.part(&blob.digest))?;
        // Another process may have had it.
        if self.is_there(&path, blob)? {
            part.remove()?;
            progress.add(blob.size);
            return Ok(path);
        }
        self.walk(name, |place| {
            let mut coming = Coming {
                part: &mut part,
                progress,
            };
            self.bring(place, name, blob, &mut coming)
        })?;
        part.finish(&path)?;
        Ok(path)
    }

    /// Fetches many blobs, several at once. The error is that of the first blob in the list that has one.
    pub(crate) fn blobs(
        &self,
        name: &Name,
        blobs: &[Blob],
        progress: &Progress,
    ) -> Result<Vec<PathBuf>> {
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let work = || {
            let mut done = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(blob) = blobs.get(at) else { break };
                let fetched = self.blob(name, blob, progress);
                if fetched.is_err() {
                    stop.store(true, Ordering::Relaxed);
                }
                done.push((at, fetched));
            }
            done
        };
        let bytes = blobs.iter().map(|blob| blob.size).sum();
        let threads = registry::parallel(self.parallel, blobs.len(), bytes).min(blobs.len());
        let mut all: Vec<(usize, Result<PathBuf>)> = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let join = |handle: std::thread::ScopedJoinHandle<'_, _>| match handle.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            handles.into_iter().flat_map(join).collect()
        });
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, fetched)| fetched).collect()
    }

    /// Brings the rest of a blob into its part file.
    fn bring(&self, place: &Place, name: &Name, blob: &Blob, part: &mut Coming<'_>) -> Result<()> {
        if part.length() > blob.size {
            part.clear()?;
        }
        match place {
            Place::Off => Err(Error::Off {
                what: format!("blob {}", blob.digest),
            }),
            Place::Layout(path) => self.copy(path, blob, part),
            Place::Mirror { .. } | Place::Direct => {
                let repository = self.repository(place, name)?;
                let had = part.length();
                match receive(&repository, blob, part) {
                    // What was there was not of this blob.
                    Err(Error::Registry(registry::Error::WrongDigest { .. })) if had > 0 => {
                        part.clear()?;
                        receive(&repository, blob, part)
                    }
                    received => received,
                }
            }
        }
    }

    /// Takes a blob from a layout.
    fn copy(&self, layout: &Path, blob: &Blob, part: &mut Coming<'_>) -> Result<()> {
        let what = || format!("blob {}", blob.digest);
        let reader = self.reader(layout)?;
        let place = not_in_layout(reader.place(&blob.descriptor()), layout, what)?;
        let BlobPlace::File(file) = place else {
            return Err(Error::NotInLayout {
                layout: layout.to_owned(),
                what: what(),
            });
        };
        part.clear()?;
        let mut hasher = Hasher::new(blob.digest.algorithm());
        let mut failed = None;
        files::read_pieces(&file, |piece| {
            if failed.is_none() {
                hasher.update(piece);
                failed = part.put(piece).err();
            }
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        let found = hasher.finish();
        if found != blob.digest {
            part.clear()?;
            return Err(Error::Layout(layout::Error::WrongDigest {
                path: file,
                expected: Box::new(blob.digest),
                found: Box::new(found),
            }));
        }
        Ok(())
    }

    fn repository(&self, place: &Place, name: &Name) -> Result<registry::Repository> {
        let host = match place {
            Place::Mirror { host, .. } => host,
            _ => &name.registry,
        };
        let path = place.repository(&name.registry, &name.path)?;
        Ok(self.registries.repository(host, &path)?)
    }

    fn reader(&self, path: &Path) -> Result<Arc<Reader>> {
        let mut readers = self
            .readers
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(reader) = readers.get(path) {
            return Ok(reader.clone());
        }
        let reader = Arc::new(Reader::open(path, Links::Refuse)?);
        readers.insert(path.to_owned(), reader.clone());
        Ok(reader)
    }

    /// Where a fetched blob is.
    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        let folder = self.root.join("blobs").join(digest.algorithm().name());
        folder.join(digest.hex())
    }

    fn part(&self, digest: &Digest) -> PathBuf {
        let name = format!("{}-{}", digest.algorithm().name(), digest.hex());
        self.root.join("parts").join(name)
    }

    /// Whether a whole blob is there. What other runs have left is hashed.
    fn is_there(&self, path: &Path, blob: &Blob) -> Result<bool> {
        if !files::exists(path) {
            return Ok(false);
        }
        if !self.shared {
            return Ok(true);
        }
        let mut hasher = Hasher::new(blob.digest.algorithm());
        let size = files::read_pieces(path, |piece| hasher.update(piece))?;
        Ok(size == blob.size && hasher.finish() == blob.digest)
    }
}

/// A part file, and how far all files have come.
struct Coming<'a> {
    part: &'a mut PartFile,
    progress: &'a Progress,
}

impl Coming<'_> {
    fn length(&self) -> u64 {
        self.part.length()
    }

    fn put(&mut self, bytes: &[u8]) -> files::Result<()> {
        self.progress.add(bytes.len() as u64);
        self.part.put(bytes)
    }

    fn clear(&mut self) -> files::Result<()> {
        self.part.clear()
    }

    fn read_pieces(&mut self, see: impl FnMut(&[u8])) -> files::Result<()> {
        self.part.read_pieces(see)
    }
}

/// Absence from a layout, and not a broken layout.
fn not_in_layout<T>(
    found: layout::Result<T>,
    layout: &Path,
    what: impl Fn() -> String,
) -> Result<T> {
    found.map_err(|error| match error {
        layout::Error::MissingBlob { .. } => Error::NotInLayout {
            layout: layout.to_owned(),
            what: what(),
        },
        error => Error::Layout(error),
    })
}

/// Receives what a part file lacks.
fn receive(repository: &registry::Repository, blob: &Blob, part: &mut Coming<'_>) -> Result<()> {
    let mut hasher = Hasher::new(blob.digest.algorithm());
    part.read_pieces(|piece| hasher.update(piece))?;
    let mut stream = repository.blob_from(&blob.digest, blob.size, part.length(), hasher);
    let mut buffer = vec![0; PIECE];
    loop {
        match stream.next(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => part.put(&buffer[..read])?,
            Err(error) => {
                // Of bytes that may come again the next run makes use; wrong ones are forgotten.
                if !error.is_environment() && !error.is_absent() {
                    part.clear()?;
                }
                return Err(error.into());
            }
        }
    }
}

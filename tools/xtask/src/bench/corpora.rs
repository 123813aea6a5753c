//! Real files of this machine as corpora: what is installed, in an order that mixes kinds and sizes
//! but is the same each time.

use crate::command::Error;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How large the corpora are.
pub(crate) struct Scale {
    /// Files of corpus (a), at most 16 KiB each.
    pub(crate) small_files: usize,
    /// Bytes of corpus (b), in 30 files.
    pub(crate) large_bytes: u64,
    /// Bytes of corpus (c).
    pub(crate) mixed_bytes: u64,
    /// Sizes of one layer for the cost of a byte.
    pub(crate) sizes: &'static [u64],
    /// Numbers of files for the cost of a file.
    pub(crate) files: &'static [usize],
    /// Bytes of each of the ten layers of an image for registries.
    pub(crate) layer: u64,
    /// Bytes of each layer where it is their number that counts.
    pub(crate) small: u64,
}

impl Scale {
    /// What the targets are about.
    pub(crate) const FULL: Scale = Scale {
        small_files: 20_000,
        large_bytes: 400 << 20,
        mixed_bytes: 2 << 30,
        sizes: &[1 << 20, 100 << 20, 1 << 30, 10 << 30],
        files: &[1000, 10_000, 100_000, 1_000_000],
        layer: 100_000_000,
        small: 1_000_000,
    };
    /// A smoke run.
    pub(crate) const QUICK: Scale = Scale {
        small_files: 300,
        large_bytes: 6 << 20,
        mixed_bytes: 12 << 20,
        sizes: &[1 << 20, 4 << 20],
        files: &[100, 1000],
        layer: 1_000_000,
        small: 50_000,
    };
}

/// Makes what is not there yet, and says what each corpus is.
pub(crate) fn make(folder: &Path, scale: &Scale) -> Result<Vec<(String, String)>, Error> {
    let mut about = Vec::new();
    let mut pool = Pool { files: Vec::new() };
    for (name, fill) in [
        (
            "a",
            &small as &dyn Fn(&Path, &[Real], &Scale) -> Result<(), Error>,
        ),
        ("b", &large),
        ("c", &mixed),
    ] {
        let corpus = folder.join(name);
        if !corpus.exists() {
            let new = folder.join(format!("{name}.new"));
            if new.exists() {
                fs::remove_dir_all(&new)?;
            }
            fs::create_dir_all(&new)?;
            fill(&new, pool.get(), scale)?;
            fs::rename(new, &corpus)?;
        }
        let (files, bytes) = count(&corpus)?;
        about.push((name.to_owned(), format!("{files} files, {bytes} bytes")));
    }
    for number in scale.files {
        many(folder, *number)?;
    }
    Ok(about)
}

/// A file of this machine.
struct Real {
    path: PathBuf,
    size: u64,
}

/// All usable files, looked for when they are first needed.
struct Pool {
    files: Vec<Real>,
}

impl Pool {
    fn get(&mut self) -> &[Real] {
        if self.files.is_empty() {
            let home = std::env::var_os("HOME")
                .map(PathBuf::from)
                .unwrap_or_default();
            let mut ahead = vec![PathBuf::from("/usr"), home.join(".cargo/registry/src")];
            ahead.push(home.join(".rustup"));
            while let Some(folder) = ahead.pop() {
                for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                    let Ok(kind) = entry.file_type() else {
                        continue;
                    };
                    if kind.is_dir() {
                        ahead.push(entry.path());
                    } else if let (true, Ok(meta)) = (kind.is_file(), entry.metadata()) {
                        self.files.push(Real {
                            path: entry.path(),
                            size: meta.len(),
                        });
                    }
                }
            }
            self.files.sort_by_cached_key(|file| {
                // FNV-1a of the path: mixes kinds and sizes, and is the same on each run.
                let bytes = file.path.as_os_str().as_bytes();
                bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                    (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
                })
            });
        }
        &self.files
    }
}

/// (a): small files, a hundred in a folder.
fn small(folder: &Path, pool: &[Real], scale: &Scale) -> Result<(), Error> {
    let fitting = pool
        .iter()
        .filter(|file| (1..=16 << 10).contains(&file.size))
        .cycle();
    for (number, file) in fitting.take(scale.small_files).enumerate() {
        let below = folder.join(format!("{:03}", number / 100));
        fs::create_dir_all(&below)?;
        fs::copy(&file.path, below.join(name(number, &file.path)))?;
    }
    Ok(())
}

/// (b): thirty files, each filled with whole and cut real files of more than 256 KiB.
fn large(folder: &Path, pool: &[Real], scale: &Scale) -> Result<(), Error> {
    let mut sources = pool.iter().filter(|file| file.size > 256 << 10).cycle();
    for number in 0..30 {
        let mut out = File::create(folder.join(format!("{number:02}.bin")))?;
        let mut left = scale.large_bytes / 30;
        while left > 0 {
            let source = sources.next().ok_or("this machine has no large files")?;
            let mut piece = File::open(&source.path)?.take(left);
            left -= std::io::copy(&mut piece, &mut out)?;
        }
        out.flush()?;
    }
    Ok(())
}

/// (c): files of every kind and size under 64 MiB, as they come.
fn mixed(folder: &Path, pool: &[Real], scale: &Scale) -> Result<(), Error> {
    let mut sum = 0;
    let fitting = pool
        .iter()
        .filter(|file| (1..64 << 20).contains(&file.size))
        .cycle();
    for (number, file) in fitting.enumerate() {
        if sum >= scale.mixed_bytes {
            break;
        }
        let below = folder.join(format!("{:03}", number / 200));
        fs::create_dir_all(&below)?;
        sum += fs::copy(&file.path, below.join(name(number, &file.path)))?;
    }
    Ok(())
}

/// Many names of a few small files, for the cost of a file alone.
fn many(folder: &Path, files: usize) -> Result<(), Error> {
    let top = folder.join(format!("many-{files}"));
    if top.exists() {
        return Ok(());
    }
    let new = folder.join("many.new");
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    for number in 0..files {
        let below = new.join(format!("{:04}", number / 500));
        if number % 500 == 0 {
            fs::create_dir_all(&below)?;
            // One file a folder has the bytes; the file system bounds how many names it may have.
            fs::write(
                below.join(format!("file-{number}")),
                format!("the file {number}\n"),
            )?;
            continue;
        }
        let first = below.join(format!("file-{}", number / 500 * 500));
        fs::hard_link(first, below.join(format!("file-{number}")))?;
    }
    fs::rename(new, top)?;
    Ok(())
}

fn name(number: usize, path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let tail: String = name
        .chars()
        .filter(char::is_ascii_graphic)
        .take(80)
        .collect();
    format!("{number:05}-{tail}")
}

fn count(folder: &Path) -> Result<(usize, u64), Error> {
    let (mut files, mut bytes) = (0, 0);
    let mut ahead = vec![folder.to_owned()];
    while let Some(folder) = ahead.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                ahead.push(entry.path());
            } else {
                files += 1;
                bytes += entry.metadata()?.len();
            }
        }
    }
    Ok((files, bytes))
}

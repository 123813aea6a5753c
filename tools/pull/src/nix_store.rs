//! `pull vendor --to-nix-store`: locked blobs become store paths, for registries that a sandbox has no
//! login for.
//!
//! A fixed-output derivation of a blob has the blob's digest as its hash and the digest's hexadecimal
//! as its name, and so has the path that `nix-store --add-fixed` gives a file of that name: Nix finds it
//! there and asks no registry.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use oci::Algorithm;
use progress::Progress;

use crate::error::{Error, Result};
use crate::fetch::Fetcher;
use crate::lock::{Blob, Entry};
use crate::request::Supply;

/// Most files that one command is told of.
const FILES: usize = 256;

/// Fetches all blobs of the entries and adds them to the store.
///
/// # Errors
/// What fetching fails with; a `nix-store` that is not there, or that fails.
pub(crate) fn add(entries: &BTreeMap<&str, &Entry>, scratch: &Path, from: &Supply) -> Result<()> {
    let fetcher = Fetcher::new(from, scratch)?;
    let mut files: BTreeSet<(Algorithm, PathBuf)> = BTreeSet::new();
    for entry in entries.values() {
        let name = entry.name()?;
        let (documents, blobs): (Vec<Blob>, Vec<Blob>) = (entry.blobs().into_iter())
            .partition(|blob| blob.media_type.is_index() || blob.media_type.is_manifest());
        for document in &documents {
            fetcher.document(&name, document)?;
            files.insert((document.digest.algorithm(), fetcher.path(&document.digest)));
        }
        let bytes = blobs.iter().map(|blob| blob.size).sum();
        let progress = Progress::new(&entry.reference, bytes);
        let paths = fetcher.blobs(&name, &blobs, &progress)?;
        drop(progress);
        for (blob, path) in blobs.iter().zip(paths) {
            files.insert((blob.digest.algorithm(), path));
        }
    }
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let of_it: Vec<&PathBuf> = (files.iter())
            .filter(|(of, _)| *of == algorithm)
            .map(|(_, path)| path)
            .collect();
        for some in of_it.chunks(FILES) {
            let mut command = Command::new("nix-store");
            command.args(["--add-fixed", algorithm.name()]).args(some);
            let output = command.output().map_err(|source| Error::NixStore {
                reason: source.to_string(),
            })?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                return Err(Error::NixStore {
                    reason: said.trim().to_owned(),
                });
            }
        }
    }
    Ok(())
}

//! The publisher's key: signs the checksums, and through `attest` the image and its provenance. It is nowhere in what
//! is released, and neither is its path.

use crate::command::Error;
use signing::{PrivateKey, PublicKey};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// What requests call the key, and its public part, while the release is made.
const NAMES: [&str; 2] = ["publisher.pem", "publisher.pub.pem"];

/// A key of P-256.
pub(super) struct Key {
    path: PathBuf,
    key: PrivateKey,
}

impl Key {
    /// Reads it.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let wrong = |error: String| format!("{}: {error}", path.display());
        let pem = fs::read(path).map_err(|error| wrong(error.to_string()))?;
        Ok(Key {
            path: fs::canonicalize(path)?,
            key: PrivateKey::read(&pem).map_err(|error| wrong(error.to_string()))?,
        })
    }

    /// Writes the signature of a file, in base64, as `cosign verify-blob` and, decoded, `openssl dgst` take it.
    ///
    /// # Errors
    /// It cannot be written, or is not good.
    pub(super) fn sign(&self, to: &Path, message: &[u8]) -> Result<(), Error> {
        let signature = self.key.sign(message);
        let public = self.key.public();
        // What is published is read by the public part alone.
        let public = PublicKey::read(public.pem().map_err(|error| error.to_string())?.as_bytes());
        let public = public.map_err(|error| error.to_string())?;
        public
            .verify(message, &signature)
            .map_err(|error| error.to_string())?;
        Ok(fs::write(to, signature)?)
    }

    /// Does something with the key in `out`, under the names that a request may have; afterwards it is gone.
    ///
    /// # Errors
    /// Those of what is done.
    pub(super) fn lend<T>(
        &self,
        out: &Path,
        run: impl FnOnce([&str; 2]) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let [private, public] = NAMES.map(|name| out.join(name));
        symlink(&self.path, &private)?;
        fs::write(
            &public,
            self.key.public().pem().map_err(|error| error.to_string())?,
        )?;
        let done = run(NAMES);
        fs::remove_file(private)?;
        fs::remove_file(public)?;
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("xtask-sign-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_signature_beside_the_file_and_no_key() {
        let keys = crate::workspace::root().join("tools/signing/tests");
        let key = Key::open(&keys.join("key.pem")).unwrap();
        let out = folder("out");
        key.sign(&out.join("SHA256SUMS.sig"), b"sums").unwrap();
        let public = PublicKey::read(&fs::read(keys.join("key.pub.pem")).unwrap()).unwrap();
        let signature = fs::read_to_string(out.join("SHA256SUMS.sig")).unwrap();
        assert_eq!(public.verify(b"sums", &signature), Ok(()));
        assert!(public.verify(b"other sums", &signature).is_err());
        // Also where what is done with it fails.
        let failed = key.lend(&out, |[private, _]| -> Result<(), Error> {
            assert!(out.join(private).exists());
            Err("no".into())
        });
        assert!(failed.is_err());
        let left: Vec<_> = fs::read_dir(&out)
            .unwrap()
            .map(|one| one.unwrap().file_name())
            .collect();
        assert_eq!(left, ["SHA256SUMS.sig"]);
        assert!(Key::open(&keys.join("key.pub.pem")).is_err());
        fs::remove_dir_all(out).unwrap();
    }
}

//! How far uploads have come, in a file for each blob and repository.
//!
//! The file is held while the upload lasts, so that no two processes go on with one session. It tells
//! where the registry wants the next bytes, which is nobody else's business. What can't be kept or read
//! does no harm: the upload begins anew.

use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use files::PartFile;
use oci::Digest;
use oci::json::{self, Limits};
use registry::{Journal, Progress};
use serde::{Deserialize, Serialize};

use crate::error::Result;

const KIND: &str = "upload";
const VERSION: u32 = 1;

/// The file of one upload.
pub(crate) struct Kept {
    part: Mutex<Option<PartFile>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    kind: String,
    version: u32,
    location: String,
    minimum: u64,
}

impl Kept {
    /// Takes the file of a blob on its way to a repository; waits for who has it.
    ///
    /// # Errors
    /// The folder can't be written.
    pub(crate) fn open(folder: &Path, repository: &str, digest: &Digest) -> Result<Self> {
        let name = Digest::of(format!("{repository}@{digest}").as_bytes());
        let part = PartFile::open_private(&folder.join(name.hex()))?;
        Ok(Kept {
            part: Mutex::new(Some(part)),
        })
    }

    fn part(&self) -> MutexGuard<'_, Option<PartFile>> {
        self.part
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Journal for Kept {
    fn load(&self) -> Option<Progress> {
        let mut bytes = Vec::new();
        let mut part = self.part();
        let part = part.as_mut().filter(|part| part.length() <= 64 << 10)?;
        part.read_pieces(|piece| bytes.extend_from_slice(piece))
            .ok()?;
        let written: Written = json::read_as(&bytes, Limits::OURS, KIND).ok()?;
        (written.kind == KIND && written.version == VERSION).then_some(Progress {
            location: written.location,
            minimum: written.minimum,
        })
    }

    fn save(&self, progress: &Progress) {
        let written = Written {
            kind: KIND.into(),
            version: VERSION,
            location: progress.location.clone(),
            minimum: progress.minimum,
        };
        if let (Some(part), Ok(bytes)) = (self.part().as_mut(), json::to_canonical(&written, KIND))
        {
            // Half of it can't be read, and then the upload begins anew.
            let _ = part.clear().and_then(|()| part.put(&bytes));
        }
    }

    fn clear(&self) {
        if let Some(part) = self.part().take() {
            // One that stays leads to a session that is over.
            let _ = part.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_from_one_run_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let digest = Digest::of(b"x");
        let open = |repository: &str| Kept::open(folder.path(), repository, &digest).unwrap();
        let progress = Progress {
            location: "https://r.example/v2/a/blobs/uploads/1?state=x".into(),
            minimum: 7,
        };
        let kept = open("r.example/a");
        assert_eq!(kept.load(), None);
        kept.save(&progress);
        kept.save(&progress);
        drop(kept);
        assert_eq!(open("r.example/a").load(), Some(progress));
        assert_eq!(open("r.example/b").load(), None);
        open("r.example/a").clear();
        assert_eq!(open("r.example/a").load(), None);
        let path = folder
            .path()
            .join(Digest::of(format!("r.example/a@{digest}").as_bytes()).hex());
        for bad in [
            "{",
            r#"{"kind":"upload","version":2,"location":"x","minimum":0}"#,
            r#"{"kind":"upload","version":1,"location":"x","minimum":0,"more":0}"#,
        ] {
            std::fs::remove_file(&path).unwrap();
            files::write(&path, bad.as_bytes()).unwrap();
            assert_eq!(open("r.example/a").load(), None, "{bad}");
        }
    }
}

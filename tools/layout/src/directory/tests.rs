use oci::media_type::OCI_LAYER;
use oci::{Algorithm, Descriptor, MediaType};

use super::*;

struct Made {
    folder: tempfile::TempDir,
    contents: Contents,
    layer: Descriptor,
}

/// A layout of one blob, in the file `blob`.
fn made(content: &[u8]) -> Made {
    let folder = tempfile::tempdir().unwrap();
    files::write(&folder.path().join("blob"), content).unwrap();
    let layer = Descriptor::of(MediaType::known(OCI_LAYER), content);
    let mut contents = Contents::default();
    contents
        .add(&layer, Place::File(folder.path().join("blob")))
        .unwrap();
    Made {
        folder,
        contents,
        layer,
    }
}

impl Made {
    fn write(&self, transfer: Transfer, verify: Verify) -> Result<PathBuf> {
        let out = self.folder.path().join("out");
        directory(&self.contents, &out, transfer, verify)?.commit()?;
        Ok(out.join(blob_path(&self.layer.digest)))
    }

    fn spoil(&self, content: &[u8]) {
        let path = self.folder.path().join("blob");
        std::fs::remove_file(&path).unwrap();
        files::write(&path, content).unwrap();
    }
}

#[test]
fn each_way_brings_the_bytes() {
    for transfer in [Transfer::Copy, Transfer::HardLink, Transfer::Symlink] {
        for verify in [Verify::Digest, Verify::Size] {
            let made = made(b"content");
            let blob = made.write(transfer, verify).unwrap();
            assert_eq!(files::read(&blob).unwrap(), b"content");
            assert_eq!(
                files::read_link(&blob).is_ok(),
                transfer == Transfer::Symlink
            );
        }
    }
}

#[test]
fn another_content_is_noticed_and_nothing_is_left() {
    for transfer in [Transfer::Copy, Transfer::HardLink, Transfer::Symlink] {
        let made = made(b"content");
        made.spoil(b"CONTENT");
        let error = made.write(transfer, Verify::Digest).unwrap_err();
        assert!(matches!(error, Error::WrongDigest { .. }), "{error}");
        assert!(made.write(transfer, Verify::Size).is_ok());
        std::fs::remove_dir_all(made.folder.path().join("out")).unwrap();
        made.spoil(b"more content");
        for verify in [Verify::Digest, Verify::Size] {
            let error = made.write(transfer, verify).unwrap_err();
            assert!(
                matches!(
                    error,
                    Error::WrongSize {
                        expected: 7,
                        found: 12,
                        ..
                    }
                ),
                "{error}"
            );
        }
        #[allow(
            clippy::disallowed_methods,
            reason = "the order of one name does not matter"
        )]
        let left: Vec<_> = std::fs::read_dir(made.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["blob"]);
    }
}

#[test]
fn sha512() {
    let mut made = made(b"content");
    let mut hasher = Hasher::new(Algorithm::Sha512);
    hasher.update(b"content");
    made.layer = Descriptor::new(MediaType::known(OCI_LAYER), hasher.finish(), 7);
    made.contents = Contents::default();
    let path = made.folder.path().join("blob");
    made.contents.add(&made.layer, Place::File(path)).unwrap();
    assert_eq!(
        files::read(&made.write(Transfer::Copy, Verify::Digest).unwrap()).unwrap(),
        b"content"
    );
}

#[test]
fn many_large_blobs_and_the_first_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut contents = Contents::default();
    let mut digests = Vec::new();
    for n in 0..7u8 {
        let content = vec![n; 1 << 20];
        let path = folder.path().join(format!("blob{n}"));
        files::write(&path, &content).unwrap();
        let layer = Descriptor::of(MediaType::known(OCI_LAYER), &content);
        digests.push(layer.digest);
        contents.add(&layer, Place::File(path)).unwrap();
    }
    let out = folder.path().join("out");
    directory(&contents, &out, Transfer::Copy, Verify::Digest)
        .unwrap()
        .commit()
        .unwrap();
    for (n, digest) in digests.iter().enumerate() {
        assert_eq!(
            files::read(&out.join(blob_path(digest))).unwrap(),
            vec![n as u8; 1 << 20]
        );
    }
    std::fs::remove_dir_all(&out).unwrap();
    for n in 0..7 {
        std::fs::remove_file(folder.path().join(format!("blob{n}"))).unwrap();
        files::write(&folder.path().join(format!("blob{n}")), &vec![99; 1 << 20]).unwrap();
    }
    digests.sort();
    for _ in 0..5 {
        let error = directory(&contents, &out, Transfer::Copy, Verify::Digest).unwrap_err();
        assert!(
            matches!(error, Error::WrongDigest { ref expected, .. } if **expected == digests[0]),
            "{error}"
        );
    }
}

#[test]
fn where_links_lead() {
    let target = |out: &str, blob: &str| {
        link_target(Path::new(out), Path::new(blob)).map(|path| path.display().to_string())
    };
    assert_eq!(target("out", "a/blob").unwrap(), "../../../a/blob");
    assert_eq!(target("./x/out", "./a/blob").unwrap(), "../../../../a/blob");
    assert_eq!(target("x/out", "../blob").unwrap(), "../../../../../blob");
    assert_eq!(target("out", "/store/blob").unwrap(), "/store/blob");
    assert_eq!(target("/out", "/store/blob").unwrap(), "/store/blob");
    for out in ["/out", "../out"] {
        let error = target(out, "blob").unwrap_err();
        assert!(
            error.to_string().starts_with("cannot link to `blob`"),
            "{error}"
        );
        assert!(error.hint().is_some());
    }
}

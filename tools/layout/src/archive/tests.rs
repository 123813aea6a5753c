use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use oci::media_type::{OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST};
use oci::{Descriptor, Index, MediaType};

use super::*;

struct Made {
    folder: tempfile::TempDir,
    contents: Contents,
    manifest: Descriptor,
    layer: Descriptor,
}

fn made(names: &[&str]) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let mut contents = Contents::default();
    let config = contents.add_document(MediaType::known(OCI_CONFIG), b"{}".to_vec());
    let layer = Descriptor::of(MediaType::known(OCI_LAYER), b"content");
    files::write(&folder.path().join("blob"), b"content").unwrap();
    contents
        .add(&layer, Place::File(folder.path().join("blob")))
        .unwrap();
    let manifest = Manifest::new(config, vec![layer.clone()])
        .to_bytes()
        .unwrap();
    let manifest = contents.add_document(MediaType::known(OCI_MANIFEST), manifest);
    for name in names {
        let mut named = manifest.clone();
        named
            .annotations
            .insert(IMAGE_NAME.into(), (*name).to_owned());
        contents.list(named);
    }
    Made {
        folder,
        contents,
        manifest,
        layer,
    }
}

impl Made {
    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }
}

fn read(path: &Path) -> Vec<(String, Vec<u8>)> {
    let bytes = files::read(path).unwrap();
    let mut archive = ::tar::Archive::new(&bytes[..]);
    archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (path, content)
        })
        .collect()
}

#[test]
fn a_sorted_tar_of_the_layout() {
    let made = made(&["example.com/app:1"]);
    oci_archive(&made.contents, &made.out(), Verify::Digest)
        .unwrap()
        .commit()
        .unwrap();
    let entries = read(&made.out());
    assert!(entries.is_sorted_by(|a, b| a.0 < b.0));
    let entries: BTreeMap<_, _> = entries.into_iter().collect();
    assert_eq!(entries.len(), 7);
    assert_eq!(entries[&blob_path(&made.layer.digest)], b"content");
    assert_eq!(entries["oci-layout"], made.contents.layout_file());
    assert_eq!(entries["index.json"], made.contents.index_file().unwrap());
}

#[test]
fn an_archive_for_docker_is_an_oci_archive_too() {
    let made = made(&["docker.io/library/app:1", "example.com/app:2"]);
    docker_archive(&made.contents, &made.out(), Verify::Size)
        .unwrap()
        .commit()
        .unwrap();
    let entries: BTreeMap<_, _> = read(&made.out()).into_iter().collect();
    assert_eq!(entries.len(), 8);
    let layer = blob_path(&made.layer.digest);
    assert_eq!(
        String::from_utf8(entries["manifest.json"].clone()).unwrap(),
        format!(
            r#"[{{"Config":"blobs/sha256/44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","Layers":["{layer}"],"RepoTags":["docker.io/library/app:1","example.com/app:2"]}}]"#
        )
    );
}

#[test]
fn what_cannot_be_archived() {
    let error = |contents: &Contents, out: &Path| {
        docker_archive(contents, out, Verify::Digest)
            .map(drop)
            .unwrap_err()
    };
    let mut made = made(&["example.com/app:1"]);
    let index = Index::new(vec![made.manifest.clone()]).to_bytes().unwrap();
    let mut contents = made.contents.clone();
    let index = contents.add_document(MediaType::known(OCI_INDEX), index);
    contents.list(index.clone());
    assert!(matches!(error(&contents, &made.out()), Error::DockerIndex));
    let mut contents = Contents::default();
    contents.list(index);
    let refused = error(&contents, &made.out());
    assert_eq!(
        refused.to_string(),
        "an archive for `docker load` holds one image, not an index"
    );
    assert!(refused.hint().is_some());

    for name in ["example.com/app", "1.0"] {
        let mut contents = made.contents.clone();
        let mut named = made.manifest.clone();
        named.annotations.insert(IMAGE_NAME.into(), name.into());
        contents.list(named);
        let refused = error(&contents, &made.out());
        assert_eq!(
            refused.to_string(),
            format!("`{name}` cannot name an image in an archive for `docker load`")
        );
        assert_eq!(
            refused.hint().as_deref(),
            Some("write it as `example.com/app:1.0`")
        );
    }

    let mut contents = made.contents.clone();
    let mut tagged = made.manifest.clone();
    tagged.annotations.insert(REF_NAME.into(), "1.0".into());
    contents.list(tagged);
    assert!(matches!(
        error(&contents, &made.out()),
        Error::DockerName { .. }
    ));

    let absent = Descriptor::of(MediaType::known(OCI_LAYER), b"absent");
    made.contents.add(&absent, Place::Absent(vec![])).unwrap();
    let refused = error(&made.contents, &made.out());
    assert_eq!(
        refused.to_string(),
        format!(
            "an archive must hold every blob, and {} is absent",
            absent.digest
        )
    );
    assert!(!files::exists(&made.out()));
}

#[test]
fn another_content_is_noticed() {
    let made = made(&["example.com/app:1"]);
    let path = made.folder.path().join("blob");
    std::fs::remove_file(&path).unwrap();
    files::write(&path, b"CONTENT").unwrap();
    let error = oci_archive(&made.contents, &made.out(), Verify::Digest)
        .map(drop)
        .unwrap_err();
    assert!(matches!(error, Error::WrongDigest { .. }), "{error}");
    assert!(oci_archive(&made.contents, &made.out(), Verify::Size).is_ok());
    std::fs::remove_file(&path).unwrap();
    files::write(&path, b"longer than before").unwrap();
    let error = oci_archive(&made.contents, &made.out(), Verify::Size)
        .map(drop)
        .unwrap_err();
    assert!(matches!(error, Error::WrongSize { .. }), "{error}");
}

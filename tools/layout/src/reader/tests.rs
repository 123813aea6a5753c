use std::path::Path;

use oci::index::{REF_NAME, REFERENCE_TYPE};
use oci::media_type::{DOCKER_MANIFEST, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
use oci::platform::Selector;
use oci::receipt::Source;

use super::*;
use crate::{Contents, Selection, Transfer, Verify, directory};

/// A layout that is being made for a test.
struct Made {
    contents: Contents,
    folder: tempfile::TempDir,
}

impl Made {
    fn new() -> Self {
        Made {
            contents: Contents::default(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// An image whose one layer is `layer`, described with its platform.
    fn image(&mut self, platform: &str, layer: &str) -> Descriptor {
        let platform = Platform::parse(platform).unwrap();
        let mut config = Config::new(&platform);
        config.set_diff_ids(&[Digest::of(layer.as_bytes())]);
        let contents = &mut self.contents;
        let config =
            contents.add_document(MediaType::known(OCI_CONFIG), config.to_bytes().unwrap());
        let layer = contents.add_document(MediaType::known(OCI_LAYER), layer.into());
        let manifest = Manifest::new(config, vec![layer]).to_bytes().unwrap();
        let mut descriptor = contents.add_document(MediaType::known(OCI_MANIFEST), manifest);
        descriptor.platform = Some(platform);
        descriptor
    }

    fn index(&mut self, children: Vec<Descriptor>) -> Descriptor {
        let bytes = Index::new(children).to_bytes().unwrap();
        self.contents
            .add_document(MediaType::known(OCI_INDEX), bytes)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("layout")
    }

    fn write(&self) -> PathBuf {
        let out = directory(&self.contents, &self.root(), Transfer::Copy, Verify::Digest).unwrap();
        out.commit().unwrap();
        self.root()
    }

    fn open(&self) -> Reader {
        Reader::open(&self.write(), Links::Refuse).unwrap()
    }
}

/// One image, written; the layout, its root, the path of its manifest.
fn one() -> (Made, PathBuf, PathBuf) {
    let mut made = Made::new();
    let image = made.image("linux/amd64", "x");
    made.contents.list(image.clone());
    let root = made.write();
    let manifest = root.join(blob_path(&image.digest));
    (made, root, manifest)
}

fn replace(path: &Path, bytes: &[u8]) {
    #[allow(clippy::disallowed_methods, reason = "a test that spoils a layout")]
    std::fs::write(path, bytes).unwrap();
}

fn remove(path: &Path) {
    std::fs::remove_file(path).unwrap();
}

fn tagged(mut descriptor: Descriptor, tag: &str) -> Descriptor {
    descriptor.annotations.insert(REF_NAME.into(), tag.into());
    descriptor
}

fn selection(platform: &str) -> Selection {
    Selection {
        platform: Some(Selector::parse(platform).unwrap()),
        ..Selection::default()
    }
}

#[test]
fn written_and_read_back() {
    let (_made, root, _) = one();
    let reader = Reader::open(&root, Links::Refuse).unwrap();
    let image = reader.select_image(&Selection::default()).unwrap();
    assert_eq!(
        image.platform().unwrap().unwrap().to_string(),
        "linux/amd64"
    );
    let layer = &image.manifest.layers[0];
    assert_eq!(
        reader.place(layer).unwrap(),
        Place::File(root.join(blob_path(&layer.digest)))
    );
}

#[test]
fn bytes_are_compared_before_they_are_parsed() {
    let (_made, root, manifest) = one();
    let reader = Reader::open(&root, Links::Refuse).unwrap();
    let read = || reader.select_image(&Selection::default()).unwrap_err();
    let good = files::read(&manifest).unwrap();

    let mut bad = good.clone();
    bad[0] = b'[';
    replace(&manifest, &bad);
    let error = read();
    assert_eq!(
        error.to_string(),
        format!("the blob `{}` does not have its digest", manifest.display())
    );
    assert_eq!(error.details()[1], ("found", Digest::of(&bad).to_string()));
    assert!(error.hint().unwrap().contains("again"));

    replace(&manifest, &good[1..]);
    assert!(matches!(read(), Error::WrongSize { found, .. } if found == good.len() as u64 - 1));
    replace(&manifest, &[&good[..], b" "].concat());
    let error = read();
    assert_eq!(
        error.to_string(),
        format!("the blob `{}` does not have its size", manifest.display())
    );
    assert_eq!(
        error.details()[2],
        ("found", format!("{} bytes", good.len() + 1))
    );
}

#[test]
fn what_is_no_layout() {
    let (_made, root, _) = one();
    let file = root.join(LAYOUT_FILE);
    let refused = |text: &str| {
        replace(&file, text.as_bytes());
        Reader::open(&root, Links::Refuse).unwrap_err().to_string()
    };
    let shown = root.display();
    assert_eq!(
        refused(r#"{"imageLayoutVersion":"2.0.0"}"#),
        format!("`{shown}` is a layout of version `2.0.0`, only 1.0.0 is known")
    );
    assert_eq!(
        refused("{}"),
        format!("`{shown}` is a layout of version `nothing`, only 1.0.0 is known")
    );
    assert!(refused("{").starts_with(&format!("`{shown}/oci-layout`: oci-layout is not valid: ")));
    remove(&file);
    let error = Reader::open(&root, Links::Refuse).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("`{shown}` is not an OCI layout: it has no `oci-layout`")
    );
    assert!(error.hint().is_some());
    replace(&file, br#"{"imageLayoutVersion":"1.0.0"}"#);
    replace(
        &root.join(INDEX_FILE),
        br#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#,
    );
    assert_eq!(
        Reader::open(&root, Links::Refuse).unwrap_err().to_string(),
        format!("`{shown}/index.json`: index has the key `manifests` twice in one object, at `.`")
    );
    remove(&root.join(INDEX_FILE));
    let error = Reader::open(&root, Links::Refuse).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("`{shown}` is not an OCI layout: it has no `index.json`")
    );
}

#[test]
fn absent_blobs() {
    let (_made, root, _) = one();
    let reader = Reader::open(&root, Links::Refuse).unwrap();
    let image = reader.select_image(&Selection::default()).unwrap();
    let layer = &image.manifest.layers[0];
    remove(&root.join(blob_path(&layer.digest)));
    let error = reader.place(layer).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("`{}` lacks the blob {}", root.display(), layer.digest)
    );
    assert!(error.hint().unwrap().contains("`sparse.json`"));
    // A foreign layer may be elsewhere.
    let mut foreign = layer.clone();
    foreign.media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
        .parse()
        .unwrap();
    assert_eq!(reader.place(&foreign).unwrap(), Place::Absent(vec![]));
    // A sparse layout says what it lacks.
    let mut made = Made::new();
    let sources = vec![Source {
        registry: "r".into(),
        repository: "x".into(),
    }];
    let image = made.image("linux/amd64", "y");
    made.contents.list(image);
    let layer = Descriptor::of(MediaType::known(OCI_LAYER), b"elsewhere");
    made.contents
        .add(&layer, Place::Absent(sources.clone()))
        .unwrap();
    let reader = made.open();
    assert_eq!(reader.place(&layer).unwrap(), Place::Absent(sources));
    assert_eq!(reader.sparse().unwrap().absent().len(), 1);
    replace(&made.root().join(sparse::FILE), b"{}");
    let error = Reader::open(&made.root(), Links::Refuse).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("sparse.json`: expected a document of kind"),
        "{error}"
    );
}

#[test]
fn a_layer_of_another_size() {
    let (_made, root, _) = one();
    let reader = Reader::open(&root, Links::Refuse).unwrap();
    let image = reader.select_image(&Selection::default()).unwrap();
    let layer = &image.manifest.layers[0];
    replace(&root.join(blob_path(&layer.digest)), b"xy");
    assert!(matches!(
        reader.place(layer),
        Err(Error::WrongSize {
            expected: 1,
            found: 2,
            ..
        })
    ));
}

#[test]
fn links() {
    let (made, root, manifest) = one();
    let outside = made.folder.path().join("manifest");
    replace(&outside, &files::read(&manifest).unwrap());
    remove(&manifest);
    files::symlink(&outside, &manifest).unwrap();
    let select = |links| {
        Reader::open(&root, links)
            .unwrap()
            .select_image(&Selection::default())
    };
    let error = select(Links::Refuse).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`{}` is a link that leads out of the layout",
            manifest.display()
        )
    );
    assert!(select(Links::Follow).is_ok());
    // Followed or not, the content is compared.
    replace(&outside, b"secret");
    assert!(matches!(
        select(Links::Follow),
        Err(Error::WrongSize { .. })
    ));
}

#[test]
fn platforms() {
    let mut made = Made::new();
    let amd64 = made.image("linux/amd64", "a");
    let arm64 = made.image("linux/arm64/v8", "b");
    let mut attestation = made.image("unknown/unknown", "c");
    attestation
        .annotations
        .insert(REFERENCE_TYPE.into(), "attestation-manifest".into());
    let mut silent = made.image("linux/s390x", "d");
    silent.platform = None;
    let index = made.index(vec![
        amd64.clone(),
        arm64.clone(),
        attestation,
        silent.clone(),
    ]);
    made.contents.list(tagged(index, "all"));
    let reader = made.open();
    let digest = |platform| {
        reader
            .select_image(&selection(platform))
            .unwrap()
            .descriptor
            .digest
    };
    assert_eq!(digest("linux/amd64"), amd64.digest);
    assert_eq!(digest("arm64"), arm64.digest);
    assert_eq!(digest("linux/s390x"), silent.digest);
    let error = reader
        .select_image(&selection("linux/riscv64"))
        .unwrap_err();
    assert_eq!(
        error.details(),
        [(
            "platforms",
            "linux/amd64, linux/arm64/v8, linux/s390x".to_owned()
        )]
    );
    let error = reader.select_image(&Selection::default()).unwrap_err();
    assert_eq!(error.details().len(), 3);
    assert_eq!(
        error.hint().as_deref(),
        Some("give a `platform` or a `digest`")
    );
    let error = reader.select_image(&selection("linux/*")).unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("give a `digest`"));
}

#[test]
fn tags_and_digests() {
    let mut made = Made::new();
    let (one, two) = (
        made.image("linux/amd64", "1"),
        made.image("linux/amd64", "2"),
    );
    let inner = made.index(vec![two.clone()]);
    let outer = made.index(vec![inner.clone()]);
    made.contents.list(tagged(one.clone(), "1.0"));
    made.contents.list(tagged(outer.clone(), "2.0"));
    made.contents.list(tagged(one.clone(), "latest"));
    let reader = made.open();
    let by = |digest: Option<Digest>, tag: Option<&str>| {
        reader.select_image(&Selection {
            digest,
            tag: tag.map(str::to_owned),
            platform: None,
        })
    };
    assert_eq!(by(None, Some("1.0")).unwrap().descriptor.digest, one.digest);
    assert_eq!(by(None, Some("2.0")).unwrap().descriptor.digest, two.digest);
    assert_eq!(
        by(Some(two.digest), None).unwrap().descriptor.digest,
        two.digest
    );
    assert_eq!(
        by(Some(inner.digest), None).unwrap().descriptor.digest,
        two.digest
    );
    assert_eq!(reader.select(Some(&inner.digest), None).unwrap(), inner);
    assert_eq!(
        reader.select(None, Some("2.0")).unwrap().digest,
        outer.digest
    );
    assert!(matches!(
        by(Some(two.digest), Some("1.0")),
        Err(Error::NoSuchDigest { .. })
    ));
    let error = by(None, Some("3.0")).unwrap_err();
    assert_eq!(error.details(), [("tags", "1.0, 2.0, latest".to_owned())]);
    // Tags tell them apart, and are shown.
    let error = reader.select(None, None).unwrap_err();
    assert_eq!(
        error.hint().as_deref(),
        Some("give a `tag`, a `platform` or a `digest`")
    );
    let (_, image) = &error.details()[0];
    assert!(image.ends_with(" with the tag `1.0`"), "{image}");
}

#[test]
fn nesting_has_an_end() {
    let mut made = Made::new();
    let mut deep = made.image("linux/amd64", "x");
    for _ in 0..8 {
        deep = made.index(vec![deep]);
    }
    made.contents.list(deep.clone());
    assert!(made.open().select_image(&Selection::default()).is_ok());
    let mut made = Made::new();
    let mut deep = made.image("linux/amd64", "x");
    for _ in 0..9 {
        deep = made.index(vec![deep]);
    }
    made.contents.list(deep);
    let error = made.open().select_image(&Selection::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("has indexes nested deeper than 8 levels"),
        "{error}"
    );
}

#[test]
fn media_types_are_not_confused() {
    let mut made = Made::new();
    let mut image = made.image("linux/amd64", "x");
    image.media_type = MediaType::known(OCI_INDEX);
    made.contents.list(image);
    let error = made.open().select_image(&Selection::default()).unwrap_err();
    assert!(
        error.to_string().contains("wrong media type: expected"),
        "{error}"
    );

    let mut made = Made::new();
    let mut image = made.image("linux/amd64", "x");
    image.media_type = MediaType::known(DOCKER_MANIFEST);
    made.contents.list(image);
    let error = made.open().select_image(&Selection::default()).unwrap_err();
    assert!(
        error.to_string().contains("wrong media type: expected"),
        "{error}"
    );

    let mut made = Made::new();
    let layer = made
        .contents
        .add_document(MediaType::known(OCI_LAYER), b"x".into());
    made.contents.list(layer);
    let reader = made.open();
    assert!(matches!(
        reader.select_image(&Selection::default()),
        Err(Error::NoImage { .. })
    ));
    let layer = reader.select(None, None).unwrap();
    let error = reader.read_image(&layer).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{} is not an image: its media type is {OCI_LAYER}",
            layer.digest
        )
    );
}

#[test]
fn documents_have_a_limit() {
    let mut made = Made::new();
    let mut image = made.image("linux/amd64", "x");
    image.size = 5 << 20;
    made.contents.list(image.clone());
    let error = made.open().select_image(&Selection::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the document {} is 5242880 bytes long, more than the limit of 4194304",
            image.digest
        )
    );
}

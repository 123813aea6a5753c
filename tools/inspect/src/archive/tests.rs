use super::*;

/// A tar of files (content) and links (target with `->` before it).
fn tar_of(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        let mut body = content.as_bytes();
        if let Some(target) = content.strip_prefix("->") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
            body = b"";
        }
        header.set_size(body.len() as u64);
        header.set_cksum();
        builder.append(&header, body).unwrap();
    }
    builder.into_inner().unwrap()
}

fn open(entries: &[(&str, &str)]) -> Result<Archive, Trouble> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    files::write(&path, &tar_of(entries)).unwrap();
    Archive::open(&path)
}

const LAYOUT: (&str, &str) = ("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
const INDEX: (&str, &str) = ("index.json", r#"{"schemaVersion":2,"manifests":[]}"#);

#[track_caller]
fn wrong(entries: &[(&str, &str)]) -> String {
    match open(entries).unwrap_err() {
        Trouble::Wrong { rule, message } => format!("{} {message}", rule.id()),
        Trouble::Environment { message, .. } => panic!("{message}"),
    }
}

#[test]
fn what_is_no_archive() {
    assert_eq!(
        wrong(&[("a", "b")]),
        "archive the archive has neither `index.json` nor `manifest.json`: it holds no image"
    );
    assert_eq!(
        wrong(&[INDEX]),
        "missing_blob the archive has no `oci-layout`"
    );
    assert_eq!(
        wrong(&[("oci-layout", "{}"), INDEX]),
        "layout `oci-layout` does not say that the layout is of version 1.0.0"
    );
    assert!(wrong(&[LAYOUT, ("index.json", "{")]).starts_with("document `index.json`: "));
    assert_eq!(
        wrong(&[("manifest.json", "{}")]),
        "docker_archive `manifest.json`: it is not a list"
    );
    assert_eq!(
        wrong(&[("manifest.json", r#"[{"Layers":[]}]"#)]),
        "docker_archive `manifest.json`: `Config` is missing"
    );
}

#[test]
fn links_are_followed_inside_and_no_further() {
    let archive = open(&[
        LAYOUT,
        INDEX,
        ("a/real", "content"),
        ("a/link", "->real"),
        ("b", "->./a/../a/link"),
        ("out", "->../etc/passwd"),
        ("absolute", "->/etc/passwd"),
        ("loop", "->loop"),
    ])
    .unwrap();
    for name in ["a/real", "a/link", "b"] {
        assert_eq!(archive.file_at(name, 100).unwrap(), b"content", "{name}");
    }
    let fault = |name: &str| match archive.find(name).unwrap_err() {
        Trouble::Wrong { message, .. } => message,
        Trouble::Environment { message, .. } => panic!("{message}"),
    };
    assert_eq!(
        fault("out"),
        "the link `out` leads out of the archive, to `../etc/passwd`"
    );
    assert!(fault("absolute").contains("leads out"));
    assert_eq!(fault("loop"), "too many links lead to `loop`");
    assert_eq!(fault("none"), "the archive has no `none`");
    assert!(archive.file_at("a/real", 6).is_err());
}

#[test]
fn what_is_wrong_with_an_archive_itself() {
    let archive = open(&[
        LAYOUT,
        INDEX,
        ("x", "1"),
        ("./x", "2"),
        ("../y", "3"),
        ("blobs/sha256/z", "4"),
    ])
    .unwrap();
    let found = archive.leftovers(&BTreeSet::new()).unwrap();
    let found: Vec<String> = found
        .iter()
        .map(|finding| finding.message.clone())
        .collect();
    assert_eq!(
        found,
        [
            "the path `./x` comes twice in the archive",
            "the path `../y` leads out of the archive",
            "the file `blobs/sha256/z` is no blob",
        ]
    );
}

/// The config of an archive for `docker load` has its digest for a name, with the algorithm before it (crane, kaniko) or
/// without.
#[test]
fn names_of_a_config() {
    let config = r#"{"os":"linux"}"#;
    let digest = Digest::of(config.as_bytes());
    for name in [
        format!("{}.json", digest.hex()),
        digest.to_string(),
        format!("blobs/sha256/{}", digest.hex()),
    ] {
        let manifest = format!(r#"[{{"Config":"{name}","Layers":[]}}]"#);
        let archive = open(&[(name.as_str(), config), ("manifest.json", &manifest)]).unwrap();
        assert_eq!(archive.findings, [], "{name}");
    }
    let manifest = r#"[{"Config":"sha256:00","Layers":[]}]"#;
    let archive = open(&[("sha256:00", config), ("manifest.json", manifest)]).unwrap();
    assert_eq!(
        archive.findings[0].message,
        format!("the config `sha256:00` has the digest {digest}")
    );
}

#[test]
fn an_archive_that_is_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar.gz");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut gzip, &tar_of(&[LAYOUT, INDEX])).unwrap();
    files::write(&path, &gzip.finish().unwrap()).unwrap();
    match Archive::open(&path).unwrap_err() {
        Trouble::Wrong { rule, message } => {
            assert_eq!(rule, Rule::Archive);
            let want =
                "the archive is compressed, by gzip: only its layers may be, so unpack it first";
            assert_eq!(message, want);
        }
        Trouble::Environment { message, .. } => panic!("{message}"),
    }
}

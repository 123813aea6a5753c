//! Images that are made to lead `explain` astray: each is told by what is wrong with it, in bounded time, memory and
//! output, and none makes it say that two contents are the same which are not.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use oci::Digest;
use serde_json::{Value, json};

use super::model::{CONFIG, INDEX, MANIFEST, file, model, put};
use super::{explain, names};

const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
const FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";

/// A layout that is written piece by piece.
struct Layout(PathBuf);

impl Layout {
    fn new(folder: &Path, name: &str) -> Self {
        let root = folder.join(name);
        fs::create_dir_all(root.join("blobs/sha256")).unwrap();
        fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Layout(root)
    }

    fn path(&self, digest: &Value) -> PathBuf {
        let digest = digest.as_str().unwrap().replace(':', "/");
        self.0.join("blobs").join(digest)
    }

    fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes).to_string();
        fs::write(self.path(&json!(digest)), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    fn document(&self, media_type: &str, value: &Value) -> Value {
        self.blob(media_type, value.to_string().as_bytes())
    }

    fn config(&self, diff_ids: &[Digest]) -> Value {
        let ids: Vec<String> = diff_ids.iter().map(Digest::to_string).collect();
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ids}})
    }

    fn image(&self, config: &Value, layers: &[Value]) -> Value {
        let config = self.document(CONFIG, config);
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        self.document(MANIFEST, &manifest)
    }

    /// An image of layers as they are, each with the diff_id that its tar has.
    fn of(&self, layers: &[(&str, &[u8], &[u8])]) -> Value {
        let ids: Vec<Digest> = layers.iter().map(|(_, tar, _)| Digest::of(tar)).collect();
        let layers: Vec<Value> = layers
            .iter()
            .map(|(kind, _, blob)| self.blob(kind, blob))
            .collect();
        self.image(&self.config(&ids), &layers)
    }

    fn index(&self, children: &[Value]) -> Value {
        self.document(
            INDEX,
            &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children}),
        )
    }

    fn root(&self, listed: &Value) {
        let top = json!({"schemaVersion": 2, "manifests": [listed]});
        fs::write(self.0.join("index.json"), top.to_string()).unwrap();
    }

    /// The bytes of a document are others than its digest says.
    fn overwrite(&self, listed: &Value, bytes: &[u8]) {
        fs::write(self.path(&listed["digest"]), bytes).unwrap();
    }
}

fn tar(paths: &[&'static str]) -> Vec<u8> {
    let mut tar = Vec::new();
    for path in paths {
        put(&file(path, "content\n"), &mut tar);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The frame of zstd that unpacks to `head` and so many blocks of 128 KiB of zeros: four bytes for each.
fn bomb(head: &[u8], blocks: u32) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    frame.extend(&((u32::try_from(head.len()).unwrap()) << 3).to_le_bytes()[..3]);
    frame.extend(head);
    for at in 0..blocks {
        let last = u32::from(at + 1 == blocks);
        frame.extend(&(((128 << 10) << 3) | 1 << 1 | last).to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

/// One side is sound. What is wrong with the other, whichever it is, is told so, with exit 1.
type Hostile = (&'static str, &'static str, fn(&Layout));

const REFUSED: &[Hostile] = &[
    ("the manifest is another", "[digest]", |l| {
        let image = l.of(&[(TAR, &tar(&["b"]), &tar(&["b"]))]);
        let size = image["size"].as_u64().unwrap();
        l.overwrite(&image, &vec![b' '; usize::try_from(size).unwrap()]);
        l.root(&image);
    }),
    ("the manifest is cut off", "[size]", |l| {
        let image = l.of(&[(TAR, &tar(&["b"]), &tar(&["b"]))]);
        l.overwrite(&image, b"{");
        l.root(&image);
    }),
    ("the manifest is lost", "[missing_blob]", |l| {
        let image = l.of(&[(TAR, &tar(&["b"]), &tar(&["b"]))]);
        fs::remove_file(l.path(&image["digest"])).unwrap();
        l.root(&image);
    }),
    ("the manifest is too large", "[too_large]", |l| {
        l.root(&l.blob(MANIFEST, &vec![b' '; (4 << 20) + 1]));
    }),
    ("a key comes twice in the manifest", "[two_meanings]", |l| {
        l.root(&l.blob(MANIFEST, br#"{"schemaVersion":2,"schemaVersion":2}"#));
    }),
    ("a key comes twice in the config", "[two_meanings]", |l| {
        let config = l.blob(CONFIG, br#"{"os":"linux","os":"windows"}"#);
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []});
        l.root(&l.document(MANIFEST, &manifest));
    }),
    ("a manifest that is an index too", "[two_meanings]", |l| {
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": l.blob(CONFIG, b"{}"), "layers": [], "manifests": []});
        l.root(&l.document(MANIFEST, &manifest));
    }),
    (
        "an index under the name of a manifest",
        "[media_type]",
        |l| {
            let mut index = l.index(&[]);
            index["mediaType"] = json!(MANIFEST);
            l.root(&index);
        },
    ),
    ("layers that are a number", "[document]", |l| {
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": l.blob(CONFIG, b"{}"), "layers": 1});
        l.root(&l.document(MANIFEST, &manifest));
    }),
    ("a digest that is a path", "[document]", |l| {
        let layer = json!({"mediaType": TAR, "digest": "sha256:../../../etc/passwd", "size": 1});
        l.root(&l.image(&l.config(&[]), &[layer]));
    }),
    ("a size below zero", "[document]", |l| {
        let layer = json!({"mediaType": TAR, "digest": Digest::of(b"x"), "size": -1});
        l.root(&l.image(&l.config(&[]), &[layer]));
    }),
    (
        "a document of a hundred thousand brackets",
        "[document]",
        |l| {
            l.root(&l.blob(MANIFEST, &vec![b'['; 100_000]));
        },
    ),
    ("a document that is not UTF-8", "[document]", |l| {
        l.root(&l.blob(MANIFEST, b"{\"a\":\"\xff\"}"));
    }),
    ("indexes nested too deep", "[nesting]", |l| {
        let mut node = l.of(&[(TAR, &tar(&["b"]), &tar(&["b"]))]);
        for _ in 0..20 {
            node = l.index(&[node]);
        }
        l.root(&node);
    }),
    ("an index that lists itself", "[digest]", |l| {
        let mut index = l.index(&[]);
        // As long as the one that has the digest.
        let own = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [index]}).to_string();
        l.overwrite(&index, own.as_bytes());
        index["size"] = json!(own.len());
        l.root(&index);
    }),
    ("a blob that leads out of the layout", "[layout]", |l| {
        let image = l.of(&[(TAR, &tar(&["b"]), &tar(&["b"]))]);
        fs::remove_file(l.path(&image["digest"])).unwrap();
        symlink("/etc/passwd", l.path(&image["digest"])).unwrap();
        l.root(&image);
    }),
    ("a layer that is cut off", "[size]", |l| {
        let (tar, layer) = (tar(&["b"]), gzip(&tar(&["b"])));
        let image = l.of(&[(GZIP, &tar, &layer)]);
        fs::write(
            l.path(&json!(Digest::of(&layer))),
            &layer[..layer.len() / 2],
        )
        .unwrap();
        l.root(&image);
    }),
    ("a layer with other bytes", "[digest]", |l| {
        let (tar, mut other) = (tar(&["b"]), tar(&["c"]));
        other.resize(tar.len(), 0);
        let image = l.of(&[(TAR, &tar, &tar)]);
        fs::write(l.path(&json!(Digest::of(&tar))), &other).unwrap();
        l.root(&image);
    }),
    (
        "a layer that was cut off before it was hashed",
        "[unpack]",
        |l| {
            let tar = tar(&["b"]);
            let layer = gzip(&tar);
            l.root(&l.of(&[(GZIP, &tar, &layer[..layer.len() / 2])]));
        },
    ),
    (
        "a tar that was cut off before it was hashed",
        "[tar]",
        |l| {
            let tar = &tar(&["b"])[..700];
            l.root(&l.of(&[(TAR, tar, tar)]));
        },
    ),
    ("text that is called a layer", "[tar]", |l| {
        l.root(&l.of(&[(TAR, b"no tar at all", b"no tar at all")]));
    }),
    ("a layer of very many bytes", "[size]", |l| {
        let tar = tar(&["b"]);
        let mut layer = l.blob(TAR, &tar);
        layer["size"] = json!(i64::MAX);
        l.root(&l.image(&l.config(&[Digest::of(&tar)]), &[layer]));
    }),
    ("a bomb", "[bomb]", |l| {
        let mut head = Vec::new();
        put(&file("big", ""), &mut head);
        // The size that the header says: 8 GiB, of a type that no reader knows.
        let mut header = tar::Header::from_byte_slice(&head).clone();
        header.set_size(8 << 30);
        header.set_entry_type(tar::EntryType::new(b'V'));
        header.set_cksum();
        l.root(&l.of(&[(ZSTD, b"", &bomb(header.as_bytes(), 9000))]));
    }),
    ("a diff_id that is the other's", "[diff_id]", |l| {
        // Two configs say that both unpack to the same: then only the form would differ.
        let layer = l.blob(GZIP, &gzip(&tar(&["evil"])));
        l.root(&l.image(&l.config(&[Digest::of(&tar(&["a"]))]), &[layer]));
    }),
    ("a thousand and one layers", "[many_layers]", |l| {
        let layer = l.blob(TAR, &tar(&["b"]));
        l.root(&l.image(&l.config(&[]), &vec![layer; 1001]));
    }),
    ("a manifest of Docker's schema 1", "[", |l| {
        l.root(&l.blob(
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            b"{}",
        ));
    }),
    ("an index that is no JSON", "index.json", |l| {
        fs::write(l.0.join("index.json"), "{").unwrap();
    }),
    ("an index that lists nothing", "several images", |l| {
        fs::write(
            l.0.join("index.json"),
            r#"{"schemaVersion":2,"manifests":[]}"#,
        )
        .unwrap();
    }),
];

#[test]
fn what_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sound = Layout::new(folder.path(), "sound");
    sound.root(&sound.of(&[(TAR, &tar(&["a"]), &tar(&["a"]))]));
    let mut wrong = Vec::new();
    for (at, (name, part, make)) in REFUSED.iter().enumerate() {
        let layout = format!("hostile-{at}");
        make(&Layout::new(folder.path(), &layout));
        for sides in [["sound", &layout], [&layout, "sound"]] {
            let begin = Instant::now();
            let (code, _, error) = explain(folder.path(), &sides);
            if code != 1 || !error.contains(part) || error.len() > 4096 {
                wrong.push(format!("{name}: exit {code}, expected `{part}`: {error}"));
            }
            if begin.elapsed() > Duration::from_secs(120) {
                wrong.push(format!("{name}: it took {:?}", begin.elapsed()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Archives that are refused by what is wrong with the archive itself, as `verify image` does it.
#[test]
fn archives_that_are_refused() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/cases/verify");
    // Another image: what both sides have is not opened.
    let sound = cases.join("error_path_twice/inputs/image");
    let folder = tempfile::tempdir().unwrap();
    for (name, rule) in [
        ("cut", "archive"),
        ("docker_key_twice", "two_meanings"),
        ("docker_lacks_a_layer", "missing_blob"),
        ("empty", "archive"),
        ("escapes", "path_escape"),
        ("lacks_a_blob", "missing_blob"),
        ("link_leads_out", "path_escape"),
        ("link_loops", "archive"),
        ("no_tar", "archive"),
        ("path_twice", "document"),
    ] {
        let archive = cases.join(format!("error_archive_{name}/inputs/image.tar"));
        let (sound, archive) = (sound.to_str().unwrap(), archive.to_str().unwrap());
        for sides in [[sound, archive], [archive, sound]] {
            let (code, _, error) = explain(folder.path(), &sides);
            assert!(
                code == 1 && error.contains(&format!("[{rule}]")),
                "{name}: exit {code}: {error}"
            );
        }
    }
}

/// The output for people, and how long it took.
fn shown(folder: &Path, first: &str, second: &str) -> (i32, String, Duration) {
    let begin = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_verify"))
        .args(["explain", first, second])
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code().unwrap(), text, begin.elapsed())
}

/// However much differs, what is printed can be read, soon, and everything is counted.
#[test]
fn very_much_differs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let many = |word: &str, n: usize| -> Value {
        (0..n)
            .map(|at| (format!("key-{at}"), json!(format!("{word} {at}"))))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let tar = |word: &str| {
        let mut tar = Vec::new();
        for at in 0..30_000 {
            let mut header = tar::Header::new_ustar();
            // A third is only on one side, a third differs in its mode, a third in its content.
            let (name, mode, content) = match at % 3 {
                0 => (format!("{word}/{at}"), 0o644, "same"),
                1 => (
                    format!("mode/{at}"),
                    if word == "a" { 0o644 } else { 0o600 },
                    "same",
                ),
                _ => (format!("content/{at}"), 0o644, word),
            };
            header.set_path(name).unwrap();
            header.set_mode(mode);
            header.set_size(content.len() as u64);
            header.set_cksum();
            tar.extend(header.as_bytes());
            tar.extend(content.as_bytes());
            tar.resize(tar.len().next_multiple_of(512), 0);
        }
        tar.resize(tar.len() + 1024, 0);
        tar
    };
    for word in ["a", "b"] {
        let layout = Layout::new(folder, word);
        let tar = tar(word);
        let mut config = layout.config(&[Digest::of(&tar)]);
        config["config"] = json!({"Labels": many(word, 1000)});
        config["history"] = (0..20_000)
            .map(|at| json!({"comment": format!("{word} {at}")}))
            .collect();
        let layer = layout.blob(GZIP, &gzip(&tar));
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": layout.document(CONFIG, &config), "layers": [layer], "annotations": many(word, 20_000)});
        let image = layout.document(MANIFEST, &manifest);
        let platform = |at: usize| {
            let mut child = image.clone();
            child["platform"] = json!({"os": "linux", "architecture": format!("{word}{at}")});
            child
        };
        let mut children = vec![image.clone()];
        children.extend((0..5000).map(platform));
        layout.root(&layout.index(&children));
    }
    let (code, text, time) = shown(folder, "a", "b");
    assert_eq!(code, 11);
    assert!(
        text.lines().count() < 400 && text.len() < 100_000,
        "{} lines",
        text.lines().count()
    );
    assert!(time < Duration::from_secs(120), "{time:?}");
    for part in [
        "platform.removed linux/a19: ",
        "→ nothing, and 4980 more (",
        "manifest.annotations `key-",
        "and 19980 more (",
        "tar.added `b/0`: nothing → file, and 9999 more (",
        "tar.mode `mode/1`: 0644 → 0600, and 9999 more (",
        "content.text `content/2`: ",
        ", and 9995 more (",
    ] {
        assert!(
            text.contains(part),
            "{part}: {}",
            &text[..text.len().min(20_000)]
        );
    }
}

/// An index whose paths are many more than its nodes, and layers that come again and again.
#[test]
fn few_nodes_and_many_paths() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for word in ["a", "b"] {
        let layout = Layout::new(folder, word);
        let tar = tar(&[word]);
        let layer = layout.blob(GZIP, &gzip(&tar));
        let ids = vec![Digest::of(&tar); 900];
        let mut node = layout.image(&layout.config(&ids), &vec![layer; 900]);
        for level in 0..7 {
            let child = |at: usize| {
                let mut child = node.clone();
                child["platform"] =
                    json!({"os": "linux", "architecture": format!("a{level}-{at}")});
                child
            };
            let children: Vec<Value> = (0..50).map(child).collect();
            node = layout.index(&children);
        }
        layout.root(&node);
    }
    let (code, text, time) = shown(folder, "a", "b");
    assert_eq!(code, 11, "{text}");
    assert!(time < Duration::from_secs(120), "{time:?}");
    assert!(text.lines().count() < 500, "{} lines", text.lines().count());
    assert!(text.contains("tar.removed `a`: file → nothing"), "{text}");
}

/// What names in an image say is said, and not done: by the terminal or by the file system.
#[test]
fn names_that_do_something() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let inner = folder.join("inner");
    fs::create_dir(&inner).unwrap();
    for (word, paths) in [
        ("a", ["x", "y"]),
        ("b", ["\x1b[2J\r\x07../../escaped", "../../escaped"]),
    ] {
        let layout = Layout::new(&inner, word);
        let tar = tar(&paths);
        let mut config = layout.config(&[Digest::of(&tar)]);
        config["config"] = json!({"Env": [format!("A=\u{1b}]0;{word}\u{7}")], "Labels": {format!("\u{1b}[31m{word}"): "\r"}});
        let layer = layout.blob(TAR, &tar);
        let mut image = layout.image(&config, &[layer]);
        image["platform"] =
            json!({"os": "linux", "architecture": "amd64", "os.version": "\u{1b}[1m"});
        layout.root(&layout.index(&[image]));
    }
    let (code, text, _) = shown(&inner, "a", "b");
    assert_eq!(code, 11, "{text}");
    assert!(
        text.contains("`\\u{1b}[2J\\r\\u{7}../../escaped`"),
        "{text}"
    );
    assert!(
        !text.contains(|c: char| c.is_control() && c != '\n'),
        "{text:?}"
    );
    let mut left: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|one| one.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["inner"]);
}

/// Blobs that are no layers of files are compared as they are: of artifacts, of attestations in an index.
#[test]
fn artifacts_and_attestations() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let statement = "application/vnd.in-toto+json";
    let empty = "application/vnd.oci.empty.v1+json";
    for (word, title) in [("a", "file.txt"), ("b", "file.txt")] {
        let artifact = Layout::new(folder, &format!("artifact-{word}"));
        let mut layer = artifact.blob("text/plain", format!("one\n{word}\n").as_bytes());
        layer["annotations"] = json!({"org.opencontainers.image.title": title});
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "text/plain",
            "config": artifact.blob(empty, b"{}"), "layers": [layer]});
        artifact.root(&artifact.document(MANIFEST, &manifest));

        let layout = Layout::new(folder, &format!("attested-{word}"));
        let mut image = layout.of(&[(TAR, &tar(&["a"]), &tar(&["a"]))]);
        let document = format!("{{\"said by\":\"{word}\"}}");
        let mut attestation = layout.of(&[(statement, document.as_bytes(), document.as_bytes())]);
        attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"]});
        image["platform"] = json!({"os": "linux", "architecture": "amd64"});
        layout.root(&layout.index(&[image.clone(), attestation]));
        let bare = Layout::new(folder, &format!("bare-{word}"));
        bare.of(&[(TAR, &tar(&["a"]), &tar(&["a"]))]);
        image.as_object_mut().unwrap().remove("platform");
        bare.root(&image);
    }
    let json = ["--format", "json"];
    let (code, value, error) =
        explain(folder, &[&["artifact-a", "artifact-b"], &json[..]].concat());
    assert_eq!(
        (code, names(&value)),
        (11, vec!["content.text".to_owned()]),
        "{error}"
    );
    let leaf = &value["causes"][0]["causes"][0];
    assert_eq!(
        (&leaf["at"], &leaf["lines"]),
        (&json!("`file.txt`"), &json!(["line 2", "- a", "+ b"]))
    );
    // What an attestation says is no content of the image.
    let (code, value, error) =
        explain(folder, &[&["attested-a", "attested-b"], &json[..]].concat());
    assert_eq!(code, 10, "{error}");
    assert_eq!(value["causes"][0]["cause"], "attestation");
    assert_eq!(value["causes"][0]["at"], "attestation of linux/amd64");
    assert!(
        names(&value).contains(&"content.text".to_owned()),
        "{value}"
    );
    let (code, value, error) = explain(folder, &[&["attested-a", "bare-a"], &json[..]].concat());
    assert_eq!(
        (code, names(&value)),
        (10, vec!["index.kind".to_owned()]),
        "{error}"
    );
}

/// A layer that is kept out of layouts, one that a sparse layout lacks, and a side that is nothing at all.
#[test]
fn what_one_side_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for word in ["a", "b"] {
        let layout = Layout::new(folder, &format!("foreign-{word}"));
        let tar = tar(&[word]);
        let layer = layout.blob(FOREIGN, &gzip(&tar));
        layout.root(&layout.image(
            &layout.config(&[Digest::of(&tar)]),
            std::slice::from_ref(&layer),
        ));
        if word == "b" {
            fs::remove_file(layout.path(&layer["digest"])).unwrap();
        }
    }
    let json = ["--format", "json"];
    let (code, value, error) = explain(folder, &[&["foreign-a", "foreign-b"], &json[..]].concat());
    assert_eq!(
        (code, names(&value)),
        (11, vec!["layer.unread".to_owned()]),
        "{error}"
    );
    let output = Command::new(env!("CARGO_BIN_EXE_verify"))
        .args(["image", "foreign-b"])
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.contains("1 blob not read, as they are elsewhere"),
        "{text}"
    );
    // A manifest cannot be elsewhere: then nothing can be said.
    model().write(&folder.join("whole"));
    model().write(&folder.join("sparse"));
    let top: Value =
        serde_json::from_slice(&fs::read(folder.join("sparse/index.json")).unwrap()).unwrap();
    let root = &top["manifests"][0];
    let sparse = json!({"kind": "sparse_layout", "version": 1, "absent": [{"digest": root["digest"], "size": root["size"], "media_type": root["mediaType"]}]});
    fs::write(folder.join("sparse/sparse.json"), sparse.to_string()).unwrap();
    fs::remove_file(
        folder
            .join("sparse/blobs")
            .join(root["digest"].as_str().unwrap().replace(':', "/")),
    )
    .unwrap();
    let (code, _, _) = explain(folder, &["whole", "sparse"]);
    assert_eq!(code, 0, "an equal digest is not opened");
    let (code, _, error) = explain(folder, &["foreign-a", "sparse"]);
    assert_eq!(code, 1, "{error}");
    for (nothing, part) in [
        ("nowhere", "there is no such file"),
        ("empty", "oci-layout"),
    ] {
        fs::create_dir_all(folder.join("empty")).unwrap();
        let (code, _, error) = explain(folder, &["whole", nothing]);
        assert!(code == 1 && error.contains(part), "{code}: {error}");
    }
}

/// Listings that are none, of either side.
#[test]
fn listings_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut words = vec!["a".to_owned(), "b".to_owned()];
    for word in ["a", "b"] {
        let layout = Layout::new(folder, word);
        let tar = tar(&[word]);
        layout.root(&layout.of(&[(TAR, &tar, &tar)]));
        words.extend([
            "--listing".to_owned(),
            format!("{}=listing", Digest::of(&tar)),
        ]);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for (bytes, part) in [
        (&b"\xff\xfe"[..], "line 1"),
        (b"{}", "line 1"),
        (b"[]\n", "line 1"),
        (
            br#"{"gid":0,"gid":0,"mode":"0644","mtime":0,"path":"a","type":"file","uid":0}"#,
            "duplicate field `gid`",
        ),
    ] {
        fs::write(folder.join("listing"), bytes).unwrap();
        let (code, _, error) = explain(folder, &words);
        assert!(
            code == 1 && error.contains("`listing` is not a listing") && error.contains(part),
            "{code}: {error}"
        );
    }
}

/// Very many members, and texts that are long, wide, or no texts.
#[test]
fn odd_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let member = gzip(b"");
    let line = |word: &str, n: usize| word.repeat(n);
    for (word, members) in [("a", 70_000), ("b", 70_001)] {
        let mut tar = Vec::new();
        for (path, content) in [
            ("wide", line(word, 60_000)),
            ("large", line(&format!("{word}\n"), 600_000)),
            ("binary", format!("{word}\0")),
        ] {
            let mut entry = file(path, "");
            entry.content = content.into_bytes();
            put(&entry, &mut tar);
        }
        tar.resize(tar.len() + 1024, 0);
        let mut same = super::hostile::tar(&["same"]);
        same.resize(same.len() + 512, 0);
        let members = [gzip(&same), member.repeat(members)].concat();
        let layout = Layout::new(folder, word);
        layout.root(&layout.of(&[(GZIP, &same, &members), (GZIP, &tar, &gzip(&tar))]));
    }
    let (code, value, error) = explain(folder, &["a", "b", "--format", "json"]);
    assert_eq!(code, 11, "{error}");
    assert_eq!(
        names(&value),
        [
            "compressor.flush",
            "content.text",
            "content.bytes",
            "content.bytes"
        ]
    );
    let text = value.to_string();
    assert!(text.len() < 4096, "{} bytes", text.len());
}

//! `verify explain` on single mutations: each is named by its cause, and nothing else is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests fail by panics, and read what the program wrote"
)]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use oci::Digest;
use serde_json::{Value, json};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// One entry of a tar.
#[derive(Clone)]
struct Entry {
    path: &'static str,
    kind: u8,
    content: Vec<u8>,
    link: &'static str,
    mode: u32,
    owner: (u64, u64),
    names: (&'static str, &'static str),
    mtime: u64,
    device: (u32, u32),
    pax: Vec<(&'static str, &'static str)>,
    gnu: bool,
    /// Bytes of the header that mean nothing: the reserved end.
    reserved: u8,
    padding: u8,
}

fn file(path: &'static str, content: &str) -> Entry {
    Entry {
        path,
        kind: b'0',
        content: content.as_bytes().to_vec(),
        link: "",
        mode: 0o644,
        owner: (0, 0),
        names: ("", ""),
        mtime: 0,
        device: (0, 0),
        pax: Vec::new(),
        gnu: false,
        reserved: 0,
        padding: 0,
    }
}

fn pax(records: &[(&str, &str)], out: &mut Vec<u8>) {
    let mut body = Vec::new();
    for (key, value) in records {
        let rest = format!(" {key}={value}\n");
        let mut length = rest.len() + 1;
        while length.to_string().len() + rest.len() != length {
            length = length.to_string().len() + rest.len();
        }
        body.extend(format!("{length}{rest}").bytes());
    }
    let mut header = tar::Header::new_ustar();
    header.set_path("pax").unwrap();
    header.set_entry_type(tar::EntryType::XHeader);
    header.set_size(body.len() as u64);
    header.set_cksum();
    out.extend(header.as_bytes());
    out.extend(&body);
    out.resize(out.len().next_multiple_of(512), 0);
}

fn put(entry: &Entry, out: &mut Vec<u8>) {
    if !entry.pax.is_empty() {
        pax(&entry.pax, out);
    }
    let mut header = if entry.gnu {
        tar::Header::new_gnu()
    } else {
        tar::Header::new_ustar()
    };
    header.as_old_mut().name[..entry.path.len()].copy_from_slice(entry.path.as_bytes());
    header.as_old_mut().linkname[..entry.link.len()].copy_from_slice(entry.link.as_bytes());
    header.set_entry_type(tar::EntryType::new(entry.kind));
    header.set_mode(entry.mode);
    header.set_uid(entry.owner.0);
    header.set_gid(entry.owner.1);
    header.set_username(entry.names.0).unwrap();
    header.set_groupname(entry.names.1).unwrap();
    header.set_mtime(entry.mtime);
    header.set_device_major(entry.device.0).unwrap();
    header.set_device_minor(entry.device.1).unwrap();
    header.set_size(entry.content.len() as u64);
    header.as_mut_bytes()[511] = entry.reserved;
    header.set_cksum();
    out.extend(header.as_bytes());
    out.extend(&entry.content);
    out.resize(out.len().next_multiple_of(512), entry.padding);
}

#[derive(Clone)]
enum Codec {
    None,
    Gzip {
        level: u32,
        mtime: u32,
        members: usize,
        flush: bool,
    },
    Zstd {
        level: i32,
        checksum: bool,
        frames: usize,
    },
}

const GZIP: Codec = Codec::Gzip {
    level: 6,
    mtime: 0,
    members: 1,
    flush: false,
};

impl Codec {
    fn pack(&self, tar: &[u8]) -> Vec<u8> {
        match *self {
            Codec::None => tar.to_vec(),
            Codec::Gzip {
                level,
                mtime,
                members,
                flush,
            } => {
                let mut out = Vec::new();
                for part in tar.chunks(tar.len().div_ceil(members)) {
                    let level = flate2::Compression::new(level);
                    let mut gzip = flate2::GzBuilder::new()
                        .mtime(mtime)
                        .write(Vec::new(), level);
                    let (head, tail) = part.split_at(part.len() / 2);
                    gzip.write_all(head).unwrap();
                    if flush {
                        gzip.flush().unwrap();
                    }
                    gzip.write_all(tail).unwrap();
                    out.extend(gzip.finish().unwrap());
                }
                out
            }
            Codec::Zstd {
                level,
                checksum,
                frames,
            } => {
                let mut out = Vec::new();
                for part in tar.chunks(tar.len().div_ceil(frames)) {
                    let mut zstd = zstd::Encoder::new(Vec::new(), level).unwrap();
                    zstd.include_checksum(checksum).unwrap();
                    zstd.set_pledged_src_size(Some(part.len() as u64)).unwrap();
                    zstd.write_all(part).unwrap();
                    out.extend(zstd.finish().unwrap());
                }
                out
            }
        }
    }

    fn suffix(&self) -> &'static str {
        match self {
            Codec::None => "",
            Codec::Gzip { .. } => "+gzip",
            Codec::Zstd { .. } => "+zstd",
        }
    }
}

#[derive(Clone)]
struct Layer {
    entries: Vec<Entry>,
    codec: Codec,
    media_type: Option<&'static str>,
    annotations: Value,
    end: usize,
}

#[derive(Clone)]
struct Image {
    layers: Vec<Layer>,
    config: Value,
    manifest: Value,
    /// White space after each colon of the manifest, or the config.
    spaced: (bool, bool),
    descriptor: Value,
}

/// What is written to disk.
#[derive(Clone)]
struct Model {
    images: Vec<Image>,
    index: Value,
    tag: &'static str,
}

fn model() -> Model {
    let words: String = (0..4000)
        .map(|n| format!("line {} of the text\n", n * 7919 % 4000))
        .collect();
    let lower = Layer {
        entries: vec![
            Entry {
                kind: b'5',
                mode: 0o755,
                ..file("etc/", "")
            },
            file("etc/motd", "hello\nworld\n"),
            file("etc/words", &words),
            Entry {
                kind: b'2',
                link: "etc/motd",
                mode: 0o777,
                ..file("link", "")
            },
            Entry {
                kind: b'3',
                device: (1, 3),
                ..file("null", "")
            },
            Entry {
                pax: vec![("SCHILY.xattr.user.a", "1")],
                ..file("xattr", "x")
            },
        ],
        codec: GZIP,
        media_type: None,
        annotations: json!({}),
        end: 2,
    };
    let upper = Layer {
        entries: vec![
            file("app", "#!/bin/sh\necho app\n"),
            file("etc/issue", "issue\n"),
        ],
        codec: GZIP,
        ..lower.clone()
    };
    let image = |architecture: &str| Image {
        layers: vec![lower.clone(), upper.clone()],
        config: json!({
            "architecture": architecture, "os": "linux", "created": "1970-01-01T00:00:00Z", "author": "me",
            "config": {"Entrypoint": ["/app"], "Cmd": ["x"], "Env": ["PATH=/bin"], "User": "1", "WorkingDir": "/",
                "Labels": {"l": "1"}, "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/v": {}}, "StopSignal": "15",
                "Shell": ["sh"], "Healthcheck": {"Test": ["NONE"]}, "Hostname": "h"},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "layer", "comment": "c", "author": "a"}, {"created_by": "two"}],
        }),
        manifest: json!({"annotations": {"m": "1"}}),
        spaced: (false, false),
        descriptor: json!({"platform": {"architecture": architecture, "os": "linux"}, "annotations": {"d": "1"}}),
    };
    Model {
        images: vec![image("amd64"), image("arm64")],
        index: json!({"annotations": {"i": "1"}}),
        tag: "latest",
    }
}

fn merge(into: &mut Value, from: &Value) {
    for (key, value) in from.as_object().unwrap() {
        into[key] = value.clone();
    }
}

impl Model {
    fn first(&mut self) -> &mut Image {
        &mut self.images[0]
    }

    fn lower(&mut self) -> &mut Layer {
        &mut self.images[0].layers[0]
    }

    fn entry(&mut self, at: usize) -> &mut Entry {
        &mut self.images[0].layers[0].entries[at]
    }

    fn write(&self, folder: &Path) {
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        let put_blob = |media_type: &str, bytes: &[u8]| {
            let digest = Digest::of(bytes);
            std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
            json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()})
        };
        let text = |value: &Value, spaced: bool| match spaced {
            true => serde_json::to_vec_pretty(value).unwrap(),
            false => serde_json::to_vec(value).unwrap(),
        };
        let mut manifests = Vec::new();
        for image in &self.images {
            let mut diff_ids = Vec::new();
            let mut layers = Vec::new();
            for layer in &image.layers {
                let mut tar = Vec::new();
                for entry in &layer.entries {
                    put(entry, &mut tar);
                }
                tar.resize(tar.len() + layer.end * 512, 0);
                diff_ids.push(Digest::of(&tar).to_string());
                let usual = format!("{LAYER}{}", layer.codec.suffix());
                let mut described =
                    put_blob(layer.media_type.unwrap_or(&usual), &layer.codec.pack(&tar));
                merge(&mut described, &json!({"annotations": layer.annotations}));
                layers.push(described);
            }
            let mut config = image.config.clone();
            config["rootfs"] = json!({"type": "layers", "diff_ids": diff_ids});
            let config = put_blob(CONFIG, &text(&config, image.spaced.1));
            let mut manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
            merge(&mut manifest, &image.manifest);
            let mut described = put_blob(MANIFEST, &text(&manifest, image.spaced.0));
            merge(&mut described, &image.descriptor);
            manifests.push(described);
        }
        let mut index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        merge(&mut index, &self.index);
        let mut root = put_blob(INDEX, &text(&index, false));
        root["annotations"] = json!({"org.opencontainers.image.ref.name": self.tag});
        let top = json!({"schemaVersion": 2, "manifests": [root]});
        std::fs::write(folder.join("index.json"), top.to_string()).unwrap();
        std::fs::write(
            folder.join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
    }
}

fn leaves(causes: &Value, out: &mut Vec<Value>) {
    for cause in causes.as_array().into_iter().flatten() {
        match cause["causes"].as_array() {
            Some(_) => leaves(&cause["causes"], out),
            None => out.push(cause.clone()),
        }
    }
}

fn explain(folder: &Path, words: &[&str]) -> (i32, Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_verify"))
        .args([&["explain"], words].concat())
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    let value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), value, error)
}

type Mutation = (&'static str, i32, fn(&mut Model));

fn set(model: &mut Model, key: &str, value: Value) {
    model.first().config["config"][key] = value;
}

/// The cause, the exit code, the mutation.
const TABLE: &[Mutation] = &[
    ("layout.tags", 10, |m| m.tag = "other"),
    ("index.annotations", 10, |m| {
        m.index["annotations"]["i"] = json!("2")
    }),
    ("index.artifact_type", 10, |m| {
        m.index["artifactType"] = json!("application/x")
    }),
    (
        "index.subject",
        10,
        |m| {
            m.index["subject"] =
                json!({"mediaType": MANIFEST, "digest": Digest::of(b"s"), "size": 1})
        },
    ),
    ("index.order", 10, |m| m.images.reverse()),
    ("index.other", 10, |m| m.index["x-later"] = json!(1)),
    ("platform.added", 11, |m| {
        let mut more = m.images[0].clone();
        more.descriptor["platform"]["architecture"] = json!("riscv64");
        m.images.push(more);
    }),
    ("platform.removed", 11, |m| drop(m.images.pop())),
    ("descriptor.platform", 11, |m| {
        m.first().descriptor["platform"]["os.version"] = json!("1")
    }),
    ("descriptor.annotations", 10, |m| {
        m.first().descriptor["annotations"]["d"] = json!("2")
    }),
    ("descriptor.other", 10, |m| {
        m.first().descriptor["artifactType"] = json!("a/b")
    }),
    ("json.form", 10, |m| m.first().spaced.0 = true),
    ("json.form", 10, |m| m.first().spaced.1 = true),
    ("manifest.annotations", 10, |m| {
        m.first().manifest["annotations"]["m"] = json!("2")
    }),
    ("manifest.artifact_type", 10, |m| {
        m.first().manifest["artifactType"] = json!("a/b")
    }),
    (
        "manifest.subject",
        10,
        |m| {
            m.first().manifest["subject"] =
                json!({"mediaType": MANIFEST, "digest": Digest::of(b"s"), "size": 1})
        },
    ),
    ("manifest.other", 10, |m| {
        m.first().manifest["x-later"] = json!(1)
    }),
    ("config.platform", 11, |m| {
        m.first().config["variant"] = json!("v2")
    }),
    ("config.created", 10, |m| {
        m.first().config["created"] = json!("2020-01-01T00:00:00Z")
    }),
    ("config.author", 10, |m| {
        m.first().config["author"] = json!("you")
    }),
    ("config.entrypoint", 11, |m| {
        set(m, "Entrypoint", json!(["/other"]))
    }),
    ("config.cmd", 11, |m| set(m, "Cmd", json!(["y"]))),
    ("config.env", 11, |m| {
        set(m, "Env", json!(["PATH=/usr/bin"]))
    }),
    ("config.user", 11, |m| set(m, "User", json!("2"))),
    ("config.working_dir", 11, |m| {
        set(m, "WorkingDir", json!("/w"))
    }),
    ("config.labels", 11, |m| set(m, "Labels", json!({"l": "2"}))),
    ("config.exposed_ports", 11, |m| {
        set(m, "ExposedPorts", json!({"81/tcp": {}}))
    }),
    ("config.volumes", 11, |m| {
        set(m, "Volumes", json!({"/w": {}}))
    }),
    ("config.stop_signal", 11, |m| {
        set(m, "StopSignal", json!("9"))
    }),
    ("config.shell", 11, |m| set(m, "Shell", json!(["bash"]))),
    ("config.healthcheck", 11, |m| {
        set(m, "Healthcheck", json!({"Test": ["CMD", "x"]}))
    }),
    ("config.other", 11, |m| set(m, "Hostname", json!("i"))),
    ("history.created", 10, |m| {
        m.first().config["history"][0]["created"] = json!("2020-01-01T00:00:00Z")
    }),
    ("history.created_by", 10, |m| {
        m.first().config["history"][0]["created_by"] = json!("other")
    }),
    ("history.comment", 10, |m| {
        m.first().config["history"][0]["comment"] = json!("d")
    }),
    ("history.author", 10, |m| {
        m.first().config["history"][0]["author"] = json!("b")
    }),
    ("history.empty_layer", 10, |m| {
        m.first().config["history"][0]["empty_layer"] = json!(false)
    }),
    ("history.count", 10, |m| {
        m.first().config["history"]
            .as_array_mut()
            .unwrap()
            .push(json!({"empty_layer": true}))
    }),
    ("layers.added", 11, |m| {
        let mut more = m.images[0].layers[1].clone();
        more.entries = vec![file("new", "new")];
        m.first().layers.push(more);
    }),
    // A layer that changes nothing.
    ("layers.added", 10, |m| {
        let more = m.images[0].layers[1].clone();
        m.first().layers.push(more);
    }),
    ("layers.removed", 11, |m| drop(m.first().layers.pop())),
    ("layers.order", 10, |m| m.first().layers.reverse()),
    ("layer.media_type", 10, |m| {
        // Of an equal blob: the tar is what it is.
        m.lower().media_type = Some("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip");
    }),
    ("layer.annotations", 10, |m| {
        m.lower().annotations = json!({"a": "1"})
    }),
    ("compressor.algorithm", 10, |m| {
        m.lower().codec = Codec::None
    }),
    ("compressor.algorithm", 10, |m| {
        m.lower().codec = Codec::Zstd {
            level: 3,
            checksum: true,
            frames: 1,
        }
    }),
    ("compressor.header", 10, |m| {
        m.lower().codec = Codec::Gzip {
            level: 6,
            mtime: 7,
            members: 1,
            flush: false,
        }
    }),
    ("compressor.level", 10, |m| {
        m.lower().codec = Codec::Gzip {
            level: 1,
            mtime: 0,
            members: 1,
            flush: false,
        }
    }),
    ("compressor.flush", 10, |m| {
        m.lower().codec = Codec::Gzip {
            level: 6,
            mtime: 0,
            members: 3,
            flush: false,
        }
    }),
    ("compressor.flush", 10, |m| {
        m.lower().codec = Codec::Gzip {
            level: 6,
            mtime: 0,
            members: 1,
            flush: true,
        }
    }),
    ("tar.order", 10, |m| m.lower().entries.swap(1, 2)),
    ("tar.added", 11, |m| {
        m.lower().entries.push(file("new", "new"))
    }),
    ("tar.removed", 11, |m| drop(m.lower().entries.pop())),
    ("tar.type", 11, |m| m.entry(4).kind = b'4'),
    ("tar.mode", 11, |m| m.entry(1).mode = 0o600),
    ("tar.owner", 11, |m| m.entry(1).owner = (1000, 0)),
    ("tar.owner", 11, |m| m.entry(1).owner = (0, 1000)),
    ("tar.owner_name", 10, |m| {
        m.entry(1).names = ("root", "root")
    }),
    ("tar.time", 10, |m| m.entry(1).mtime = 1_700_000_000),
    ("tar.time", 10, |m| m.entry(1).pax = vec![("mtime", "0.5")]),
    ("tar.link", 11, |m| m.entry(3).link = "etc/issue"),
    ("tar.device", 11, |m| m.entry(4).device = (1, 5)),
    ("tar.xattrs", 11, |m| {
        m.entry(5).pax = vec![("SCHILY.xattr.user.a", "2")]
    }),
    ("tar.pax_keys", 10, |m| {
        m.entry(1).pax = vec![("comment", "no use")]
    }),
    ("tar.path_form", 10, |m| m.entry(1).path = "./etc/motd"),
    ("tar.format", 10, |m| m.entry(1).gnu = true),
    ("tar.header", 10, |m| m.entry(1).reserved = 1),
    ("tar.padding", 10, |m| m.entry(1).padding = 1),
    ("tar.padding", 10, |m| m.lower().end = 20),
    ("content.text", 11, |m| {
        m.entry(1).content = b"hello\nthere\n".to_vec()
    }),
    ("content.bytes", 11, |m| m.entry(1).content = vec![0, 1, 2]),
    ("content.bytes", 11, |m| {
        m.entry(2).content.extend([b'x'; 1])
    }),
];

#[test]
fn single_mutations() {
    let folder = tempfile::tempdir().unwrap();
    let base = model();
    base.write(&folder.path().join("base"));
    let mut wrong = Vec::new();
    for (at, (cause, code, mutate)) in TABLE.iter().enumerate() {
        let mut other = model();
        mutate(&mut other);
        let name = format!("other-{at}");
        other.write(&folder.path().join(&name));
        for sides in [["base", &name], [&name, "base"]] {
            let (found, value, error) =
                explain(folder.path(), &[sides[0], sides[1], "--format", "json"]);
            let mut all = Vec::new();
            leaves(&value["causes"], &mut all);
            let names: Vec<&str> = all
                .iter()
                .map(|leaf| leaf["cause"].as_str().unwrap())
                .collect();
            let expected = match (*cause, sides[0] == "base") {
                ("platform.added", false) => "platform.removed",
                ("platform.removed", false) => "platform.added",
                ("layers.added", false) => "layers.removed",
                ("layers.removed", false) => "layers.added",
                ("tar.added", false) => "tar.removed",
                ("tar.removed", false) => "tar.added",
                (cause, _) => cause,
            };
            if names != [expected] || found != *code {
                wrong.push(format!(
                    "{at} {cause}: {names:?}, exit {found}, expected {code}: {error}"
                ));
            }
            for leaf in &all {
                let has = |field: &str| leaf[field].as_str().is_some_and(|text| !text.is_empty());
                let bytes = leaf["bytes"].as_u64().unwrap_or_default();
                if !has("mend") || bytes == 0 {
                    wrong.push(format!(
                        "{at} {cause}: no bytes or nothing that mends it: {leaf}"
                    ));
                }
            }
        }
    }
    assert!(TABLE.len() >= 30);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (code, value, _) = explain(folder.path(), &["base", "base", "--format", "json"]);
    assert_eq!((code, &value["causes"]), (0, &json!([])));
}

#[test]
fn text_for_people() {
    let folder = tempfile::tempdir().unwrap();
    model().write(&folder.path().join("a"));
    let mut other = model();
    other.entry(1).content = b"hello\nthere\n".to_vec();
    other.first().config["config"]["User"] = json!("2");
    for at in 0..4 {
        other.entry(at).mtime = 9;
    }
    other.write(&folder.path().join("b"));
    let output = Command::new(env!("CARGO_BIN_EXE_verify"))
        .args(["explain", "a", "b"])
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(11));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "image linux/amd64 (",
        "    config.user: \"1\" → \"2\" (",
        "      mend: assemble: make.image.config.user\n",
        "  layer 1 of 2 (",
        "    tar.time `etc`: 0 → 9, and 3 more (2048 bytes)\n",
        "    content.text `etc/motd`: 12 bytes, sha256 ",
        "        line 2\n        - world\n        + there\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// Frames and checksums of zstd; not seen by readers, so not by a change of the model's codec either.
#[test]
fn zstd_shapes() {
    let with = |codec: Codec| {
        let mut model = model();
        model.lower().codec = codec;
        model
    };
    let folder = tempfile::tempdir().unwrap();
    with(Codec::Zstd {
        level: 3,
        checksum: false,
        frames: 1,
    })
    .write(&folder.path().join("a"));
    for (cause, codec) in [
        (
            "compressor.header",
            Codec::Zstd {
                level: 3,
                checksum: true,
                frames: 1,
            },
        ),
        (
            "compressor.level",
            Codec::Zstd {
                level: 19,
                checksum: false,
                frames: 1,
            },
        ),
        (
            "compressor.flush",
            Codec::Zstd {
                level: 3,
                checksum: false,
                frames: 4,
            },
        ),
    ] {
        let name = cause.replace('.', "-");
        with(codec).write(&folder.path().join(&name));
        let (code, value, error) = explain(folder.path(), &["a", &name, "--format", "json"]);
        let mut all = Vec::new();
        leaves(&value["causes"], &mut all);
        let names: Vec<&str> = all
            .iter()
            .map(|leaf| leaf["cause"].as_str().unwrap())
            .collect();
        assert_eq!((code, names), (10, vec![cause]), "{error}");
    }
}

/// Where listings of both sides are given, layers are not read: they need not even be there.
#[test]
fn listings_stand_for_layers() {
    let folder = tempfile::tempdir().unwrap();
    let listing = |mode: &str| {
        format!(
            r#"{{"gid":0,"mode":"{mode}","mtime":0,"path":"etc/motd","type":"file","uid":0,"size":1,"sha256":"00"}}"#
        )
    };
    let mut other = model();
    other.entry(1).mode = 0o600;
    let mut digests = Vec::new();
    for (name, model, mode) in [("a", model(), "0644"), ("b", other, "0600")] {
        let root = folder.path().join(name);
        model.write(&root);
        let find = |digest: &str| -> Value {
            let path = root.join("blobs").join(digest.replace(':', "/"));
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
        };
        let top: Value =
            serde_json::from_slice(&std::fs::read(root.join("index.json")).unwrap()).unwrap();
        let index = find(top["manifests"][0]["digest"].as_str().unwrap());
        let manifest = find(index["manifests"][0]["digest"].as_str().unwrap());
        let layer = &manifest["layers"][0];
        let digest = layer["digest"].as_str().unwrap().to_owned();
        let sparse = json!({"kind": "sparse_layout", "version": 1,
            "absent": [{"digest": digest, "size": layer["size"], "media_type": layer["mediaType"]}]});
        std::fs::write(root.join("sparse.json"), sparse.to_string()).unwrap();
        std::fs::remove_file(root.join("blobs").join(digest.replace(':', "/"))).unwrap();
        std::fs::write(folder.path().join(format!("{name}.ndjson")), listing(mode)).unwrap();
        digests.push(format!("{digest}={name}.ndjson"));
    }
    let names = |value: &Value| {
        let mut all = Vec::new();
        leaves(&value["causes"], &mut all);
        let name = |leaf: &Value| leaf["cause"].as_str().unwrap().to_owned();
        all.iter().map(name).collect::<Vec<String>>()
    };
    let words = ["a", "b", "--format", "json"];
    let (code, value, _) = explain(folder.path(), &words);
    assert_eq!((code, names(&value)), (11, vec!["layer.unread".to_owned()]));
    let listed = ["--listing", &digests[0], "--listing", &digests[1]];
    let (code, value, error) = explain(folder.path(), &[&words[..], &listed[..]].concat());
    assert_eq!(
        (code, names(&value)),
        (11, vec!["tar.mode".to_owned()]),
        "{error}"
    );
    let (code, _, error) = explain(folder.path(), &[&words[..], &["--listing", "x"]].concat());
    assert_eq!(code, 1);
    assert!(error.contains("DIGEST=FILE"), "{error}");
}

/// Archives are images like any other, and one side may be an index of the other.
#[test]
fn other_forms_of_images() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/cases/verify");
    let at = |name: &str| cases.join(name).to_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let layout = at("image_layout/inputs/image");
    let archive = at("image_archive/inputs/image.tar");
    let (code, value, error) = explain(folder.path(), &[&layout, &archive, "--format", "json"]);
    assert_eq!((code, &value["causes"]), (0, &json!([])), "{error}");
    let index = at("image_index/inputs/image");
    let (code, value, _) = explain(folder.path(), &[&layout, &index, "--format", "json"]);
    assert_eq!(code, 10);
    let names: Vec<&str> = value["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["cause"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["index.kind"]);
    let docker = at("image_docker_archive/inputs/image.tar");
    let (code, value, _) = explain(folder.path(), &[&layout, &docker, "--format", "json"]);
    assert_eq!(code, 10);
    let mut all = Vec::new();
    leaves(&value["causes"], &mut all);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for leaf in &all {
        *counts.entry(leaf["cause"].as_str().unwrap()).or_default() += 1;
    }
    let expected = [
        ("compressor.algorithm", 2),
        ("config.media_type", 1),
        ("layer.media_type", 2),
        ("manifest.media_type", 1),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
}

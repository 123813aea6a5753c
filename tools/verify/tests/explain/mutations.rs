//! Single mutations: each is named by its cause, and nothing else is.

use oci::Digest;
use serde_json::{Value, json};

use super::model::{Codec, MANIFEST, Model, file, model};
use super::{explain, leaves};

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

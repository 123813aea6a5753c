//! What is measured against what.

use super::corpora::Scale;
use super::measure::{Group, Line};
use serde_json::{Value, json};

/// Makes a tar as reproducible as GNU tar can, so that both sides do the same work.
const TAR: &str = "tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=posix \
                   --pax-option=delete=atime,delete=ctime -c";

/// All groups.
pub(crate) fn all(scale: &Scale) -> Vec<Group> {
    let mut groups = vec![corpus("a"), corpus("b"), corpus("c")];
    groups.push(threads());
    groups.push(start_up());
    groups.push(bytes(scale));
    groups.push(files(scale));
    groups.extend(super::registries::all(scale));
    groups
}

/// The peers on one corpus.
fn corpus(name: &str) -> Group {
    let mut lines = vec![
        layer(name, "none", &json!("none")),
        peer(
            "openssl dgst -sha256",
            &format!("find {name} -type f -print0 | xargs -0 openssl dgst -sha256 > /dev/null"),
        ),
        layer(
            name,
            "gzip-v1 level 2",
            &json!({ "gzip-v1": { "level": 2 } }),
        ),
        layer(
            name,
            "gzip-v1 level 6",
            &json!({ "gzip-v1": { "level": 6 } }),
        ),
        peer(
            "tar | pigz -6 -p2",
            &format!("{TAR} {name} | pigz -6 -p2 > out/blob"),
        ),
        layer(
            name,
            "zstd-v1 level 3",
            &json!({ "zstd-v1": { "level": 3 } }),
        ),
        Line {
            before: format!("{TAR} {name} > {name}.tar"),
            ..peer(
                "zstd -3 -T2 of the tar",
                &format!("zstd -q -3 -T2 {name}.tar -o out/blob"),
            )
        },
        Line {
            before: "umoci init --layout out/u; umoci new --image out/u:x".into(),
            ..peer(
                "umoci insert",
                &format!("umoci insert --image out/u:x {name} /{name}"),
            )
        },
    ];
    // On the largest corpus these take minutes and say nothing new.
    if name != "c" {
        lines.extend([
            peer("tar | sha256sum", &format!("{TAR} {name} | sha256sum")),
            peer(
                "tar | own sha256sum",
                &format!("{TAR} {name} | ./sha256sum"),
            ),
            peer(
                "tar | openssl dgst",
                &format!("{TAR} {name} | openssl dgst -sha256"),
            ),
            peer(
                "tar | zstd -3 -T2",
                &format!("{TAR} {name} | zstd -q -3 -T2 > out/blob"),
            ),
        ]);
        lines.push(peer(
            "tar | gzip -6",
            &format!("{TAR} {name} | gzip -6 > out/blob"),
        ));
        lines.push(Line {
            before: format!("{TAR} {name} > {name}.tar"),
            ..peer(
                "crane append",
                &format!("crane append --oci-empty-base -f {name}.tar -t localhost/bench:latest -o out/image"),
            )
        });
    }
    Group {
        name: name.into(),
        lines,
        rounds: None,
    }
}

/// One thread and two, where compression dominates.
fn threads() -> Group {
    let line = |threads: u32| {
        let codec = json!({ "gzip-v1": { "level": 6 } });
        let mut line = layer("b", &format!("gzip-v1, {threads} thread(s)"), &codec);
        line.shell = format!("RAYON_NUM_THREADS={threads} {}", line.shell);
        line
    };
    Group {
        name: "threads".into(),
        lines: vec![line(1), line(2)],
        rounds: None,
    }
}

/// How long a program takes to start, and `assemble` for a hundred layers.
fn start_up() -> Group {
    let hundred = |shell: &str| format!("for i in {{1..100}}; do {shell}; done");
    let mut lines = vec![Line {
        times: 100,
        ..peer("/bin/true", &hundred("/bin/true > /dev/null"))
    }];
    for name in crate::programs::names() {
        let shell = hundred(&format!("$T/{name} --help > /dev/null"));
        lines.push(Line {
            times: 100,
            ..peer(&format!("{name} --help"), &shell)
        });
    }
    lines.push(hundred_layers());
    Group {
        name: "start".into(),
        lines,
        rounds: None,
    }
}

/// `assemble` of a hundred layers, known by their receipts alone.
fn hundred_layers() -> Line {
    let receipt = json!({
        "kind": "layer_receipt", "version": 1, "origin": "//bench:NUMBER", "size": 1000, "entries": 10,
        "media_type": "application/vnd.oci.image.layer.v1.tar+gzip", "unpacked_size": 10_240,
        "digest": format!("sha256:{}NUMBER", "a".repeat(61)),
        "diff_id": format!("sha256:{}NUMBER", "b".repeat(61)),
        "codec": { "name": "gzip-v1", "level": 6 },
        "sources": [{ "registry": "example.com", "repository": "bench" }],
    });
    let layers: Vec<Value> = (100..200)
        .map(|number| json!({ "receipt": format!("receipts/{number}.json") }))
        .collect();
    Line {
        name: "assemble, 100 layers".into(),
        request: Some(json!({
            "kind": "assemble", "version": 1, "origin": "//bench:image",
            "make": { "image": { "platform": "linux/amd64", "layers": layers } },
        })),
        before: format!(
            "rm -rf receipts; mkdir receipts; echo '{receipt}' > receipt; for i in {{100..199}}; do \
             sed s/NUMBER/$i/g receipt > receipts/$i.json; done"
        ),
        shell: "for i in {1..20}; do $T/assemble request.json --out out/$i; done".into(),
        times: 20,
    }
}

/// The cost of a byte: a piece of (b), cut, or repeated to each size.
fn bytes(scale: &Scale) -> Group {
    let line = |size: &u64| {
        // Whole copies of a piece of (b), so that ten gibibytes need no disk.
        let piece = (*size).min(32 << 20);
        let files: Vec<Value> = (0..size / piece)
            .map(|number| json!({ "file": { "path": format!("{number}"), "source": "piece" } }))
            .collect();
        Line {
            name: format!("layer, zstd-v1, {} MiB", size >> 20),
            request: Some(request(&json!({ "zstd-v1": {} }), &files.into())),
            before: format!(
                "rm -f piece; cat b/* b/* b/* b/* b/* b/* | head -c {piece} > piece || true"
            ),
            shell: LAYER.into(),
            times: 1,
        }
    };
    Group {
        name: "bytes".into(),
        lines: scale.sizes.iter().map(line).collect(),
        rounds: Some(3),
    }
}

/// The cost of a file.
fn files(scale: &Scale) -> Group {
    let line = |files: &usize| {
        let mut line = layer(&format!("many-{files}"), "none", &json!("none"));
        line.name = format!("layer, none, {files} files");
        line
    };
    Group {
        name: "files".into(),
        lines: scale.files.iter().map(line).collect(),
        rounds: Some(3),
    }
}

const LAYER: &str = "$T/layer request.json --out out/blob --receipt out/receipt.json";

fn request(codec: &Value, entries: &Value) -> Value {
    json!({
        "kind": "layer", "version": 1, "origin": "//bench", "codec": codec, "entries": entries,
    })
}

fn layer(corpus: &str, name: &str, codec: &Value) -> Line {
    let tree = json!([{ "tree": { "path": corpus, "source": corpus } }]);
    Line {
        name: format!("layer, {name}"),
        request: Some(request(codec, &tree)),
        before: String::new(),
        shell: LAYER.into(),
        times: 1,
    }
}

fn peer(name: &str, shell: &str) -> Line {
    Line {
        name: name.into(),
        request: None,
        before: String::new(),
        shell: shell.into(),
        times: 1,
    }
}

//! An index of two images of two layers each, with a knob for everything that can be another way.

use std::io::Write;
use std::path::Path;

use oci::Digest;
use serde_json::{Value, json};

pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// One entry of a tar.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) path: &'static str,
    pub(crate) kind: u8,
    pub(crate) content: Vec<u8>,
    pub(crate) link: &'static str,
    pub(crate) mode: u32,
    pub(crate) owner: (u64, u64),
    pub(crate) names: (&'static str, &'static str),
    pub(crate) mtime: u64,
    pub(crate) device: (u32, u32),
    pub(crate) pax: Vec<(&'static str, &'static str)>,
    pub(crate) gnu: bool,
    /// Bytes of the header that mean nothing: the reserved end.
    pub(crate) reserved: u8,
    pub(crate) padding: u8,
}

pub(crate) fn file(path: &'static str, content: &str) -> Entry {
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

pub(crate) fn pax(records: &[(&str, &str)], out: &mut Vec<u8>) {
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

pub(crate) fn put(entry: &Entry, out: &mut Vec<u8>) {
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
pub(crate) enum Codec {
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

pub(crate) const GZIP: Codec = Codec::Gzip {
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
pub(crate) struct Layer {
    pub(crate) entries: Vec<Entry>,
    pub(crate) codec: Codec,
    pub(crate) media_type: Option<&'static str>,
    pub(crate) annotations: Value,
    pub(crate) end: usize,
}

#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) layers: Vec<Layer>,
    pub(crate) config: Value,
    pub(crate) manifest: Value,
    /// White space after each colon of the manifest, or the config.
    pub(crate) spaced: (bool, bool),
    pub(crate) descriptor: Value,
}

/// What is written to disk.
#[derive(Clone)]
pub(crate) struct Model {
    pub(crate) images: Vec<Image>,
    pub(crate) index: Value,
    pub(crate) tag: &'static str,
}

pub(crate) fn model() -> Model {
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

pub(crate) fn merge(into: &mut Value, from: &Value) {
    for (key, value) in from.as_object().unwrap() {
        into[key] = value.clone();
    }
}

impl Model {
    pub(crate) fn first(&mut self) -> &mut Image {
        &mut self.images[0]
    }

    pub(crate) fn lower(&mut self) -> &mut Layer {
        &mut self.images[0].layers[0]
    }

    pub(crate) fn entry(&mut self, at: usize) -> &mut Entry {
        &mut self.images[0].layers[0].entries[at]
    }

    pub(crate) fn write(&self, folder: &Path) {
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

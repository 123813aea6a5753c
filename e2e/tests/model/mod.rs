//! A layer as a plain map, and what it must become: written for the tests, from the documentation of
//! requests, and sharing no code with the program.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Paths to what is there. Whatever lies above a path is a directory, and is in the map.
pub(crate) type Layer = BTreeMap<Vec<u8>, Thing>;

#[derive(Clone, Debug)]
pub(crate) struct Thing {
    pub(crate) kind: Kind,
    pub(crate) attributes: Attributes,
    /// Whether an entry of the request says it; or else it is made as a parent.
    pub(crate) said: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    File(Vec<u8>),
    Directory,
    Symlink(Vec<u8>),
    /// To another path, not a directory's.
    Hardlink(Vec<u8>),
    Device {
        block: bool,
        numbers: (u32, u32),
    },
    Fifo,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes {
    mode: Option<u16>,
    uid: u64,
    gid: u64,
    uname: String,
    gname: String,
    mtime: i64,
    nanoseconds: u32,
    xattrs: BTreeMap<String, Vec<u8>>,
}

/// A path or another value that need not be UTF-8, as requests and listings have it.
pub(crate) fn raw(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({ "base64": BASE64.encode(bytes) }),
    }
}

/// Any layer.
pub(crate) fn layer() -> impl Strategy<Value = Layer> {
    let attributes = prop_oneof![Just(Attributes::default()), attributes()];
    let thing = (vec(name(), 1..4), seed(), attributes);
    vec(thing, 0..30).prop_map(|things| {
        let mut layer = Layer::new();
        for (parts, seed, attributes) in things {
            add(&mut layer, &parts, seed, attributes);
        }
        layer
    })
}

/// What a thing will be, once it is known what is there.
#[derive(Clone, Debug)]
enum Seed {
    Kind(Kind),
    Hardlink(usize),
}

fn seed() -> impl Strategy<Value = Seed> {
    let number = || prop_oneof![0..300u32, Just(2_097_151)];
    let content = prop_oneof![
        3 => vec(any::<u8>(), 0..600),
        // Often equal, so that files can be linked.
        3 => Just(b"the same".to_vec()),
        1 => vec(any::<u8>(), 0..20).prop_map(|rest| [b"#!", &rest[..]].concat()),
        1 => (60_000..70_000usize).prop_map(|size| vec![7; size]),
    ];
    let target = prop_oneof![
        name(),
        vec(name(), 1..5).prop_map(|parts| parts.join(&b"/"[..])),
        Just(b"../..".to_vec()),
        Just(b"/".to_vec()),
    ];
    prop_oneof![
        6 => content.prop_map(|bytes| Seed::Kind(Kind::File(bytes))),
        3 => Just(Seed::Kind(Kind::Directory)),
        2 => target.prop_map(|target| Seed::Kind(Kind::Symlink(target))),
        2 => any::<usize>().prop_map(Seed::Hardlink),
        1 => (any::<bool>(), number(), number())
            .prop_map(|(block, a, b)| Seed::Kind(Kind::Device { block, numbers: (a, b) })),
        1 => Just(Seed::Kind(Kind::Fifo)),
    ]
}

/// One part of a path.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let any = prop_oneof![
        // Few and close, so that paths share parents and sort in every way.
        8 => "[a-b.~!-]{1,2}".prop_map(String::into_bytes),
        2 => "\\PC{1,8}".prop_map(String::into_bytes),
        2 => vec(any::<u8>(), 1..12),
        2 => ("[a-z]", 80..140usize).prop_map(|(letter, count)| letter.repeat(count).into_bytes()),
        1 => (128..=255u8, 90..110usize).prop_map(|(byte, count)| vec![byte; count]),
    ];
    any.prop_filter("not a name", |name| {
        !name.contains(&b'/')
            && !name.contains(&0)
            && !name.starts_with(b".wh.")
            && name != b"."
            && name != b".."
    })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let id = || prop_oneof![3 => Just(0u64), 1 => 0..70_000u64, 1 => 2_097_150..2_097_154u64, 1 => Just(4_294_967_294)];
    let owner =
        || prop_oneof![4 => Just(String::new()), 1 => "[^\\x00]{1,12}", 1 => "[a-z]{30,34}"];
    let mtime = prop_oneof![
        3 => Just(0i64),
        1 => any::<i32>().prop_map(i64::from),
        1 => 8_589_934_590..8_589_934_594i64,
        1 => any::<i64>(),
    ];
    let nanoseconds =
        prop_oneof![3 => Just(0u32), 1 => 0..1_000_000_000u32, 1 => Just(500_000_000)];
    let xattrs = prop_oneof![
        4 => Just(BTreeMap::new()),
        1 => btree_map("user\\.[a-z\\.ü]{1,8}", vec(any::<u8>(), 0..30), 0..3),
    ];
    let mode = option::of(0..0o10000u16);
    (
        mode,
        (id(), id()),
        (owner(), owner()),
        mtime,
        nanoseconds,
        xattrs,
    )
        .prop_map(
            |(mode, (uid, gid), (uname, gname), mtime, nanoseconds, xattrs)| Attributes {
                mode,
                uid,
                gid,
                uname,
                gname,
                mtime,
                nanoseconds,
                xattrs,
            },
        )
}

/// Adds a thing, if its path is free and nothing but directories lie above it.
fn add(layer: &mut Layer, parts: &[Vec<u8>], seed: Seed, attributes: Attributes) {
    let path = parts.join(&b"/"[..]);
    let above: Vec<_> = (1..parts.len())
        .map(|n| parts[..n].join(&b"/"[..]))
        .collect();
    let is_directory = |path: &Vec<u8>| {
        let thing = layer.get(path);
        thing.is_none_or(|thing| matches!(thing.kind, Kind::Directory))
    };
    let kind = match seed {
        Seed::Kind(kind) => kind,
        Seed::Hardlink(index) => {
            let mut others = layer
                .iter()
                .filter(|(_, t)| !matches!(t.kind, Kind::Directory));
            let count = others.clone().count();
            if count == 0 {
                return;
            }
            let (target, _) = others.nth(index % count).unwrap();
            Kind::Hardlink(target.clone())
        }
    };
    let taken = layer.get(&path).is_some_and(|thing| thing.said)
        || layer.contains_key(&path) && !matches!(kind, Kind::Directory);
    if taken || !above.iter().all(is_directory) {
        return;
    }
    for path in above {
        layer.entry(path).or_insert(Thing {
            kind: Kind::Directory,
            attributes: Attributes::default(),
            said: false,
        });
    }
    // The mode of a link is the kind's, and extended attributes are not for links.
    let attributes = match kind {
        Kind::Symlink(_) => Attributes {
            mode: None,
            xattrs: BTreeMap::new(),
            ..attributes
        },
        _ => attributes,
    };
    let said = true;
    layer.insert(
        path,
        Thing {
            kind,
            attributes,
            said,
        },
    );
}

impl Thing {
    /// The entry of a request.
    pub(crate) fn entry(&self, path: &[u8]) -> Value {
        let Attributes {
            mode,
            uid,
            gid,
            uname,
            gname,
            mtime,
            nanoseconds,
            xattrs,
        } = &self.attributes;
        let mut attributes = json!({
            "uid": uid, "gid": gid, "uname": uname, "gname": gname,
            "mtime": mtime, "mtime_nanoseconds": nanoseconds,
            "xattrs": xattrs.iter().map(|(k, v)| (k.clone(), raw(v))).collect::<Map<_, _>>(),
        });
        if let Some(mode) = mode {
            attributes["mode"] = format!("{mode:o}").into();
        }
        let mut entry = json!({ "path": raw(path), "attributes": attributes });
        let kind = match &self.kind {
            Kind::File(bytes) => {
                entry["base64"] = BASE64.encode(bytes).into();
                "file"
            }
            Kind::Directory => "directory",
            Kind::Symlink(target) => {
                entry["target"] = raw(target);
                "symlink"
            }
            Kind::Hardlink(target) => {
                entry = json!({ "path": raw(path), "target": raw(target) });
                "hardlink"
            }
            Kind::Device { block, numbers } => {
                (entry["major"], entry["minor"]) = (numbers.0.into(), numbers.1.into());
                if *block {
                    "block_device"
                } else {
                    "character_device"
                }
            }
            Kind::Fifo => "fifo",
        };
        json!({ kind: entry })
    }
}

/// The listing that the layer must have, without a word of ELF.
pub(crate) fn listing(layer: &Layer) -> Vec<Value> {
    // Of each group of hard links, the first path holds the content.
    let mut first: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
    let holder = |path: &Vec<u8>| {
        let mut seen = BTreeSet::new();
        let mut path = path;
        while let Kind::Hardlink(target) = &layer[path].kind {
            assert!(seen.insert(path), "a cycle");
            path = target;
        }
        path.clone()
    };
    let holders: BTreeMap<&[u8], Vec<u8>> = layer.keys().map(|p| (&p[..], holder(p))).collect();
    for (path, holder) in &holders {
        first.entry(holder).or_insert(path);
    }
    let line = |path: &Vec<u8>| {
        let holder = &holders[&path[..]];
        let thing = &layer[holder];
        let first = first[&holder[..]];
        line(path, thing, (first != path).then_some(first))
    };
    layer.keys().map(line).collect()
}

fn line(path: &[u8], thing: &Thing, linked: Option<&[u8]>) -> Value {
    let a = &thing.attributes;
    let by_kind = match &thing.kind {
        Kind::File(bytes) if bytes.starts_with(b"#!") || bytes.starts_with(b"\x7fELF") => 0o755,
        Kind::Directory => 0o755,
        Kind::Symlink(_) => 0o777,
        _ => 0o644,
    };
    let mode = a.mode.unwrap_or(by_kind);
    let mut line = json!({
        "path": raw(path), "mode": format!("{mode:04o}"), "uid": a.uid, "gid": a.gid, "mtime": a.mtime,
    });
    for (key, name) in [("uname", &a.uname), ("gname", &a.gname)] {
        if !name.is_empty() {
            line[key] = name.as_str().into();
        }
    }
    if a.nanoseconds != 0 {
        line["mtime_nanoseconds"] = a.nanoseconds.into();
    }
    if !a.xattrs.is_empty() {
        let encode = |(k, v): (&String, &Vec<u8>)| (k.clone(), BASE64.encode(v).into());
        line["xattrs"] = Value::Object(a.xattrs.iter().map(encode).collect());
    }
    if let Some(first) = linked {
        (line["type"], line["link"]) = ("hardlink".into(), raw(first));
        return line;
    }
    line["type"] = match &thing.kind {
        Kind::File(bytes) => {
            line["size"] = bytes.len().into();
            line["sha256"] = e2e::blob::digest(bytes)[7..].into();
            "file"
        }
        Kind::Directory => "directory",
        Kind::Symlink(target) => {
            line["link"] = raw(target);
            "symlink"
        }
        Kind::Device { block, numbers } => {
            line["device"] = format!("{}:{}", numbers.0, numbers.1).into();
            if *block {
                "block_device"
            } else {
                "character_device"
            }
        }
        Kind::Fifo => "fifo",
        Kind::Hardlink(_) => unreachable!("it is its group's holder"),
    }
    .into();
    line
}

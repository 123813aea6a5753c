//! Any header, read back by the crate `tar`, says what was written; and takes one block where ustar
//! can hold it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use ustar::{BLOCK, END, Header, Metadata, Type};

const TYPES: [(Type, tar::EntryType); 7] = [
    (Type::File, tar::EntryType::Regular),
    (Type::Hardlink, tar::EntryType::Link),
    (Type::Symlink, tar::EntryType::Symlink),
    (Type::CharacterDevice, tar::EntryType::Char),
    (Type::BlockDevice, tar::EntryType::Block),
    (Type::Directory, tar::EntryType::Directory),
    (Type::Fifo, tar::EntryType::Fifo),
];

/// Bytes without NUL, and without newline: the crate cuts pax records there.
fn name(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => b'a'..=b'z', 1 => Just(b'/'), 1 => 11..=255u8];
    vec(byte, 1..longest)
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let id = || prop_oneof![0..10u64, 2_097_150..2_097_154u64, 0..4_294_967_295u64];
    let owner = || "[^\\x00\\n]{0,20}";
    let mtime = prop_oneof![Just(0i64), 8_589_934_590..8_589_934_594i64, any::<i64>()];
    let nanoseconds = prop_oneof![Just(0u32), 0..1_000_000_000u32];
    let xattrs = btree_map("user\\.[a-z]{1,5}", vec(11..=255u8, 0..20), 0..3);
    (id(), id(), owner(), owner(), mtime, nanoseconds, xattrs).prop_map(
        |(uid, gid, uname, gname, mtime, mtime_nanoseconds, xattrs)| Metadata {
            uid,
            gid,
            uname,
            gname,
            mtime,
            mtime_nanoseconds,
            xattrs,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(
        which in 0..TYPES.len(),
        path in name(400),
        link in name(300),
        mode in 0..0o10000u16,
        metadata in metadata(),
        device in (0..2_097_152u32, 0..2_097_152u32),
        size in prop_oneof![0..5u64, 8_589_934_590..8_589_934_594u64],
    ) {
        let (kind, expected) = TYPES[which];
        let path = path.strip_suffix(b"/").unwrap_or(&path);
        prop_assume!(!path.is_empty() && !path.ends_with(b"/") && !path.starts_with(b"/"));
        let links = matches!(kind, Type::Hardlink | Type::Symlink);
        let devices = matches!(kind, Type::CharacterDevice | Type::BlockDevice);
        let header = Header {
            path,
            kind,
            mode,
            metadata: &metadata,
            size: if kind == Type::File { size } else { 0 },
            link: if links { &link } else { b"" },
            device: if devices { device } else { (0, 0) },
        };
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        prop_assert_eq!(bytes.len() % BLOCK, 0);
        bytes.extend(END);

        let mut archive = tar::Archive::new(&bytes[..]);
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        let mut records: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        if let Some(found) = entry.pax_extensions().unwrap() {
            for record in found {
                let record = record.unwrap();
                records.insert(record.key().unwrap().to_owned(), record.value_bytes().to_vec());
            }
        }
        let read = entry.header();
        prop_assert_eq!(read.entry_type(), expected);
        let slashed = if kind == Type::Directory { [path, b"/"].concat() } else { path.to_vec() };
        prop_assert_eq!(&*entry.path_bytes(), &slashed[..]);
        prop_assert_eq!(entry.link_name_bytes().unwrap_or_default(), header.link);
        prop_assert_eq!(entry.size(), header.size);
        prop_assert_eq!(read.mode().unwrap(), u32::from(mode));
        prop_assert_eq!((read.device_major().unwrap(), read.device_minor().unwrap()), (Some(header.device.0), Some(header.device.1)));
        let text = |key: &str| records.get(key).map(|value| String::from_utf8(value.clone()).unwrap());
        prop_assert_eq!(text("uid").map_or(read.uid().unwrap(), |id| id.parse().unwrap()), metadata.uid);
        prop_assert_eq!(text("gid").map_or(read.gid().unwrap(), |id| id.parse().unwrap()), metadata.gid);
        let field = |field: &[u8]| String::from_utf8(field.to_vec()).unwrap();
        prop_assert_eq!(text("uname").unwrap_or_else(|| field(read.username_bytes().unwrap())), metadata.uname.clone());
        prop_assert_eq!(text("gname").unwrap_or_else(|| field(read.groupname_bytes().unwrap())), metadata.gname.clone());
        let nanoseconds = match text("mtime") {
            None => i128::from(read.mtime().unwrap()) * 1_000_000_000,
            Some(time) => nanoseconds(&time),
        };
        let expected = i128::from(metadata.mtime) * 1_000_000_000 + i128::from(metadata.mtime_nanoseconds);
        prop_assert_eq!(nanoseconds, expected);
        for (name, value) in &metadata.xattrs {
            prop_assert_eq!(records.get(&format!("SCHILY.xattr.{name}")), Some(value));
        }

        // A record only for what a field can't hold; and no other.
        let allowed = ["path", "linkpath", "size", "uid", "gid", "uname", "gname", "mtime", "hdrcharset"];
        for key in records.keys() {
            prop_assert!(allowed.contains(&&**key) || key.starts_with("SCHILY.xattr."), "{}", key);
        }
        let fits = [
            ("linkpath", header.link.len() <= 100),
            ("size", header.size < 1 << 33),
            ("uid", metadata.uid < 1 << 21),
            ("gid", metadata.gid < 1 << 21),
            ("uname", metadata.uname.len() < 32),
            ("gname", metadata.gname.len() < 32),
            ("mtime", (0..1 << 33).contains(&metadata.mtime) && metadata.mtime_nanoseconds == 0),
        ];
        for (key, fits) in fits {
            prop_assert_eq!(records.contains_key(key), !fits, "{}", key);
        }
    }
}

/// A pax time in nanoseconds.
fn nanoseconds(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(!fraction.ends_with('0'), "{text}: no digits without need");
    let digits: i128 = format!("{whole}{fraction:0<9}").parse().unwrap();
    digits
}

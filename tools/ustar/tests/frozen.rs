//! Headers byte for byte, as `hexdump -C` shows them: one for each field and for each pax record.
//!
//! `headers.frozen` never changes: other bytes for the same entry are another request version.
//! `UPDATE_GOLDEN=1` writes it anew, for a new header at its end.
#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::collections::BTreeMap;
use std::fmt::Write;

use ustar::{Header, Metadata, Type};

/// The named headers, in the file's order.
fn headers() -> Vec<(&'static str, Vec<u8>)> {
    let plain = Metadata::default();
    let file = Header {
        path: b"usr/bin/app",
        kind: Type::File,
        mode: 0o755,
        metadata: &plain,
        size: 12345,
        link: b"",
        device: (0, 0),
    };
    let empty = Header {
        path: b"f",
        mode: 0o644,
        size: 0,
        ..file
    };
    let with = |metadata: Metadata| {
        let header = Header {
            metadata: &metadata,
            ..empty
        };
        bytes(header)
    };
    let name = |count: usize| vec![b'n'; count];
    let split = [&[b'p'; 155][..], b"/", &[b'n'; 100]].concat();
    vec![
        ("a file", bytes(file)),
        (
            "a directory",
            bytes(Header {
                path: b"usr/bin",
                kind: Type::Directory,
                size: 0,
                ..file
            }),
        ),
        (
            "a symbolic link",
            bytes(Header {
                path: b"bin",
                kind: Type::Symlink,
                mode: 0o777,
                link: b"usr/bin",
                ..empty
            }),
        ),
        (
            "a hard link",
            bytes(Header {
                path: b"usr/bin/same",
                kind: Type::Hardlink,
                mode: 0o755,
                link: b"usr/bin/app",
                ..empty
            }),
        ),
        (
            "a character device",
            bytes(Header {
                path: b"dev/null",
                kind: Type::CharacterDevice,
                mode: 0o666,
                device: (1, 3),
                ..empty
            }),
        ),
        (
            "a block device",
            bytes(Header {
                path: b"dev/sda",
                kind: Type::BlockDevice,
                device: (8, 2_097_151),
                ..empty
            }),
        ),
        (
            "a fifo",
            bytes(Header {
                path: b"run/fifo",
                kind: Type::Fifo,
                ..empty
            }),
        ),
        (
            "all that ustar holds of owner and time",
            with(Metadata {
                uid: 2_097_151,
                gid: 100,
                uname: "u".repeat(31),
                gname: "gruppe €".into(),
                mtime: 8_589_934_591,
                ..Metadata::default()
            }),
        ),
        (
            "prefix and name, both full",
            bytes(Header {
                path: &split,
                ..empty
            }),
        ),
        (
            "path",
            bytes(Header {
                path: &name(101),
                ..empty
            }),
        ),
        (
            "path and hdrcharset",
            bytes(Header {
                path: &[&name(100)[..], b"\xe9"].concat(),
                ..empty
            }),
        ),
        (
            "linkpath",
            bytes(Header {
                kind: Type::Symlink,
                mode: 0o777,
                link: &name(101),
                ..empty
            }),
        ),
        (
            "size",
            bytes(Header {
                size: 8_589_934_592,
                ..empty
            }),
        ),
        (
            "uid and gid",
            with(Metadata {
                uid: 2_097_152,
                gid: 4_294_967_294,
                ..Metadata::default()
            }),
        ),
        (
            "uname and gname",
            with(Metadata {
                uname: "u".repeat(32),
                gname: "ü".repeat(16),
                ..Metadata::default()
            }),
        ),
        (
            "mtime: late",
            with(Metadata {
                mtime: 8_589_934_592,
                ..Metadata::default()
            }),
        ),
        (
            "mtime: early, with a fraction",
            with(Metadata {
                mtime: -2,
                mtime_nanoseconds: 750_000_000,
                ..Metadata::default()
            }),
        ),
        (
            "mtime: a nanosecond",
            with(Metadata {
                mtime: 1_700_000_000,
                mtime_nanoseconds: 1,
                ..Metadata::default()
            }),
        ),
        (
            "SCHILY.xattr",
            with(Metadata {
                xattrs: BTreeMap::from([
                    ("user.empty".into(), vec![]),
                    (
                        "security.capability".into(),
                        vec![1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0],
                    ),
                    ("user.newline".into(), b"a\nb".to_vec()),
                ]),
                ..Metadata::default()
            }),
        ),
        ("the end", ustar::END.to_vec()),
    ]
}

fn bytes(header: Header<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    header.encode(&mut out);
    out
}

/// As `hexdump -C`: 16 bytes a line, lines that repeat as one star, the size at the end.
fn hexdump(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut last: Option<&[u8]> = None;
    let mut starred = false;
    for (index, line) in bytes.chunks(16).enumerate() {
        if last == Some(line) {
            if !starred {
                text.push_str("*\n");
            }
            starred = true;
            continue;
        }
        (last, starred) = (Some(line), false);
        write!(text, "{:08x} ", index * 16).unwrap();
        for (column, byte) in line.iter().enumerate() {
            let gap = if column == 8 { "  " } else { " " };
            write!(text, "{gap}{byte:02x}").unwrap();
        }
        let shown = line.iter().map(|&byte| match byte {
            b' '..=b'~' => char::from(byte),
            _ => '.',
        });
        writeln!(text, "  |{}|", shown.collect::<String>()).unwrap();
    }
    writeln!(text, "{:08x}", bytes.len()).unwrap();
    text
}

#[test]
fn headers_are_frozen() {
    let mut text = String::new();
    for (name, bytes) in headers() {
        write!(text, "# {name}\n{}\n", hexdump(&bytes)).unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/headers.frozen");
    golden::check(path.as_ref(), &text, "frozen bytes never change");
}

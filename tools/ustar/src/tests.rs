//! Fields, records and names, one by one.

use super::*;
use std::io::Read;

fn header<'a>(path: &'a [u8], kind: Type, metadata: &'a Metadata) -> Header<'a> {
    Header {
        path,
        kind,
        mode: 0o644,
        metadata,
        size: 0,
        link: b"",
        device: (0, 0),
    }
}

fn encode(header: &Header<'_>) -> Vec<u8> {
    let mut out = vec![];
    header.encode(&mut out);
    assert_eq!(out.len() % BLOCK, 0);
    out
}

/// The header as an independent reader sees it: path, and pax records.
fn read(bytes: &[u8]) -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let mut whole = bytes.to_vec();
    whole.extend_from_slice(&END);
    let mut archive = tar::Archive::new(&whole[..]);
    let mut entries = archive.entries().unwrap();
    let mut entry = entries.next().unwrap().unwrap();
    let path = entry.path_bytes().into_owned();
    let records = entry
        .pax_extensions()
        .unwrap()
        .map_or_else(Vec::new, |records| {
            records
                .map(|r| r.unwrap())
                .map(|r| (r.key().unwrap().to_owned(), r.value_bytes().to_vec()))
                .collect()
        });
    let mut content = vec![];
    entry.read_to_end(&mut content).unwrap();
    (path, records)
}

#[test]
fn a_plain_header_is_one_ustar_block() {
    let metadata = Metadata {
        uid: 1000,
        gid: 100,
        uname: "u".into(),
        ..Metadata::default()
    };
    let block = encode(&header(b"usr/bin/app", Type::File, &metadata));
    assert_eq!(block.len(), BLOCK);
    assert_eq!(&block[..12], b"usr/bin/app\0");
    assert_eq!(&block[100..108], b"0000644\0");
    assert_eq!(&block[108..116], b"0001750\0");
    assert_eq!(&block[257..265], b"ustar\x0000");
    assert_eq!(&block[329..345], b"0000000\x000000000\0");
    assert_eq!(&block[154..156], b"\0 ");
    assert_eq!(read(&block).1, []);
}

#[test]
fn directories_end_with_a_slash() {
    let metadata = Metadata::default();
    assert_eq!(
        &encode(&header(b"usr", Type::Directory, &metadata))[..5],
        b"usr/\0"
    );
}

#[test]
fn names_are_split_only_where_they_must() {
    let long = [vec![b'a'; 99], b"/".to_vec(), vec![b'b'; 99]].concat();
    for (name, expected) in [
        (vec![b'a'; 100], Some((0, 100))),
        (vec![b'a'; 101], None),
        (long.clone(), Some((99, 99))),
        // With a slash at the end, the name has 100 bytes.
        ([&long[..], b"/"].concat(), Some((99, 100))),
        // 256 bytes: prefix 155, slash, name 100.
        (
            [vec![b'p'; 155], b"/".to_vec(), vec![b'n'; 100]].concat(),
            Some((155, 100)),
        ),
        (
            [vec![b'p'; 156], b"/".to_vec(), vec![b'n'; 99]].concat(),
            None,
        ),
        (
            [vec![b'p'; 155], b"/".to_vec(), vec![b'n'; 101]].concat(),
            None,
        ),
        // The earliest cut that leaves a name of at most 100.
        (
            [
                vec![b'x'; 10],
                b"/".to_vec(),
                vec![b'y'; 40],
                b"/".to_vec(),
                vec![b'z'; 80],
            ]
            .concat(),
            Some((51, 80)),
        ),
        // A leading slash would leave an empty prefix; paths never have one.
        ([b"/".to_vec(), vec![b'n'; 100]].concat(), None),
    ] {
        let got = split(&name).map(|(p, n)| (p.len(), n.len()));
        assert_eq!(got, expected, "{}", String::from_utf8_lossy(&name));
    }
}

#[test]
fn pax_only_where_ustar_cannot() {
    let metadata = Metadata::default();
    let long = [vec![b'd'; 200], b"/f".to_vec()].concat();
    let (path, records) = read(&encode(&header(&long, Type::File, &metadata)));
    assert_eq!(path, long);
    assert_eq!(records, [("path".into(), long)]);

    let rich = Metadata {
        uid: OCTAL_7 + 1,
        gid: OCTAL_7,
        uname: "u".repeat(32),
        gname: "g".repeat(31),
        mtime: -2,
        mtime_nanoseconds: 500_000_000,
        xattrs: BTreeMap::from([
            ("user.b".into(), b"2".to_vec()),
            ("security.capability".into(), vec![1, 0, 0, 2]),
        ]),
    };
    let bytes = encode(&Header {
        size: 0,
        ..header(b"f", Type::File, &rich)
    });
    let keys: Vec<_> = read(&bytes)
        .1
        .into_iter()
        .map(|(k, v)| (k, v.len()))
        .collect();
    assert_eq!(
        keys,
        [
            ("SCHILY.xattr.security.capability".to_owned(), 4),
            ("SCHILY.xattr.user.b".to_owned(), 1),
            ("mtime".to_owned(), 4),
            ("uid".to_owned(), 7),
            ("uname".to_owned(), 32),
        ]
    );
}

#[test]
fn sizes_over_8_gib() {
    let metadata = Metadata::default();
    let at = Header {
        size: OCTAL_11,
        ..header(b"f", Type::File, &metadata)
    };
    assert_eq!(encode(&at).len(), BLOCK);
    let over = Header {
        size: OCTAL_11 + 1,
        ..header(b"f", Type::File, &metadata)
    };
    let bytes = encode(&over);
    assert_eq!(bytes.len(), 3 * BLOCK);
    assert_eq!(&bytes[BLOCK..BLOCK + 19], b"19 size=8589934592\n");
}

#[test]
fn bytes_that_are_not_text_say_so() {
    let metadata = Metadata::default();
    // In ustar's own field they need no word.
    assert_eq!(
        encode(&header(b"caf\xe9", Type::File, &metadata)).len(),
        BLOCK
    );
    let long = [vec![b'd'; 150], b"\xe9".to_vec()].concat();
    let (_, records) = read(&encode(&header(&long, Type::File, &metadata)));
    assert_eq!(records[0], ("hdrcharset".into(), b"BINARY".to_vec()));
    assert_eq!(records[1], ("path".into(), long));
}

#[test]
fn times() {
    for (seconds, nanoseconds, text) in [
        (0, 1, "0.000000001"),
        (-1, 500_000_000, "-0.5"),
        (-1, 0, "-1"),
        (1, 120_000_000, "1.12"),
        (-10, 1, "-9.999999999"),
        (i64::MIN, 0, "-9223372036854775808"),
    ] {
        assert_eq!(decimal(seconds, nanoseconds), text);
    }
}

#[test]
fn pax_lengths_count_themselves() {
    for value in 0..1100 {
        let mut out = vec![];
        pax_record(&mut out, b"k", &vec![b'v'; value]);
        let digits: String = out
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .map(|&b| b as char)
            .collect();
        assert_eq!(digits.parse::<usize>().unwrap(), out.len());
    }
}

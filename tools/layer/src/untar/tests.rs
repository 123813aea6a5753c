use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::io::Write;

fn entries(bytes: &[u8]) -> Result<Vec<Entry>, Fault> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let mut entries = Entries::new(&file).unwrap();
    let mut all = vec![];
    while let Some(entry) = entries.next()? {
        all.push(entry);
    }
    Ok(all)
}

/// A header by the crate `tar`, and content.
fn member(flag: u8, name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::new(flag));
    header.set_path(name).unwrap();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    [&members.concat()[..], &[0; 2 * BLOCK]].concat()
}

#[test]
fn numbers() {
    for (field, expected) in [
        (&b"0000644\0"[..], Some(0o644)),
        (b"   644 \0", Some(0o644)),
        (b"00000644", Some(0o644)),
        (b"\0\0\0\0\0\0\0\0", Some(0)),
        (b"        ", Some(0)),
        (b"\x80\0\0\0\0\0\x01\0", Some(256)),
        (b"\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
        (b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", None),
        (b"0000648\0", None),
        (b"-000644\0", None),
    ] {
        assert_eq!(number(field), expected, "{}", field.escape_ascii());
    }
}

#[test]
fn records_are_cut_by_their_lengths() {
    let mut found = Records::new();
    records(b"10 k=a\n\nb\n9 path=f\n\0\0", &mut found).unwrap();
    assert_eq!(found[&b"k"[..]], b"a\n\nb");
    assert_eq!(found[&b"path"[..]], b"f");
    for bad in [
        &b"k=v\n"[..],
        b"8 k=v\n",
        b"4 k=v\n",
        b"6 k=vx",
        b"6 kvv\n",
        b"+6 k=v\n",
        b"99999999999999999999 k=v\n",
    ] {
        assert!(
            records(bad, &mut Records::new()).is_err(),
            "{}",
            bad.escape_ascii()
        );
    }
}

#[test]
fn global_records_hold_for_what_follows() {
    let found = entries(&archive(&[
        member(b'0', "a", b""),
        member(b'g', "g", b"14 mtime=12.5\n8 uid=7\n"),
        member(b'0', "b", b""),
        member(b'x', "x", b"7 uid=\n"),
        member(b'0', "c", b""),
    ]))
    .unwrap();
    let keys = |i: usize| -> Vec<_> { found[i].records.keys().cloned().collect() };
    assert_eq!(found.len(), 3);
    assert!(found[0].records.is_empty());
    assert_eq!(keys(1), [b"mtime".to_vec(), b"uid".to_vec()]);
    assert_eq!(keys(2), [b"mtime".to_vec()]);
}

#[test]
fn links_have_no_content_whatever_they_say() {
    // As some writers do: the size of the target, and no bytes.
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Link);
    header.set_path("l").unwrap();
    header.set_link_name("f").unwrap();
    header.set_size(5);
    header.set_cksum();
    let bytes = archive(&[header.as_bytes().to_vec(), member(b'0', "z", b"z")]);
    let found = entries(&bytes).unwrap();
    assert_eq!((found[0].size, &found[1].name[..]), (0, &b"z"[..]));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever an archive holds, reading it ends, without a panic, and stays within the file.
    #[test]
    fn any_damage_is_survived(
        edits in vec((any::<usize>(), any::<u8>()), 0..8),
        repaired: bool,
        length in 0..6000usize,
    ) {
        let mut bytes = archive(&[
            member(b'x', "x", b"30 mtime=1700000000.123456789\n12 size=600\n"),
            member(b'0', "f", &[7; 600]),
            member(b'L', "././@LongLink", &[b'n'; 200]),
            member(b'0', "n", b""),
            member(b'g', "g", b"8 uid=1\n"),
            member(b'5', "d/", b""),
        ]);
        for (at, byte) in edits {
            let at = at % bytes.len();
            bytes[at] = byte;
            // With a right checksum the damage gets further.
            let head = at / BLOCK * BLOCK;
            if repaired {
                let block = &mut bytes[head..head + BLOCK];
                block[148..156].fill(b' ');
                let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
                block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
        }
        bytes.truncate(length);
        for entry in entries(&bytes).unwrap_or_default() {
            prop_assert!(entry.offset + entry.size <= bytes.len() as u64);
            let _ = (entry.mode(), entry.uid(), entry.gid(), entry.mtime(), entry.device());
            let _ = (entry.uname(), entry.gname(), entry.kind());
        }
    }
}

#[test]
fn damage_is_told() {
    let good = archive(&[member(b'0', "f", b"12345")]);
    assert_eq!(entries(&good).unwrap()[0].offset, 512);
    let why = |bytes: &[u8]| match entries(bytes).unwrap_err() {
        Fault::Malformed { why } => why,
        Fault::Truncated { expected } => format!("truncated before {expected}"),
        Fault::Io(error) => error.to_string(),
    };
    let mut flipped = good.clone();
    flipped[0] ^= 1;
    assert!(why(&flipped).contains("checksum"), "{}", why(&flipped));
    for (length, expected) in [(0, 1024), (511, 1024), (512, 1024), (1024, 2048)] {
        assert_eq!(
            why(&good[..length]),
            format!("truncated before {expected}"),
            "{length}"
        );
    }
    // One block of zeros is enough of an end.
    assert_eq!(entries(&good[..1536]).unwrap().len(), 1);
    let dangling = archive(&[member(b'L', "././@LongLink", b"name\0")]);
    assert!(why(&dangling).contains("ends after a header"));
    let huge = archive(&[
        member(b'x', "x", b"20 size=99999999999\n"),
        member(b'0', "f", b""),
    ]);
    assert!(
        why(&huge).starts_with("truncated before 1000000"),
        "{}",
        why(&huge)
    );
}

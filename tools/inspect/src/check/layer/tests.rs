use oci::MediaType;
use oci::media_type::{OCI_LAYER, OCI_LAYER_GZIP};

use super::*;

/// Entries: path, type flag, link target, content.
type Row<'a> = (&'a str, u8, &'a str, &'a [u8]);

fn tar_of(rows: &[Row]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, flag, link, content) in rows {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(tar::EntryType::new(*flag));
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn read(bytes: &[u8], media_type: &'static str, lowest: bool) -> Vec<String> {
    let descriptor = Descriptor::of(MediaType::known(media_type), bytes);
    let wanted = Wanted {
        descriptor: &descriptor,
        diff_id: None,
        compression: match media_type {
            OCI_LAYER => Compression::None,
            _ => Compression::Gzip,
        },
        lowest,
        limit: Limit {
            ratio: 2,
            slack: 100_000,
        },
    };
    let mut findings = Vec::new();
    check(
        bytes,
        &wanted,
        &Place::Layer(descriptor.digest),
        &mut findings,
    )
    .unwrap();
    findings
        .iter()
        .map(|finding| format!("{}: {}", finding.rule.id(), finding.message))
        .collect()
}

fn found(rows: &[Row]) -> Vec<String> {
    read(&tar_of(rows), OCI_LAYER, false)
}

#[test]
fn a_sound_layer() {
    let rows: &[Row] = &[
        ("./", b'5', "", b""),
        ("etc/", b'5', "", b""),
        ("etc/.wh.gone", b'0', "", b""),
        ("etc/a", b'0', "", b"a"),
        ("etc/b", b'1', "etc/a", b""),
        ("etc/c", b'2', "/anywhere/../x", b""),
        ("usr/.wh..wh..opq", b'0', "", b""),
    ];
    assert_eq!(found(rows), Vec::<String>::new());
}

#[test]
fn each_rule() {
    let file = |path: &'static str| -> Row<'static> { (path, b'0', "", b"") };
    let one: &[(&[Row], &str)] = &[
        (
            &[file("a"), file("./a")],
            "duplicate_path: the path `./a` comes twice",
        ),
        (&[file("/a")], "path_escape: the path `/a` is absolute"),
        (
            &[file("a/../b")],
            "path_escape: the path `a/../b` has the part `..`",
        ),
        (
            &[("a", b'S', "", b"")],
            "entry_type: the entry `a` has the type `S`",
        ),
        (
            &[file("a"), file("a/b")],
            "path_below_file: the path `a/b` lies below `a`, which is no directory",
        ),
        (
            &[("a", b'2', "x", b""), file("a/b")],
            "path_through_link: the path `a/b` lies below `a`, which is a symbolic link",
        ),
        (
            &[("a", b'1', "b", b""), file("b")],
            "hardlink: the hard link `a` leads to `b`, which does not come before it",
        ),
        (
            &[("a", b'1', "../b", b"")],
            "hardlink: the hard link `a` leads to `../b`, which has the part `..`",
        ),
        (
            &[("d", b'5', "", b""), ("a", b'1', "d", b"")],
            "hardlink: the hard link `a` leads to the directory `d`",
        ),
        (
            &[(".wh.x", b'0', "", b"y")],
            "whiteout: the whiteout `.wh.x` has content",
        ),
        (
            &[(".wh.x", b'5', "", b"")],
            "whiteout: the whiteout `.wh.x` is no regular file",
        ),
        (
            &[file(".wh.")],
            "whiteout: the whiteout `.wh.` hides nothing that can be",
        ),
        (
            &[file(".wh...")],
            "whiteout: the whiteout `.wh...` hides nothing that can be",
        ),
        (
            &[file(".wh..wh.plnk")],
            "whiteout: the name `.wh..wh.plnk` is aufs's own, and no whiteout",
        ),
        (
            &[file(".wh.x/y")],
            "whiteout: the path `.wh.x/y` lies below a whiteout",
        ),
    ];
    for (rows, expected) in one {
        assert_eq!(found(rows), [expected.to_owned()], "{rows:?}");
    }
    assert_eq!(
        read(&tar_of(&[file(".wh.x")]), OCI_LAYER, true),
        ["whiteout_of_nothing: the whiteout `.wh.x` is in the lowest layer"]
    );
}

#[test]
fn the_end_of_a_tar() {
    let whole = tar_of(&[("a", b'0', "", b"abc")]);
    let cut = whole.len() - 512;
    assert_eq!(
        read(&whole[..cut], OCI_LAYER, false),
        ["tar_end: the tar ends with one block of zeros"]
    );
    let after = [&whole[..], &[1; 10]].concat();
    assert_eq!(
        read(&after, OCI_LAYER, false),
        ["tar_end: 10 bytes follow the end of the tar"]
    );
    let mut odd = whole.clone();
    odd[600] = 1;
    assert_eq!(read(&odd, OCI_LAYER, false), Vec::<String>::new());
    let two = tar_of(&[("a", b'0', "", b"abc"), ("b", b'0', "", b"")]);
    let mut odd = two.clone();
    odd[600] = 1;
    assert_eq!(
        read(&odd, OCI_LAYER, false),
        ["tar_end: padding between entries is not zero"]
    );
    assert_eq!(
        read(&whole[..700], OCI_LAYER, false),
        ["tar: it is no tar: it is cut off at byte 700"]
    );
}

#[test]
fn what_does_not_unpack_and_what_unpacks_too_far() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    let tar = tar_of(&[("a", b'0', "", b"abc")]);
    assert_eq!(
        read(&gzip(&tar), OCI_LAYER_GZIP, false),
        Vec::<String>::new()
    );
    let bomb = gzip(&[0; 200_000]);
    let limit = bomb.len() * 2 + 100_000;
    assert_eq!(
        read(&bomb, OCI_LAYER_GZIP, false),
        [format!("bomb: it unpacks to more than {limit} bytes")]
    );
    let mut cut = gzip(&tar);
    cut.truncate(cut.len() - 9);
    assert!(read(&cut, OCI_LAYER_GZIP, false)[0].starts_with("unpack: it does not unpack: "));
    let after = [gzip(&tar), b"x".to_vec()].concat();
    assert!(read(&after, OCI_LAYER_GZIP, false)[0].starts_with("unpack: "));
    assert_eq!(
        read(&tar, OCI_LAYER_GZIP, false),
        [format!(
            "media_type: it is a plain tar, and its media type is {OCI_LAYER_GZIP}"
        )]
    );
    assert_eq!(
        read(&gzip(&tar), OCI_LAYER, false),
        [format!(
            "media_type: it is gzip, and its media type is {OCI_LAYER}"
        )]
    );
}

#[test]
fn many_of_a_kind_are_told_once() {
    let rows: Vec<Row> = (0..50).map(|_| -> Row { ("a", b'0', "", b"") }).collect();
    let found = found(&rows);
    assert_eq!(found.len(), TOLD);
    assert!(found[TOLD - 1].ends_with("; and more of this kind"));
}

#[test]
fn wrong_bytes_are_not_opened() {
    let tar = tar_of(&[("a", b'0', "", b""), ("a", b'0', "", b"")]);
    let mut descriptor = Descriptor::of(MediaType::known(OCI_LAYER), &tar);
    descriptor.size += 1;
    descriptor.digest = Digest::of(b"other");
    let wanted = Wanted {
        descriptor: &descriptor,
        diff_id: None,
        compression: Compression::None,
        lowest: false,
        limit: Limit::default(),
    };
    let mut findings = Vec::new();
    check(
        &tar[..],
        &wanted,
        &Place::Layer(descriptor.digest),
        &mut findings,
    )
    .unwrap();
    let rules: Vec<Rule> = findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, [Rule::Size, Rule::Digest]);
}

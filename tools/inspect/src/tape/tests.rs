use proptest::prelude::*;

use super::*;

/// A tar of files, as the crate `tar` writes it.
fn theirs(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o640);
        header.set_uid(7);
        header.set_mtime(11);
        header.set_cksum();
        builder.append_data(&mut header, path, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn tape(bytes: &[u8]) -> Tape<Stream<&[u8]>> {
    Tape::new(Stream(bytes))
}

#[test]
fn entries_contents_and_the_end() {
    let long = "d/".repeat(90) + "file";
    let bytes = theirs(&[("a", b"abc"), (&long, &[7; 1000])]);
    let mut tape = tape(&bytes);
    let first = tape.entry().unwrap().unwrap();
    assert_eq!((first.path.as_slice(), first.size), (&b"a"[..], 3));
    assert_eq!((first.mode(), first.uid(), first.gid()), (0o640, 7, 0));
    assert_eq!((first.mtime().as_str(), first.format()), ("11", "ustar"));
    assert_eq!(tape.position(), 512);
    let mut buffer = [0; 10];
    assert_eq!(tape.read(&mut buffer).unwrap(), 3);
    assert_eq!(&buffer[..3], b"abc");
    assert_eq!(tape.read(&mut buffer).unwrap(), 0);
    let second = tape.entry().unwrap().unwrap();
    assert_eq!(second.path, long.as_bytes());
    assert!(tape.entry().unwrap().is_none());
    let end = tape.finish().unwrap();
    assert_eq!((end.zero_blocks, end.other_bytes), (2, 0));
}

#[test]
fn a_file_is_passed_over_and_a_stream_read() {
    let bytes = theirs(&[("a", &[1; 5000]), ("b", b"x")]);
    let mut file = tempfile::tempfile().unwrap();
    io::Write::write_all(&mut file, &bytes).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut whole = Tape::new(Whole::new(file, bytes.len() as u64));
    let mut stream = tape(&bytes);
    loop {
        let (one, two) = (whole.entry().unwrap(), stream.entry().unwrap());
        assert_eq!(one, two);
        if one.is_none() {
            break;
        }
    }
}

#[test]
fn what_is_no_tar() {
    let bytes = theirs(&[("a", b"abc")]);
    let fault = |bytes: &[u8]| {
        let mut tape = tape(bytes);
        loop {
            match tape.entry() {
                Ok(Some(_)) => {}
                Ok(None) => return String::new(),
                Err(fault) => return fault.to_string(),
            }
        }
    };
    assert_eq!(fault(b""), "it is cut off at byte 0");
    assert_eq!(
        fault(&[b'x'; 600]),
        "a checksum that is not a number, at byte 0"
    );
    assert_eq!(fault(&bytes[..600]), "it is cut off at byte 600");
    assert_eq!(fault(&bytes[..1024]), "it is cut off at byte 1024");
    let mut odd = bytes.clone();
    odd[512 + 3] = 1;
    let mut tape = tape(&odd);
    tape.entry().unwrap();
    tape.entry().unwrap();
    assert!(tape.odd_padding());
}

#[test]
fn pax_records_and_what_they_override() {
    let mut builder = tar::Builder::new(Vec::new());
    builder
        .append_pax_extensions([
            ("path", &b"long/name"[..]),
            ("mtime", b"12.5"),
            ("uid", b"70000000"),
            ("SCHILY.xattr.user.a", b"x\ny"),
        ])
        .unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(0);
    header.set_cksum();
    builder.append_data(&mut header, "short", &b""[..]).unwrap();
    let bytes = builder.into_inner().unwrap();
    let entry = tape(&bytes).entry().unwrap().unwrap();
    assert_eq!(entry.path, b"long/name");
    assert_eq!((entry.mtime().as_str(), entry.uid()), ("12.5", 70_000_000));
    assert_eq!(entry.xattrs()[&b"user.a"[..]], b"x\ny");
    assert_eq!(entry.keys.len(), 4);
    assert_eq!(entry.before, b"x");
    assert_eq!(entry.headers.len(), 3 * BLOCK);
}

proptest! {
    /// Whatever the bytes, it ends, and never panics.
    #[test]
    fn any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..4096), at in 0usize..600, flip in any::<u8>(), valid in any::<bool>()) {
        if valid {
            bytes = theirs(&[("a", &bytes), ("b", b"x")]);
            let at = at % bytes.len();
            bytes[at] ^= flip;
        }
        let mut tape = tape(&bytes);
        while let Ok(Some(_)) = tape.entry() {}
        let _ = tape.finish();
    }
}

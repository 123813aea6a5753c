//! A tar of regular files and directories: all that an archive of a layout needs.
//!
//! POSIX ustar; owner 0, time 0, modes 0644 and 0755. A pax record only where a name is longer than
//! 100 bytes (blobs by SHA-512) or a size needs more than 11 octal digits (8 GiB). Ends with two
//! blocks of zeros.

use std::io::{self, Write};

const BLOCK: usize = 512;

/// The largest size that a ustar header holds.
const USTAR_SIZE: u64 = 0o77_777_777_777;

/// The longest name that the name field holds.
const USTAR_NAME: usize = 100;

/// Writes the entry of a directory; `path` ends with a slash.
pub(crate) fn directory(out: &mut impl Write, path: &str) -> io::Result<()> {
    out.write_all(&header(path, b'5', 0o755, 0))
}

/// Writes the header of a file of `size` bytes; its content comes next, then [`padding`].
pub(crate) fn file(out: &mut impl Write, path: &str, size: u64) -> io::Result<()> {
    let mut records = Vec::new();
    if path.len() > USTAR_NAME {
        record(&mut records, "path", path);
    }
    if size > USTAR_SIZE {
        record(&mut records, "size", &size.to_string());
    }
    if !records.is_empty() {
        out.write_all(&header("PaxHeaders/0", b'x', 0o644, records.len() as u64))?;
        out.write_all(&records)?;
        padding(out, records.len() as u64)?;
    }
    let name = &path[..path.len().min(USTAR_NAME)];
    out.write_all(&header(
        name,
        b'0',
        0o644,
        if size > USTAR_SIZE { 0 } else { size },
    ))
}

/// Fills the last block of a content of `size` bytes.
pub(crate) fn padding(out: &mut impl Write, size: u64) -> io::Result<()> {
    let rest = (size % BLOCK as u64) as usize;
    if rest == 0 {
        return Ok(());
    }
    out.write_all(&[0; BLOCK][rest..])
}

/// Ends the archive.
pub(crate) fn end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

fn header(name: &str, kind: u8, mode: u32, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    octal(&mut block[100..108], mode.into());
    octal(&mut block[108..116], 0);
    octal(&mut block[116..124], 0);
    octal(&mut block[124..136], size);
    octal(&mut block[136..148], 0);
    block[148..156].fill(b' ');
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    octal(&mut block[329..337], 0);
    octal(&mut block[337..345], 0);
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    octal(&mut block[148..155], sum);
    block
}

/// Octal digits, then NUL.
fn octal(field: &mut [u8], mut value: u64) {
    let digits = field.len() - 1;
    for digit in field[..digits].iter_mut().rev() {
        *digit = b'0' + (value % 8) as u8;
        value /= 8;
    }
    field[digits] = 0;
}

/// A pax record: its own length, a blank, `key=value`, a newline.
fn record(out: &mut Vec<u8>, key: &str, value: &str) {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len() + 1;
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    out.extend(length.to_string().bytes());
    out.extend(rest.bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn an_independent_reader_agrees() {
        let long = format!("blobs/sha512/{}", "0123456789abcdef".repeat(8));
        let mut bytes = Vec::new();
        directory(&mut bytes, "blobs/").unwrap();
        for (path, content) in [("index.json", &b"{}"[..]), (&long, &[7; 512]), ("e", b"")] {
            file(&mut bytes, path, content.len() as u64).unwrap();
            bytes.extend(content);
            padding(&mut bytes, content.len() as u64).unwrap();
        }
        end(&mut bytes).unwrap();
        assert_eq!(bytes.len() % BLOCK, 0);
        let mut archive = ::tar::Archive::new(&bytes[..]);
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            assert_eq!(header.mtime().unwrap(), 0);
            seen.push((path, header.mode().unwrap(), content.len()));
        }
        assert_eq!(
            seen,
            [
                ("blobs/".to_owned(), 0o755, 0),
                ("index.json".to_owned(), 0o644, 2),
                (long, 0o644, 512),
                ("e".to_owned(), 0o644, 0),
            ]
        );
    }

    #[test]
    fn sizes_over_8_gib() {
        let mut bytes = Vec::new();
        file(&mut bytes, "big", USTAR_SIZE).unwrap();
        assert_eq!(bytes.len(), BLOCK);
        bytes.clear();
        file(&mut bytes, "big", USTAR_SIZE + 1).unwrap();
        assert_eq!(&bytes[BLOCK..BLOCK + 19], b"19 size=8589934592\n");
        let mut archive = ::tar::Archive::new(&bytes[..]);
        let entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.size(), USTAR_SIZE + 1);
    }

    #[test]
    fn a_record_counts_its_own_length() {
        for length in 1..300 {
            let mut out = Vec::new();
            record(&mut out, "path", &"x".repeat(length));
            let text = String::from_utf8(out).unwrap();
            let (number, _) = text.split_once(' ').unwrap();
            assert_eq!(number.parse::<usize>().unwrap(), text.len());
        }
    }
}

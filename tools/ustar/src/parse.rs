//! The fields of tar headers as other programs write them: old, ustar, GNU and pax.
//!
//! What it cannot read it says, and guesses nothing. Which entries there are and what they may be is its
//! caller's rule.

use crate::{BLOCK, Type};
use std::collections::BTreeMap;

/// Pax records by key.
pub type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// The key of a pax record with an extended attribute begins so.
pub const XATTR: &[u8] = b"SCHILY.xattr.";

/// The most bytes of a pax header or of a long name: as much as Go's `archive/tar` takes, by which most
/// engines unpack. Linux takes 64 KiB of extended attributes.
pub const LARGEST_RECORDS: u64 = 1 << 20;

/// The type that a `typeflag` byte stands for; none for one that a layer cannot have.
pub fn kind(flag: u8) -> Option<Type> {
    Some(match flag {
        // NUL is what old headers have, `7` a file that lies in one piece on disk.
        0 | b'0' | b'7' => Type::File,
        b'1' => Type::Hardlink,
        b'2' => Type::Symlink,
        b'3' => Type::CharacterDevice,
        b'4' => Type::BlockDevice,
        b'5' => Type::Directory,
        b'6' => Type::Fifo,
        _ => return None,
    })
}

/// Whether the header's checksum is right: the sum of its bytes, the sum's own field taken as spaces. Some
/// old writers summed signed bytes; readers take both (POSIX.1-2001, pax, "ustar Interchange Format").
///
/// # Errors
/// What is wrong with it.
pub fn check_sum(block: &[u8; BLOCK]) -> Result<(), String> {
    let spaced = |i: usize, byte: u8| if (148..156).contains(&i) { b' ' } else { byte };
    let bytes = || block.iter().enumerate().map(|(i, &byte)| spaced(i, byte));
    let unsigned: i64 = bytes().map(i64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    match number(&block[148..156]) {
        Some(sum) if sum == unsigned || sum == signed => Ok(()),
        Some(sum) => Err(format!(
            "a checksum of {sum}, and the header's is {unsigned}"
        )),
        None => Err("a checksum that is not a number".to_owned()),
    }
}

/// A field of text: up to the first NUL.
pub fn text(field: &[u8]) -> &[u8] {
    field.split(|&b| b == 0).next().unwrap_or_default()
}

/// Whether the header has owners' names and device numbers, as POSIX's and GNU's have; older ones have not.
pub fn is_posix(block: &[u8; BLOCK]) -> bool {
    &block[257..262] == b"ustar"
}

/// The name, and before it the prefix, which only POSIX headers have: in GNU's, times are there.
pub fn path(block: &[u8; BLOCK]) -> Vec<u8> {
    let name = text(&block[..100]);
    let prefix = text(&block[345..500]);
    match &block[257..263] == b"ustar\0" && !prefix.is_empty() {
        true => [prefix, b"/", name].concat(),
        false => name.to_vec(),
    }
}

/// A number of a header: octal, or in base 256 as GNU tar writes it; blank is 0. None if it is neither, or
/// too large.
pub fn number(field: &[u8]) -> Option<i64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        // Base 256, two's complement; the first bit says only that it is.
        let start = i64::from(first & 0x3f) - i64::from(first & 0x40);
        return rest.iter().try_fold(start, |number, &byte| {
            number.checked_mul(256)?.checked_add(i64::from(byte))
        });
    }
    let digits = field
        .iter()
        .skip_while(|&&b| b == b' ')
        .take_while(|&&b| b != b' ' && b != 0);
    digits
        .copied()
        .try_fold(0, |number: i64, digit| match digit {
            b'0'..=b'7' => number.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
            _ => None,
        })
}

/// `LENGTH KEY=VALUE\n`, one after the other, where LENGTH counts all of it (POSIX.1-2001, pax, "pax Header
/// Block"). Returns the keys in their order.
///
/// # Errors
/// What is wrong with one.
pub fn records(mut data: &[u8], into: &mut Records) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut keys = Vec::new();
    // Some writers fill up with NULs within the size.
    while data.iter().any(|&b| b != 0) {
        let space = data.iter().position(|&b| b == b' ');
        let space = space.ok_or("a pax record without a length")?;
        let length: usize = std::str::from_utf8(&data[..space])
            .ok()
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .ok_or("a pax record without a length")?;
        let record = data.get(space + 1..length);
        let Some([body @ .., b'\n']) = record else {
            return Err("a pax record of another length than it says");
        };
        let equals = body.iter().position(|&b| b == b'=');
        let equals = equals.ok_or("a pax record without a value")?;
        keys.push(body[..equals].to_vec());
        into.insert(body[..equals].to_vec(), body[equals + 1..].to_vec());
        data = &data[length..];
    }
    Ok(keys)
}

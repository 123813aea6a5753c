//! What the first bytes of a file tell: whether it can be executed, and for which machine.

/// How many bytes suffice.
pub(crate) const ENOUGH: usize = 20;

/// Whether the content begins as an ELF file or as a script (`#!`): what the mode `by_content` asks.
pub(crate) fn is_executable(head: &[u8]) -> bool {
    head.starts_with(b"\x7fELF") || head.starts_with(b"#!")
}

/// The machine that an ELF file is for, as `uname -m` calls it; none for other files, and for
/// machines without a name here (System V ABI, chapter 4, `e_machine`).
pub(crate) fn machine(head: &[u8]) -> Option<&'static str> {
    if head.len() < ENOUGH || !head.starts_with(b"\x7fELF") {
        return None;
    }
    let wide = head[4] == 2;
    let little = head[5] == 1;
    let bytes = [head[18], head[19]];
    let number = if little {
        u16::from_le_bytes(bytes)
    } else {
        u16::from_be_bytes(bytes)
    };
    Some(match (number, wide, little) {
        (3, ..) => "i386",
        (8, true, true) => "mips64el",
        (8, true, false) => "mips64",
        (8, false, true) => "mipsel",
        (8, false, false) => "mips",
        (20, ..) => "ppc",
        (21, _, true) => "ppc64le",
        (21, _, false) => "ppc64",
        (22, ..) => "s390x",
        (40, ..) => "arm",
        (62, ..) => "x86_64",
        (183, ..) => "aarch64",
        (243, true, _) => "riscv64",
        (243, false, _) => "riscv32",
        (258, ..) => "loongarch64",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(class: u8, data: u8, machine: [u8; 2]) -> Vec<u8> {
        let mut head = vec![0; ENOUGH];
        head[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, data]);
        head[18..].copy_from_slice(&machine);
        head
    }

    #[test]
    fn machines() {
        assert_eq!(machine(&elf(2, 1, [62, 0])), Some("x86_64"));
        assert_eq!(machine(&elf(2, 1, [183, 0])), Some("aarch64"));
        assert_eq!(machine(&elf(2, 2, [0, 22])), Some("s390x"));
        assert_eq!(machine(&elf(2, 1, [21, 0])), Some("ppc64le"));
        assert_eq!(machine(&elf(2, 1, [243, 0])), Some("riscv64"));
        assert_eq!(machine(&elf(2, 1, [255, 255])), None);
        assert_eq!(machine(&elf(2, 1, [62, 0])[..19]), None);
        assert_eq!(machine(b"#!/bin/sh\n0123456789"), None);
    }

    #[test]
    fn by_content() {
        assert!(is_executable(b"#!/bin/sh"));
        assert!(is_executable(b"\x7fELF"));
        for plain in [&b""[..], b"#", b"# !", b"ELF", b"\x7fEL"] {
            assert!(!is_executable(plain));
        }
    }
}

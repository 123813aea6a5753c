//! Small texts, line by line.

/// The most bytes of a text that is shown.
pub(super) const LIMIT: u64 = 64 << 10;

/// The most lines of one side that are shown.
const LINES: usize = 10;

/// The lines that differ, without the equal ones before and after; none where one side is no text.
pub(super) fn difference(first: &[u8], second: &[u8]) -> Option<Vec<String>> {
    let text = |bytes| {
        std::str::from_utf8(bytes)
            .ok()
            .filter(|text| !text.contains('\0'))
    };
    let (first, second) = (text(first)?, text(second)?);
    let (one, two): (Vec<&str>, Vec<&str>) =
        (first.split('\n').collect(), second.split('\n').collect());
    let head = one.iter().zip(&two).take_while(|(a, b)| a == b).count();
    let (a, b) = (&one[head..], &two[head..]);
    let tail = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let mut lines = vec![format!("line {}", head + 1)];
    for (mark, side) in [('-', &a[..a.len() - tail]), ('+', &b[..b.len() - tail])] {
        for line in side.iter().take(LINES) {
            lines.push(format!("{mark} {}", oci::error::Shown::new(line)));
        }
        if side.len() > LINES {
            lines.push(format!("{mark} … {} more lines", side.len() - LINES));
        }
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ() {
        let lines = difference(b"a\nb\nc\n", b"a\nx\ny\nc\n").unwrap();
        assert_eq!(lines, ["line 2", "- b", "+ x", "+ y"]);
        assert_eq!(difference(b"a", b"a\n").unwrap(), ["line 2", "+ "]);
        assert_eq!(difference(b"\xff", b"a"), None);
        assert_eq!(difference(b"\0", b"a"), None);
        let many: String = (0..30).map(|n| format!("{n}\n")).collect();
        let lines = difference(b"", many.as_bytes()).unwrap();
        assert_eq!(lines.last().unwrap(), "+ … 20 more lines");
    }
}

//! Golden files: texts in the source tree that a test's result must equal, byte for byte.
//!
//! `UPDATE_GOLDEN=1` writes them anew instead, for a human to read the difference. It is the only thing that
//! reads that variable. It decides nothing about where a golden file lies, but for the schemas.
#![allow(
    clippy::disallowed_methods,
    reason = "tests write golden files themselves, in the source tree, when a variable says so"
)]

use std::path::Path;

use serde::Serialize;

/// Whether golden files are to be written rather than compared with.
#[must_use]
pub fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1")
}

/// A text is that of a golden file.
///
/// # Panics
/// It is not, or the file cannot be written; `remedy` says what writes it anew.
#[track_caller]
pub fn check(path: &Path, text: &str, remedy: &str) {
    if updating() {
        std::fs::write(path, text)
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    if golden == text {
        return;
    }
    let line = golden
        .lines()
        .zip(text.lines())
        .take_while(|(golden, text)| golden == text)
        .count();
    panic!(
        "{} has drifted, first in line {}: {remedy}\n  golden:   {}\n  this run: {}",
        path.display(),
        line + 1,
        golden.lines().nth(line).unwrap_or("(its end)"),
        text.lines().nth(line).unwrap_or("(its end)"),
    );
}

/// `docs/schemas/NAME.schema.json` is this schema, in its pretty form.
///
/// # Panics
/// It is not.
#[track_caller]
pub fn check_schema(name: &str, schema: &impl Serialize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/schemas")
        .join(format!("{name}.schema.json"));
    let mut text =
        serde_json::to_string_pretty(schema).expect("a schema is objects, lists and strings");
    text.push('\n');
    check(&path, &text, "run `cargo xtask schemas`");
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    #[should_panic(
        expected = "has drifted, first in line 2: see the docs\n  golden:   (its end)\n  this run: b"
    )]
    fn a_difference_is_told() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "a\n").expect("written");
        check(file.path(), "a\n", "see the docs");
        check(file.path(), "a\nb\n", "see the docs");
    }
}

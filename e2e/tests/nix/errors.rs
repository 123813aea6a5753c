//! What bad input gets: an error that names the attribute, and what to do. All that is said stands in
//! `e2e/nix/errors.txt`, which is written anew where `UPDATE_GOLDEN` is set.

use std::fmt::Write;
use std::fs;

use e2e::programs;

use crate::world::World;

/// Each attribute of `e2e/nix/errors.nix`, and all that is said of it.
pub(crate) fn all(world: &World) {
    let mut found = String::new();
    for attribute in attributes(world) {
        let said = world.nix.refused(&format!("errors.{attribute}"));
        let _ = writeln!(found, "{attribute}");
        for line in ours(&said) {
            let _ = writeln!(found, "    {line}");
        }
    }
    let golden = programs::workspace().join("e2e/nix/errors.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &found).unwrap();
    }
    let expected = fs::read_to_string(golden).unwrap();
    let lines = found.lines().zip(expected.lines());
    if let Some((found, expected)) = lines
        .into_iter()
        .find(|(found, expected)| found != expected)
    {
        panic!("found:    {found}\nexpected: {expected}");
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}

fn attributes(world: &World) -> Vec<String> {
    let attribute = world.nix.attribute("errors");
    let words = [
        "eval",
        "--json",
        &attribute,
        "--apply",
        "builtins.attrNames",
    ];
    let (_, names) = world.nix.succeed("nix", &words);
    serde_json::from_str(&names).unwrap()
}

/// What we say, without what Nix says around it and the hashes of store paths: an error of the
/// functions to its end, or the lines of a builder.
fn ours(said: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut thrown = false;
    for line in said.lines() {
        if let Some((_, error)) = line.split_once("error: rules_container: ") {
            lines.push(format!("rules_container: {error}"));
            thrown = true;
        } else if thrown {
            lines.push(line.trim().to_owned());
        } else if let Some((name, line)) = line.split_once("> ")
            && !name.contains(' ')
        {
            lines.push(line.to_owned());
        }
    }
    assert!(
        lines.iter().any(|line| {
            let hint = line.strip_prefix("fix: ").or(line.strip_prefix("hint: "));
            hint.is_some_and(|hint| !hint.is_empty())
        }),
        "no word of what to do:\n{said}"
    );
    (lines.iter())
        .map(|line| without_sizes(&without_hashes(line)))
        .collect()
}

/// Sizes are those of other people's packages.
fn without_sizes(line: &str) -> String {
    if !line.contains(" bytes") {
        return line.to_owned();
    }
    let words = line.split(' ').map(|word| {
        let number = word.trim_start_matches('(');
        let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        if is_number {
            word.replace(number, "N")
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<String>>().join(" ")
}

/// `/nix/store/…-name`: a hash has 32 characters and then a hyphen.
fn without_hashes(line: &str) -> String {
    let is_hash = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
    };
    let mut text = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let boundary = !text.ends_with(|c: char| c.is_ascii_alphanumeric());
        match rest.get(..33) {
            Some(hash) if boundary && hash.strip_suffix('-').is_some_and(is_hash) => {
                text.push_str("HASH-");
                rest = &rest[33..];
            }
            _ => {
                text.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    text
}

//! Names that stay the same from release to release.
//!
//! A Nix store path without its folder, its hash and its version, made unique where two paths
//! would have one name. Nothing else is known of a path, and any other path is its own name.

use std::collections::BTreeMap;

/// The characters of a store path's hash.
const HASH: usize = 32;

/// For each path its name, in the order of the paths. A name is
/// 1. the store path's name without the version: `openssl` of `/nix/store/<hash>-openssl-3.0.13`,
///    `openssl-bin` of `…-openssl-3.0.13-bin`;
/// 2. where several paths have that, the name with the version;
/// 3. where several still do, that with `#1`, `#2` … in the order of the paths.
pub fn stable_names(paths: &[&str]) -> Vec<String> {
    let full: Vec<&str> = paths.iter().map(|path| without_hash(path)).collect();
    let short: Vec<String> = full
        .iter()
        .zip(paths)
        .map(|(full, path)| {
            if full == path {
                full.to_string()
            } else {
                without_version(full)
            }
        })
        .collect();
    let mut same_short: BTreeMap<&str, usize> = BTreeMap::new();
    let mut same_full: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for ((short, full), path) in short.iter().zip(&full).zip(paths) {
        *same_short.entry(short).or_default() += 1;
        same_full.entry(full).or_default().push(path);
    }
    for equals in same_full.values_mut() {
        equals.sort_unstable();
    }
    let mut names: Vec<String> = Vec::with_capacity(paths.len());
    for ((short, full), path) in short.iter().zip(&full).zip(paths) {
        let equals = &same_full[full];
        names.push(if same_short[short.as_str()] == 1 {
            short.clone()
        } else if equals.len() == 1 {
            full.to_string()
        } else {
            let at = equals.partition_point(|other| other < path);
            format!("{full}#{}", at + 1)
        });
    }
    unique(names, paths)
}

/// A path that is its own name can look like a made one: then both are their paths.
fn unique(mut names: Vec<String>, paths: &[&str]) -> Vec<String> {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for name in &names {
        *count.entry(name.clone()).or_default() += 1;
    }
    for (name, path) in names.iter_mut().zip(paths) {
        if count[name.as_str()] > 1 {
            *name = (*path).to_owned();
        }
    }
    names
}

/// The part after `<store>/<hash>-`, or the path itself.
fn without_hash(path: &str) -> &str {
    let Some(base) = path.rsplit('/').next().filter(|_| path.starts_with('/')) else {
        return path;
    };
    match base.split_at_checked(HASH) {
        Some((hash, rest))
            if hash
                .bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()) =>
        {
            rest.strip_prefix('-')
                .filter(|rest| !rest.is_empty())
                .unwrap_or(path)
        }
        _ => path,
    }
}

/// Leaves out the words that begin with a digit, but never the first.
fn without_version(name: &str) -> String {
    let mut kept = String::new();
    for (at, word) in name.split('-').enumerate() {
        if at == 0 || !word.starts_with(|c: char| c.is_ascii_digit()) {
            if at > 0 {
                kept.push('-');
            }
            kept.push_str(word);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "/nix/store/0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-";
    const B: &str = "/nix/store/1bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-";

    #[test]
    fn hash_and_version_are_left_out() {
        let path = |name: &str| format!("{A}{name}");
        for (full, short) in [
            ("openssl-3.0.13", "openssl"),
            ("openssl-3.0.13-bin", "openssl-bin"),
            ("gtk+3-3.24.41", "gtk+3"),
            ("glibc-2.40-36", "glibc"),
            ("7zip-23.01", "7zip"),
            ("source", "source"),
        ] {
            assert_eq!(stable_names(&[&path(full)]), [short]);
        }
        assert_eq!(stable_names(&["app/main.py"]), ["app/main.py"]);
        assert_eq!(
            stable_names(&["/nix/store/short-a-1"]),
            ["/nix/store/short-a-1"]
        );
    }

    #[test]
    fn equal_names_are_made_unique_by_version_and_then_by_path() {
        let (a, b) = (format!("{A}zlib-1.2"), format!("{B}zlib-1.3"));
        assert_eq!(stable_names(&[&b, &a]), ["zlib-1.3", "zlib-1.2"]);
        let (a, b) = (format!("{A}zlib-1.2"), format!("{B}zlib-1.2"));
        assert_eq!(stable_names(&[&b, &a]), ["zlib-1.2#2", "zlib-1.2#1"]);
    }

    #[test]
    fn a_name_that_is_another_s_name_is_the_path() {
        let (a, b) = (format!("{A}zlib-1.2"), format!("{B}zlib-1.2"));
        let names = stable_names(&[&a, &b, "zlib-1.2#1"]);
        assert_eq!(names, [a.as_str(), "zlib-1.2#2", "zlib-1.2#1"]);
    }
}

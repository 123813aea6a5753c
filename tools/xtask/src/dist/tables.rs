//! The tables of a release: for Bazel, for Nix, for people, for `sha256sum --check`.

use super::Built;
use crate::command::Error;
use e2e::blob;
use e2e::tree;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// What `rules/private/prebuilt.bzl` says of this release: the entries of `PREBUILT`.
pub(super) fn bazel(built: &[Built], version: &str, url: &str) -> String {
    let mut text = format!("\"\"\"The prebuilt programs of {version}.\"\"\"\n\nPREBUILT = {{\n");
    for one in built {
        let _ = writeln!(
            text,
            "    \"{}\": struct(\n        urls = [\"{url}/{version}/{}\"],\n        sha256 = \"{}\",\n    ),",
            one.target.bazel, one.archive, one.sha256
        );
    }
    text.push_str("}\n");
    text
}

/// The same for Nix, by system.
pub(super) fn nix(built: &[Built], version: &str, url: &str) -> String {
    let mut text = format!("# The prebuilt programs of {version}, by system.\n{{\n");
    for one in built {
        let _ = writeln!(
            text,
            "  {} = {{\n    url = \"{url}/{version}/{}\";\n    sha256 = \"{}\";\n  }};",
            one.target.nix, one.archive, one.sha256
        );
    }
    text.push_str("}\n");
    text
}

/// Which targets there are, and which there are not.
pub(super) fn targets(built: &[Built], missing: &[(String, String)]) -> String {
    let mut text = String::new();
    for one in built {
        let _ = writeln!(text, "{}\tbuilt\t{}", one.target.triple, one.archive);
    }
    for (target, why) in missing {
        let _ = writeln!(text, "{target}\tnot built\t{why}");
    }
    text
}

/// A line for each file below `out`, sorted by path.
pub(super) fn checksums(out: &Path) -> Result<String, Error> {
    let mut lines = String::new();
    for (path, node) in tree::read(out) {
        if let tree::Node::File(_) = node {
            let digest = blob::digest(&fs::read(out.join(&path))?);
            let _ = writeln!(lines, "{}  {}", &digest[7..], path.display());
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_and_what_is_not() {
        let built = Built {
            target: &crate::dist::TARGETS[0],
            archive: "a.tar.gz".to_owned(),
            sha256: "0".repeat(64),
        };
        let missing = (
            "other-unknown-linux-gnu".to_owned(),
            "for a reason".to_owned(),
        );
        assert_eq!(
            targets(&[built], &[missing]),
            "x86_64-unknown-linux-gnu\tbuilt\ta.tar.gz\nother-unknown-linux-gnu\tnot built\tfor a reason\n"
        );
        // What is not installed is named, and what is has a folder of its own.
        let installed = crate::dist::installed().unwrap();
        assert!(
            installed.contains(&crate::workspace::host().unwrap()),
            "{installed:?}"
        );
    }

    /// A release of Bazel's rules has this file in the place of `rules/private/prebuilt.bzl`; the tests of the
    /// rules build with it.
    #[test]
    fn the_table_for_bazel() {
        let built = Built {
            target: &crate::dist::TARGETS[0],
            archive: "rules_container-1.2.3-linux_amd64.tar.gz".to_owned(),
            sha256: "0".repeat(64),
        };
        let want = include_str!("../../../../e2e/bazel/golden/prebuilt.bzl");
        let got = bazel(&[built], "1.2.3", "https://example.com/releases");
        assert_eq!(got, want);
    }
}

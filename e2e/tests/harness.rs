//! The runner itself notices what it is there to notice: tried on programs that misbehave.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::fs;
use std::path::Path;

use e2e::case::Case;
use e2e::run::{self, Surroundings};
use e2e::{golden, tree};

/// Writes a case whose program is a shell script, runs it and checks it against `goldens`.
fn check(script: &str, goldens: &[(&str, &str)]) -> Result<(), String> {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("case");
    fs::create_dir_all(folder.join("inputs")).unwrap();
    fs::write(folder.join("request.json"), "{}").unwrap();
    fs::write(folder.join("inputs/a"), "a").unwrap();
    for (name, text) in goldens {
        fs::write(folder.join(name), text).unwrap();
    }
    let program = home.path().join("fake");
    fs::write(&program, format!("PATH=/usr/bin:/bin\n{script}\n")).unwrap();
    let case = Case {
        tool: "fake",
        name: "fake/case".into(),
        folder,
    };
    let copy = home.path().join("copy");
    case.lay_out(&copy);
    let shell = Surroundings {
        through: vec!["/bin/sh".into()],
        ..Surroundings::plain()
    };
    let outcome = run::run(home.path(), &case, &copy, &shell);
    golden::check(&case, &outcome, None)
}

const REFUSED: (&str, &str) = ("error.txt", "fake: no\nexit 1\n");
const LISTING: (&str, &str) = (
    "listing.ndjson",
    "{\"path\":\"a\",\"sha256\":\"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\",\"size\":1}\n",
);
const DIGESTS: (&str, &str) = (
    "digests.json",
    "{\n  \"a\": \"sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\"\n}\n",
);
const GOOD: &str = "mkdir out; printf a > out/a; echo '{}' > receipt.json";

#[test]
fn a_case_that_is_as_it_should_be_passes() {
    check("echo 'fake: no' >&2; exit 1", &[REFUSED]).unwrap();
    check(GOOD, &[LISTING, DIGESTS]).unwrap();
    check(
        &format!("{GOOD}; echo hm >&2"),
        &[LISTING, DIGESTS, ("warnings.txt", "hm\n")],
    )
    .unwrap();
}

#[test]
fn a_failed_run_may_leave_nothing() {
    for left in [
        "out",
        "receipt.json",
        "listing.ndjson",
        ".out.tmp",
        "inputs/b",
    ] {
        let text = check(
            &format!("echo 'fake: no' >&2; : > {left}; exit 1"),
            &[REFUSED],
        );
        assert!(text.is_err(), "{left} was not noticed");
    }
}

#[test]
fn inputs_stay_as_they_are() {
    for change in ["echo b > inputs/a", "rm inputs/a", "chmod 700 inputs/a"] {
        assert!(
            check(&format!("{GOOD}; {change}"), &[LISTING, DIGESTS]).is_err(),
            "{change}"
        );
    }
}

#[test]
fn message_exit_code_and_silence_are_exact() {
    for script in [
        "echo 'fake: no' >&2; exit 3",
        "echo 'fake: No' >&2; exit 1",
        "echo 'fake: no' >&2; echo hello; exit 1",
        "echo 'fake: no' >&2; kill -SEGV $$",
        GOOD,
    ] {
        assert!(check(script, &[REFUSED]).is_err(), "{script}");
    }
    assert!(check(&format!("{GOOD}; echo hm >&2"), &[LISTING, DIGESTS]).is_err());
    assert!(check("echo 'fake: no' >&2; exit 1", &[LISTING, DIGESTS]).is_err());
}

#[test]
fn bytes_are_exact() {
    let text = check(
        "mkdir out; printf b > out/a; echo '{}' > receipt.json",
        &[LISTING, DIGESTS],
    );
    let text = text.unwrap_err();
    assert!(text.contains("digests.json differs") && text.contains("listing.ndjson differs"));
    assert!(check(&format!("{GOOD}; : > out/b"), &[LISTING, DIGESTS]).is_err());
    assert!(
        check("mkdir out; printf a > out/a", &[LISTING, DIGESTS]).is_err(),
        "no receipt"
    );
}

#[test]
fn a_copy_keeps_what_git_cannot_hold() {
    let home = tempfile::tempdir().unwrap();
    let from = home.path().join("from");
    fs::create_dir_all(from.join("empty")).unwrap();
    fs::write(
        from.join("setup.json"),
        r#"[{"directory":{"path":"inputs/empty"}},
            {"file":{"path":{"base64":"aW5wdXRzL/8="},"content":"ab","times":3}},
            {"sparse":{"path":"inputs/big","size":9000000000,"pieces":[[8999999999,"x"]]}},
            {"symlink":{"path":"inputs/link","target":"/no/where"}},
            {"fifo":{"path":"inputs/fifo"}}]"#,
    )
    .unwrap();
    fs::write(from.join("request.json"), "{}").unwrap();
    let case = Case {
        tool: "layer",
        name: "x".into(),
        folder: from,
    };
    let first = home.path().join("first");
    case.lay_out(&first);
    let second = home.path().join("second");
    let manner = tree::Manner {
        reversed: true,
        disguised: true,
        ..tree::Manner::PLAIN
    };
    tree::copy(&first, &second, manner);
    let shape = |top: &Path| tree::snapshot(top).into_keys().collect::<Vec<_>>();
    assert_eq!(shape(&first), shape(&second));
    assert_eq!(shape(&first).len(), 7, "{:?}", shape(&first));
    let big = fs::metadata(second.join("inputs/big")).unwrap();
    assert_eq!(big.len(), 9_000_000_000);
    assert!(
        std::os::unix::fs::MetadataExt::blocks(&big) < 1000,
        "the hole was filled"
    );
    assert_ne!(
        tree::snapshot(&first),
        tree::snapshot(&second),
        "nothing was disguised"
    );
}

#[test]
fn a_diff_shows_only_what_differs() {
    let text = golden::diff("a\nb\nc\nd\n", "a\nB\nB\nd\n");
    assert_eq!(text, "    line 2\n    - b\n    - c\n    + B\n    + B\n");
}

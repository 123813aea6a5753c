//! The byte promise: every case again in other surroundings leaves the same bytes, and the same words
//! where it fails.
//!
//! Each test changes one thing that must not matter, makes sure that it did change, and compares all
//! that the run left with the plain run: output, receipt, listing, messages, exit code.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests"
)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use e2e::case::Case;
use e2e::run::{self, Outcome, Surroundings};
use e2e::tree::{self, Content, Manner};
use e2e::{golden, outsiders, programs};
use rayon::prelude::*;

/// All cases with their plain runs.
fn plain() -> &'static [(Case, Outcome)] {
    static PLAIN: OnceLock<Vec<(Case, Outcome)>> = OnceLock::new();
    PLAIN.get_or_init(|| {
        let cases: Vec<Case> = programs::TOOLS.into_iter().flat_map(Case::all).collect();
        let run = |case: Case| {
            let folder = tempfile::tempdir().unwrap();
            case.lay_out(folder.path());
            let outcome = run(&case, folder.path(), &Surroundings::plain());
            (case, outcome)
        };
        cases.into_par_iter().map(run).collect()
    })
}

fn run(case: &Case, folder: &Path, around: &Surroundings) -> Outcome {
    run::run(programs::folder(), case, folder, around)
}

/// Runs every case once more by `again`, and reports every difference from its plain run.
fn all_the_same(again: impl Fn(&Case) -> Outcome + Sync) {
    the_same(&plain().iter().collect::<Vec<_>>(), again);
}

fn the_same(cases: &[&(Case, Outcome)], again: impl Fn(&Case) -> Outcome + Sync) {
    assert!(!cases.is_empty(), "no cases");
    let differ: Vec<String> = cases
        .par_iter()
        .filter_map(|(case, want)| {
            let what = difference(want, &again(case))?;
            Some(format!("{}: {what}", case.name))
        })
        .collect();
    let (count, all) = (differ.len(), cases.len());
    assert!(
        differ.is_empty(),
        "{count} of {all} cases:\n\n{}\n",
        differ.join("\n")
    );
}

/// What differs between two runs, for a reader.
fn difference(want: &Outcome, got: &Outcome) -> Option<String> {
    if want == got {
        return None;
    }
    let text = |outcome: &Outcome| {
        let Outcome {
            code,
            stdout,
            stderr,
            receipt,
            listing,
            stray,
            out: _,
        } = outcome;
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "(none)".into());
        let (receipt, listing) = (text(receipt), text(listing));
        format!("exit {code}\n{stdout}\n{stderr}\n{receipt}\n{listing}\n{stray:?}")
    };
    let mut diff = golden::diff(&text(want), &text(got));
    if want.out != got.out {
        diff.push_str("    the output differs\n");
    }
    Some(diff)
}

/// Every case, laid out as usual but run in other surroundings.
fn around(around: &Surroundings) {
    all_the_same(|case| run_anew(case, around));
}

fn run_anew(case: &Case, around: &Surroundings) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    case.lay_out(folder.path());
    run(case, folder.path(), around)
}

/// Every case, its inputs copied in another manner into `folder(case)`.
fn copied(top: &Path, manner: Manner, after: impl Fn(&Path) + Sync) {
    all_the_same(|case| {
        let folder = tempfile::tempdir_in(top).unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        case.lay_out(&first);
        let keep_executable_bit = case.takes_executable_bit();
        tree::copy(
            &first,
            &second,
            Manner {
                keep_executable_bit,
                ..manner
            },
        );
        after(&second);
        run(case, &second, &Surroundings::plain())
    });
}

#[test]
fn umask_and_environment() {
    let environment = [
        ("HOME", "/nowhere"),
        ("LC_ALL", "tr_TR.UTF-8"),
        ("LANG", "ja_JP.eucJP"),
        ("TZ", "Pacific/Kiritimati"),
        ("SOURCE_DATE_EPOCH", "1234567890"),
        ("TMPDIR", "/nowhere"),
        ("USER", "somebody"),
        ("ZSTD_CLEVEL", "19"),
        ("ZSTD_NBTHREADS", "7"),
        ("GZIP", "-1"),
        ("RUST_BACKTRACE", "full"),
    ];
    let environment: Vec<_> = environment
        .map(|(name, value)| (name, value.to_owned()))
        .into();
    for umask in ["000", "077"] {
        let environment = environment.clone();
        around(&Surroundings {
            umask,
            environment,
            through: Vec::new(),
        });
    }
}

#[test]
fn working_directory() {
    all_the_same(|case| {
        let top = tempfile::tempdir().unwrap();
        let name = OsStr::from_bytes(b"a folder, \xff\xfe not UTF-8 \n");
        let folder = top
            .path()
            .join("d".repeat(200))
            .join(name)
            .join("d".repeat(200));
        case.lay_out(&folder);
        run(case, &folder, &Surroundings::plain())
    });
}

#[test]
fn threads() {
    for threads in ["1", "2", "16"] {
        let environment = vec![("RAYON_NUM_THREADS", threads.to_owned())];
        around(&Surroundings {
            environment,
            ..Surroundings::plain()
        });
    }
}

/// On a tmpfs the order of a folder is that of its filling: seen, not assumed.
#[test]
fn readdir_order() {
    let memory = Path::new("/dev/shm");
    let top = tempfile::tempdir_in(if memory.is_dir() {
        memory
    } else {
        Path::new("/tmp")
    });
    let top = top.unwrap();
    let probe = |manner: Manner| {
        let (from, to) = (top.path().join("from"), top.path().join("to"));
        for name in ["a", "b", "c"] {
            fs::create_dir_all(from.join(name)).unwrap();
        }
        tree::copy(&from, &to, manner);
        let order = tree::as_the_system_says(&to);
        fs::remove_dir_all(&to).unwrap();
        order
    };
    let reversed = Manner {
        reversed: true,
        ..Manner::PLAIN
    };
    let (mut one, other) = (probe(Manner::PLAIN), probe(reversed));
    one.reverse();
    if one != other {
        outsiders::without(
            "readdir order",
            "a file system that keeps the order of filling",
        );
        return;
    }
    copied(top.path(), Manner::PLAIN, |_| {});
    copied(top.path(), reversed, |_| {});
    // And the cases do hold folders with an order to reverse.
    let many = plain().iter().filter(|(case, _)| {
        let inputs = case.golden("inputs");
        inputs.is_dir()
            && folders(&inputs)
                .iter()
                .any(|folder| tree::as_the_system_says(folder).len() > 1)
    });
    assert!(many.count() > 0, "no case has a folder of two");
}

fn folders(top: &Path) -> Vec<PathBuf> {
    let nodes = tree::read(top)
        .into_iter()
        .filter(|(_, node)| *node == tree::Node::Directory);
    nodes.map(|(path, _)| top.join(path)).collect()
}

/// Each input is another name of a file elsewhere, and equal files are one file.
#[test]
fn hard_linked_inputs() {
    let top = tempfile::tempdir().unwrap();
    let manner = Manner {
        content: Content::HardLinked,
        ..Manner::PLAIN
    };
    copied(top.path(), manner, |folder| {
        if !folder.join("inputs").exists() {
            return;
        }
        let mut seen = std::collections::BTreeMap::new();
        for (path, node) in tree::read(&folder.join("inputs")) {
            let tree::Node::File(bytes) = node else {
                continue;
            };
            let path = folder.join("inputs").join(path);
            let mode = fs::metadata(&path).unwrap().mode();
            assert!(fs::metadata(&path).unwrap().nlink() > 1, "not linked");
            if let Some(first) = seen.get(&(mode, bytes.clone())) {
                fs::remove_file(&path).unwrap();
                fs::hard_link(first, &path).unwrap();
            } else {
                seen.insert((mode, bytes), path);
            }
        }
    });
}

#[test]
fn reflinked_inputs() {
    let check = "reflinked inputs";
    if !outsiders::can(check, &["cp", "mkfs.btrfs", "mount", "umount"]) {
        return;
    }
    // In a made root the mount is in a private namespace; elsewhere nothing is mounted.
    if std::env::var_os("OUTSIDERS_ROOT").is_none() {
        outsiders::without(
            check,
            "a private mount namespace with a file system that shares blocks",
        );
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let (image, mount) = (home.path().join("image"), home.path().join("mount"));
    fs::create_dir(&mount).unwrap();
    tree::sparse(&image, 4 << 30, &[]);
    outsiders::run(home.path(), "mkfs.btrfs", &["--quiet", "image"]);
    outsiders::run(home.path(), "mount", &["-o", "loop", "image", "mount"]);
    let manner = Manner {
        content: Content::Reflinked,
        ..Manner::PLAIN
    };
    let done = std::panic::catch_unwind(|| copied(&mount, manner, |_| {}));
    outsiders::run(home.path(), "umount", &["mount"]);
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// Other owners (as root), other times, and other modes, but for the executable bit where the request
/// asks for it.
#[test]
fn owners_times_and_modes() {
    let top = tempfile::tempdir().unwrap();
    copied(
        top.path(),
        Manner {
            disguised: true,
            ..Manner::PLAIN
        },
        |folder| {
            let meta = fs::metadata(folder.join("request.json")).unwrap();
            assert_ne!(meta.mode() & 0o777, 0o644);
            assert_eq!(meta.mtime_nsec(), 123_456_789);
        },
    );
}

/// A CPU of 2003, one of 2008, and all that the emulator knows: no CPU feature reaches the bytes.
/// Only cases that write any: under an emulator each takes its time.
#[test]
fn cpu_models() {
    if !outsiders::can("the byte promise on other CPU models", &["qemu-x86_64"]) {
        return;
    }
    let emulator = outsiders::find("qemu-x86_64").unwrap();
    let write: Vec<_> = plain().iter().filter(|(case, _)| !case.fails()).collect();
    for model in ["qemu64", "Nehalem", "max"] {
        let through = vec![emulator.clone().into(), "-cpu".into(), model.into()];
        let around = Surroundings {
            through,
            ..Surroundings::plain()
        };
        the_same(&write, |case| run_anew(case, &around));
    }
}

/// The other way round: where the request takes modes from the executable bit, the bit is an input,
/// and the comparison of this file sees that a disguised copy differs.
#[test]
fn the_comparison_sees_what_matters() {
    let top = tempfile::tempdir().unwrap();
    let folder = top.path().join("case");
    fs::create_dir_all(folder.join("inputs")).unwrap();
    fs::write(folder.join("inputs/program"), "x").unwrap();
    fs::write(
        folder.join("request.json"),
        r#"{"kind":"layer","version":1,"origin":"//e2e:bit","defaults":{"file_mode":"by_bit"},
            "entries":[{"tree":{"source":"inputs"}}]}"#,
    )
    .unwrap();
    let case = Case {
        tool: "layer",
        name: "layer/bit".into(),
        folder,
    };
    assert!(case.takes_executable_bit());
    let outcome = |manner: Manner| {
        let copy = tempfile::tempdir_in(top.path()).unwrap();
        tree::copy(&case.folder, &copy.path().join("x"), manner);
        run(&case, &copy.path().join("x"), &Surroundings::plain())
    };
    let disguised = Manner {
        disguised: true,
        ..Manner::PLAIN
    };
    let plain = outcome(Manner::PLAIN);
    assert_eq!(plain.code, 0, "{}", plain.stderr);
    assert_eq!(difference(&plain, &outcome(disguised)), None);
    let flipped = Manner {
        keep_executable_bit: false,
        ..disguised
    };
    let difference = difference(&plain, &outcome(flipped)).expect("the bit changed");
    assert!(difference.contains("0755"), "{difference}");
}

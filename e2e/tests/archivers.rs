//! Other people's archivers read every layer as its listing says: GNU tar (name, type, mode, owner,
//! size, time, link), and Python's tarfile (these, and content, xattrs, owner names).
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests"
)]

use std::fs;
use std::path::Path;

use e2e::case::Case;
use e2e::run::{self, Surroundings};
use e2e::{golden, outsiders, programs};
use rayon::prelude::*;
use serde_json::Value;

/// Makes the layer of every case that succeeds and compares what `read` says of the blob with what
/// `expect` makes of the listing.
fn every_layer(read: impl Fn(&Path) -> String + Sync, expect: impl Fn(&str) -> String + Sync) {
    let cases: Vec<Case> = Case::all("layer")
        .into_iter()
        .filter(|case| !case.fails())
        .collect();
    assert!(!cases.is_empty(), "no layers to read");
    let differ: Vec<String> = cases
        .par_iter()
        .filter_map(|case| {
            let folder = tempfile::tempdir().unwrap();
            case.lay_out(folder.path());
            let outcome = run::run(
                programs::folder(),
                case,
                folder.path(),
                &Surroundings::plain(),
            );
            let want = expect(&outcome.listing.unwrap());
            let got = read(&folder.path().join("out"));
            (want != got).then(|| format!("{}\n{}", case.name, golden::diff(&want, &got)))
        })
        .collect();
    assert!(
        differ.is_empty(),
        "{} layers:\n\n{}",
        differ.len(),
        differ.join("\n")
    );
}

#[test]
fn gnu_tar() {
    let tools = ["tar", "gzip", "zstd"];
    if !outsiders::can("GNU tar lists every layer as its listing says", &tools) {
        return;
    }
    every_layer(gnu_list, |listing| {
        lines(listing)
            .map(|entry| gnu_line(&entry) + "\n")
            .collect()
    });
}

#[test]
fn python_tarfile() {
    let tools = ["python3", "sh", "gzip", "zstd", "cat"];
    if !outsiders::can(
        "Python's tarfile reads every layer as its listing says",
        &tools,
    ) {
        return;
    }
    let script = programs::workspace().join("e2e/tests/listing.py");
    let read = |blob: &Path| {
        let bytes = fs::read(blob).unwrap();
        let unpack = match bytes.as_slice() {
            [0x1f, 0x8b, ..] => "gzip -dc",
            [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd -dcq",
            _ => "cat",
        };
        let line = format!("{unpack} < \"$1\" > \"$1.tar\" && python3 \"$2\" < \"$1.tar\"");
        let words = [
            "-c".as_ref(),
            line.as_ref(),
            "sh".as_ref(),
            blob.as_os_str(),
            script.as_os_str(),
        ];
        let said = outsiders::run(Path::new("/"), "sh", &words);
        lines(&String::from_utf8(said).unwrap())
            .map(|entry| format!("{entry}\n"))
            .collect()
    };
    every_layer(read, |listing| {
        lines(listing)
            .map(|mut entry| {
                entry.as_object_mut().unwrap().remove("elf");
                format!("{entry}\n")
            })
            .collect()
    });
}

fn lines(ndjson: &str) -> impl Iterator<Item = Value> {
    ndjson
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
}

/// What GNU tar says of a blob, compression found out by itself, columns joined by one space.
fn gnu_list(blob: &Path) -> String {
    let mut said = String::new();
    let words = [
        "LC_ALL=C",
        "TZ=UTC0",
        "tar",
        "--list",
        "--verbose",
        "--verbose",
        "--full-time",
    ];
    let more = ["--numeric-owner", "--quoting-style=escape", "--file", "out"];
    let output = outsiders::run(blob.parent().unwrap(), "env", &[&words[..], &more].concat());
    for line in String::from_utf8(output).unwrap().lines() {
        // Five columns, padded with spaces that nothing tells from those that begin a name.
        let mut rest = line;
        for _ in 0..5 {
            let (column, after) = rest.split_once(' ').unwrap();
            said.push_str(column);
            said.push(' ');
            rest = after.trim_start();
        }
        said.push_str(rest);
        said.push('\n');
    }
    said
}

/// What GNU tar is to say of an entry of the listing.
fn gnu_line(entry: &Value) -> String {
    let kind = entry["type"].as_str().unwrap();
    let letter = match kind {
        "file" => '-',
        "directory" => 'd',
        "symlink" => 'l',
        "hardlink" => 'h',
        "character_device" => 'c',
        "block_device" => 'b',
        "fifo" => 'p',
        other => panic!("{other}"),
    };
    let mode = u32::from_str_radix(entry["mode"].as_str().unwrap(), 8).unwrap();
    let owner = format!("{}/{}", entry["uid"], entry["gid"]);
    let size = match entry.get("device") {
        Some(device) => device.as_str().unwrap().replace(':', ","),
        None => entry.get("size").map_or("0".into(), Value::to_string),
    };
    let mut name = escape(&bytes(&entry["path"]));
    if kind == "directory" && !name.ends_with('/') {
        name.push('/');
    }
    let link = entry
        .get("link")
        .map(|link| escape(&bytes(link)))
        .unwrap_or_default();
    match kind {
        "symlink" => name += &format!(" -> {link}"),
        "hardlink" => name += &format!(" link to {link}"),
        _ => {}
    }
    let mut seconds = entry["mtime"].as_i64().unwrap();
    let mut nanoseconds = entry["mtime_nanoseconds"].as_u64();
    if let (..0, Some(part)) = (seconds, nanoseconds) {
        // GNU tar 1.35 counts the fraction of a time before 1970 backwards, in listings of its own
        // archives too; what it extracts has the right time.
        (seconds, nanoseconds) = (seconds + 1, Some(1_000_000_000 - part));
    }
    let time = time(seconds, nanoseconds);
    let name = name.trim_start();
    format!("{letter}{} {owner} {size} {time} {name}", permissions(mode))
}

/// `rwxr-xr-x`, with `s`, `S`, `t` and `T`, as `ls` and `tar` write it.
fn permissions(mode: u32) -> String {
    let special = |bit: u32, execute: u32, on: char| match (mode & bit != 0, mode & execute != 0) {
        (true, true) => on,
        (true, false) => on.to_ascii_uppercase(),
        (false, true) => 'x',
        (false, false) => '-',
    };
    let flag = |bit: u32, letter: char| if mode & bit != 0 { letter } else { '-' };
    [
        flag(0o400, 'r'),
        flag(0o200, 'w'),
        special(0o4000, 0o100, 's'),
        flag(0o040, 'r'),
        flag(0o020, 'w'),
        special(0o2000, 0o010, 's'),
        flag(0o004, 'r'),
        flag(0o002, 'w'),
        special(0o1000, 0o001, 't'),
    ]
    .into_iter()
    .collect()
}

/// A time in UTC, nanoseconds only where there are some.
fn time(seconds: i64, nanoseconds: Option<u64>) -> String {
    // Days to a date by eras of 400 years that begin in March.
    let (days, second) = (
        seconds.div_euclid(86_400) + 719_468,
        seconds.rem_euclid(86_400),
    );
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let clock = format!(
        "{:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    );
    let fraction = nanoseconds
        .map(|part| format!(".{part:09}"))
        .unwrap_or_default();
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{year:04}-{month:02}-{date:02} {clock}{fraction}")
}

/// A path or link of a listing as bytes.
fn bytes(value: &Value) -> Vec<u8> {
    match value.as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => data_encoding::BASE64
            .decode(value["base64"].as_str().unwrap().as_bytes())
            .unwrap(),
    }
}

/// `--quoting-style=escape` in the locale C.
fn escape(name: &[u8]) -> String {
    name.iter()
        .map(|byte| match byte {
            b'\\' => "\\\\".into(),
            b'\n' => "\\n".into(),
            b'\t' => "\\t".into(),
            b'\r' => "\\r".into(),
            7 => "\\a".into(),
            8 => "\\b".into(),
            11 => "\\v".into(),
            12 => "\\f".into(),
            b' '..=b'~' => char::from(*byte).to_string(),
            other => format!("\\{other:03o}"),
        })
        .collect()
}

#[test]
fn times_and_modes_are_written_as_tar_does() {
    assert_eq!(time(0, None), "1970-01-01 00:00:00");
    assert_eq!(time(-1, Some(500_000_000)), "1969-12-31 23:59:59.5");
    assert_eq!(time(951_782_400, None), "2000-02-29 00:00:00");
    assert_eq!(time(4_107_542_399, None), "2100-02-28 23:59:59");
    assert_eq!(permissions(0o6755), "rwsr-sr-x");
    assert_eq!(permissions(0o1644), "rw-r--r-T");
}

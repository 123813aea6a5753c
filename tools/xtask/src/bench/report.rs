//! Tables from measurements: every number, then each target with the ratio that was measured.

use super::Results;
use super::measure::Measured;
use std::fmt::Write;

/// `bench/README.md`.
pub(crate) fn text(results: &Results) -> String {
    let mut text = String::from(
        "# Benchmarks\n\nWritten by `cargo xtask bench`; raw numbers in `results.json`. All commands of a group run in \
         turns in one run; the\nmedians count. CPU is user and system time of all processes of a command, peak memory that \
         of its largest process.\n\n",
    );
    for (name, value) in &results.machine {
        let _ = writeln!(text, "- {name}: {value}");
    }
    for (name, about) in &results.corpora {
        let _ = writeln!(text, "- ({name}): {about}, real files of the machine");
    }
    for version in &results.versions {
        let _ = writeln!(text, "- {version}");
    }
    let _ = writeln!(text, "\n## Targets\n\n{}", targets(&results.measured));
    text.push_str(NOTES);
    let _ = writeln!(text, "## Measurements");
    let mut group = "";
    for measured in &results.measured {
        if measured.group != group {
            group = &measured.group;
            let rounds = measured.runs.len();
            let load = results.loads.iter().find(|(name, _)| name == group);
            let load = load.map(|(_, [before, after])| format!("{before} before, {after} after"));
            let load = load.unwrap_or_default();
            let _ = writeln!(
                text,
                "\n### {group}\n\n{rounds} rounds; load average {load}\n\n| command | wall ms | CPU ms | peak MiB | output bytes |"
            );
            text.push_str("|---|--:|--:|--:|--:|\n");
        }
        let name = measured.name.replace('|', "\\|");
        let (wall, cpu) = (measured.wall(), measured.cpu());
        let (peak, output) = (measured.peak() / 1024, measured.output_bytes);
        let _ = writeln!(
            text,
            "| {name} | {wall:.1} | {cpu:.1} | {peak} | {output} |"
        );
    }
    text
}

/// What has to be known to read the ratios.
const NOTES: &str = "\
CPU time is to be trusted before wall time: where the load average is above the number of CPUs, wall time is that of a
machine with other things to do.

Two programs of one name: `sha256sum` of the outsiders' root hashes through libcrypto, with the CPU's SHA instructions
where it has them; that of coreutils 9.1, the machine's own in many places, has none of that and takes five times as
long (1.44 s to 0.30 s of CPU for the tar of (b)). The target for (a) had the latter in mind; both are measured. With
the former, `tar` is what a pipe waits for: reading 20,000 files costs as much as all else, and two processors cannot
halve it.

A push over loopback is the registry's own work: of 1 GB it hashes and stores all, and takes 2.07 s of CPU time for it
whoever sends, so that two processors need 1.04 s at the least, 0.87 of what crane takes, and 1.09 s with our part;
nine rounds of one program differ by more than the programs do. One changed layer is a single stream: the registry's
CPU time for it (0.26 s) is the wall time of every sender. CPU time: a sender of twenty lines that does nothing but
sendfile(2) of whole blobs takes 85 to 92 ms, 0.61 to 0.66 of crane's; that is the kernel's TCP. Pieces of 64 KiB to
4 MiB, two to ten uploads at once, `PATCH` and `PUT` or `PUT` alone, reading ahead and larger socket buffers change none
of it. A pull hashes and writes each byte: that alone is 0.70 of the CPU time of the fastest peer (`hash and copy`).

";

/// One target: what is compared, by which number, and the most that is wanted.
struct Target {
    what: &'static str,
    ours: (&'static str, &'static str),
    theirs: (&'static str, &'static str),
    by: By,
    most: f64,
}

/// The number that a ratio is of.
#[derive(Clone, Copy)]
enum By {
    Cpu,
    Wall,
    Output,
}

/// Whichever of the peers in a group is the fastest by the number in question.
const FASTEST: &str = "the fastest peer";

const TARGETS: &[Target] = &[
    target(
        "codec `none` to a hash of the same bytes, (b)",
        ("b", "layer, none"),
        ("b", "openssl dgst -sha256"),
        By::Cpu,
        1.3,
    ),
    target(
        "the same",
        ("b", "layer, none"),
        ("b", "openssl dgst -sha256"),
        By::Wall,
        1.3,
    ),
    target(
        "codec `none` to `tar \\| sha256sum`, (a)",
        ("a", "layer, none"),
        ("a", "tar | sha256sum"),
        By::Wall,
        0.6,
    ),
    target(
        "the same, with the machine's own sha256sum",
        ("a", "layer, none"),
        ("a", "tar | own sha256sum"),
        By::Wall,
        0.6,
    ),
    target(
        "`gzip-v1` to pigz, (b)",
        ("b", "layer, gzip-v1 level 6"),
        ("b", "tar | pigz -6 -p2"),
        By::Cpu,
        0.45,
    ),
    target(
        "the same",
        ("b", "layer, gzip-v1 level 6"),
        ("b", "tar | pigz -6 -p2"),
        By::Wall,
        0.45,
    ),
    target(
        "the same, output",
        ("b", "layer, gzip-v1 level 6"),
        ("b", "tar | pigz -6 -p2"),
        By::Output,
        1.0,
    ),
    target(
        "`gzip-v1` to pigz, (c)",
        ("c", "layer, gzip-v1 level 6"),
        ("c", "tar | pigz -6 -p2"),
        By::Cpu,
        0.45,
    ),
    target(
        "the same",
        ("c", "layer, gzip-v1 level 6"),
        ("c", "tar | pigz -6 -p2"),
        By::Wall,
        0.45,
    ),
    target(
        "the same, output",
        ("c", "layer, gzip-v1 level 6"),
        ("c", "tar | pigz -6 -p2"),
        By::Output,
        1.0,
    ),
    target(
        "`gzip-v1` level 2 to umoci, (b)",
        ("b", "layer, gzip-v1 level 2"),
        ("b", "umoci insert"),
        By::Cpu,
        0.8,
    ),
    target(
        "the same, output",
        ("b", "layer, gzip-v1 level 2"),
        ("b", "umoci insert"),
        By::Output,
        1.0,
    ),
    target(
        "`gzip-v1` level 2 to umoci, (c)",
        ("c", "layer, gzip-v1 level 2"),
        ("c", "umoci insert"),
        By::Cpu,
        0.8,
    ),
    target(
        "the same, output",
        ("c", "layer, gzip-v1 level 2"),
        ("c", "umoci insert"),
        By::Output,
        1.0,
    ),
    target(
        "`zstd-v1` to zstd alone, (b)",
        ("b", "layer, zstd-v1 level 3"),
        ("b", "zstd -3 -T2 of the tar"),
        By::Cpu,
        1.3,
    ),
    target(
        "`zstd-v1` to zstd alone, (c)",
        ("c", "layer, zstd-v1 level 3"),
        ("c", "zstd -3 -T2 of the tar"),
        By::Cpu,
        1.3,
    ),
    target(
        "two threads to one",
        ("threads", "layer, gzip-v1, 2 thread(s)"),
        ("threads", "layer, gzip-v1, 1 thread(s)"),
        By::Wall,
        1.0 / 1.7,
    ),
    target(
        "start of `layer` to `/bin/true`",
        ("start", "layer --help"),
        ("start", "/bin/true"),
        By::Wall,
        2.0,
    ),
    target(
        "start of `assemble` to `/bin/true`",
        ("start", "assemble --help"),
        ("start", "/bin/true"),
        By::Wall,
        2.0,
    ),
    target(
        "pull to the fastest peer",
        ("pull", "pull"),
        ("pull", FASTEST),
        By::Wall,
        1.0,
    ),
    target(
        "the same",
        ("pull", "pull"),
        ("pull", FASTEST),
        By::Cpu,
        0.6,
    ),
    target(
        "pull to hashing and copying the same bytes",
        ("pull", "pull"),
        ("pull", "hash and copy"),
        By::Cpu,
        1.2,
    ),
    target(
        "push to an empty repository to the fastest peer",
        ("push", "push"),
        ("push", FASTEST),
        By::Wall,
        0.9,
    ),
    target(
        "the same",
        ("push", "push"),
        ("push", FASTEST),
        By::Cpu,
        0.6,
    ),
    target(
        "push of what is there to crane",
        ("push again", "push"),
        ("push again", "crane push"),
        By::Wall,
        1.0,
    ),
    target(
        "push of one changed layer to the fastest peer",
        ("push, one layer changed", "push"),
        ("push, one layer changed", FASTEST),
        By::Wall,
        1.0,
    ),
    target(
        "push of twenty images that share layers to the fastest peer",
        ("push, twenty images", "push"),
        ("push, twenty images", FASTEST),
        By::Wall,
        1.0,
    ),
    target(
        "pull 50 ms away to the fastest peer",
        ("pull, 50 ms away", "pull"),
        ("pull, 50 ms away", FASTEST),
        By::Wall,
        0.7,
    ),
    target(
        "push 50 ms away to the fastest peer",
        ("push, 50 ms away", "push"),
        ("push, 50 ms away", FASTEST),
        By::Wall,
        0.7,
    ),
];

const fn target(
    what: &'static str,
    ours: (&'static str, &'static str),
    theirs: (&'static str, &'static str),
    by: By,
    most: f64,
) -> Target {
    Target {
        what,
        ours,
        theirs,
        by,
        most,
    }
}

/// The table of targets, as far as they were measured.
pub(crate) fn targets(all: &[Measured]) -> String {
    let mut text = String::from("| what | by | ratio | at most | |\n|---|---|--:|--:|---|\n");
    for target in TARGETS {
        let (Some(ours), Some(theirs)) = (find(all, target.ours), peer(all, target)) else {
            let _ = writeln!(
                text,
                "| {} | | | {:.2} | not measured |",
                target.what, target.most
            );
            continue;
        };
        let (by, ours, theirs) = match target.by {
            By::Cpu => ("CPU", ours.cpu(), theirs.cpu()),
            By::Wall => ("wall", ours.wall(), theirs.wall()),
            By::Output => (
                "size",
                as_number(ours.output_bytes),
                as_number(theirs.output_bytes),
            ),
        };
        row(&mut text, target.what, by, ours / theirs, target.most);
    }
    flat(
        &mut text,
        all,
        "bytes",
        "cost of a byte, largest layer to 100 MiB",
        "100 MiB",
    );
    flat(
        &mut text,
        all,
        "files",
        "cost of a file, most files to 10 000",
        "10000 files",
    );
    if let Some(hundred) = find(all, ("start", "assemble, 100 layers")) {
        row(
            &mut text,
            "`assemble` of 100 layers, milliseconds",
            "wall",
            hundred.wall(),
            10.0,
        );
    }
    let moves = |one: &&Measured| ["pull", "push"].contains(&one.name.as_str());
    if let Some(most) = all.iter().filter(moves).map(Measured::peak).max() {
        row(
            &mut text,
            "peak memory of `pull` and `push`, MiB",
            "peak",
            as_number(most) / 1024.0,
            64.0,
        );
    }
    if let Some(most) = find(all, ("files", "layer, none, 1000000 files")) {
        row(
            &mut text,
            "peak memory of a million files, MiB",
            "peak",
            as_number(most.peak()) / 1024.0,
            600.0,
        );
    }
    text
}

/// Cost for each unit of the largest of a group, to that of one of middle size.
fn flat(text: &mut String, all: &[Measured], group: &str, what: &str, middle: &str) {
    let of = |measured: &Measured| {
        let mut words = measured.name.split_whitespace().rev();
        words
            .nth(1)
            .and_then(|number| number.parse::<f64>().ok())
            .unwrap_or(1.0)
    };
    let mut members = all.iter().filter(|measured| measured.group == group);
    let middle = members
        .clone()
        .find(|measured| measured.name.ends_with(middle));
    if let (Some(middle), Some(last)) = (middle, members.next_back()) {
        row(
            text,
            what,
            "CPU",
            last.cpu() / of(last) / (middle.cpu() / of(middle)),
            1.2,
        );
    }
}

fn row(text: &mut String, what: &str, by: &str, ratio: f64, most: f64) {
    let met = if ratio <= most { "met" } else { "**missed**" };
    let _ = writeln!(text, "| {what} | {by} | {ratio:.2} | {most:.2} | {met} |");
}

/// What a target is compared with.
fn peer<'a>(all: &'a [Measured], target: &Target) -> Option<&'a Measured> {
    if target.theirs.1 != FASTEST {
        return find(all, target.theirs);
    }
    let number = |measured: &Measured| match target.by {
        By::Cpu => measured.cpu(),
        By::Wall => measured.wall(),
        By::Output => as_number(measured.output_bytes),
    };
    let names = ["crane ", "skopeo ", "oras "];
    all.iter()
        .filter(|one| one.group == target.theirs.0)
        .filter(|one| names.iter().any(|name| one.name.starts_with(name)))
        .min_by(|a, b| number(a).total_cmp(&number(b)))
}

fn find<'a>(all: &'a [Measured], (group, name): (&str, &str)) -> Option<&'a Measured> {
    all.iter()
        .find(|measured| measured.group == group && measured.name == name)
}

fn as_number(value: u64) -> f64 {
    value as f64
}

//! What a clean build, a build of nothing new, and an edit cost: actions, bytes, and how much a cache gets.
//!
//! With `RULES_CONTAINER_BENCH=1` it is measured at full size, and `bench/bazel/raw.tsv` is written; times are
//! only compared then.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use e2e::bazel::{self, Bazel};
use serde_json::Value;

use crate::{ONE, module, scratch};

/// How much.
struct Scale {
    /// Bytes of a layer, of ten.
    layer: usize,
    /// Images over one base.
    images: usize,
    /// Images that are analysed, and twice as many.
    analysed: usize,
}

const SMALL: Scale = Scale {
    layer: 400 << 10,
    images: 10,
    analysed: 50,
};

const FULL: Scale = Scale {
    layer: (2 << 30) / 10,
    images: 100,
    analysed: 500,
};

/// Files of a layer.
const FILES: usize = 16;

/// Bytes of which half compress to nothing.
fn content(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
        bytes.extend([0; 8]);
    }
    bytes.truncate(size);
    bytes
}

/// Bytes of all files below a folder; links count nothing.
fn bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .map(|entry| {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            match (kind.is_dir(), kind.is_file()) {
                (true, _) => bytes(&entry.path()),
                (_, true) => entry.metadata().unwrap().len(),
                _ => 0,
            }
        })
        .sum()
}

/// What one build was.
struct Run {
    /// Mnemonic and target, sorted.
    actions: Vec<(String, String)>,
    /// The longest of an action that writes documents alone, in milliseconds.
    documents: f64,
    /// The whole command.
    seconds: f64,
    /// Bazel's own phase of it, "Load and analyze dependencies".
    analysis: f64,
}

/// The seconds of the phase in which targets are analysed, from a profile; nothing where it runs into the
/// execution, as it does in a build.
fn analysis_phase(profile: &Path) -> f64 {
    let text = fs::read_to_string(profile).unwrap();
    let profile: Value = serde_json::from_str(&text).unwrap();
    let marks: Vec<(&str, f64)> = profile["traceEvents"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["cat"] == "build phase marker")
        .map(|event| {
            (
                event["name"].as_str().unwrap(),
                event["ts"].as_f64().unwrap(),
            )
        })
        .collect();
    let phase = marks
        .windows(2)
        .find(|two| two[0].0 == "Load and analyze dependencies");
    phase.map_or(0.0, |two| (two[1].1 - two[0].1) / 1e6)
}

struct Workspace {
    bazel: Bazel,
    log: PathBuf,
    cache: PathBuf,
    out: PathBuf,
}

impl Workspace {
    fn new(folder: &Path, workspace: &Path) -> Self {
        let root = folder.join("root");
        let cache = folder.join("cache");
        let option = format!("--disk_cache={}", cache.display());
        Workspace {
            bazel: Bazel::new(workspace, &root).with_programs().with([option]),
            log: folder.join("log.json"),
            cache,
            out: root,
        }
    }

    fn build(&self, words: &[&str]) -> Run {
        let log = format!("--execution_log_json_file={}", self.log.display());
        let profile = self.log.with_extension("profile");
        let option = format!("--profile={}", profile.display());
        let start = Instant::now();
        self.bazel
            .succeed(&[&["build", &log, &option], words].concat());
        let seconds = start.elapsed().as_secs_f64();
        let text = fs::read_to_string(&self.log).unwrap();
        let spawns: Vec<Value> = serde_json::Deserializer::from_str(&text)
            .into_iter()
            .map(|spawn| spawn.unwrap())
            .collect();
        let text = |spawn: &Value, name: &str| spawn[name].as_str().unwrap_or("").to_owned();
        let mut actions: Vec<_> = spawns
            .iter()
            .map(|spawn| (text(spawn, "mnemonic"), text(spawn, "targetLabel")))
            .collect();
        actions.sort();
        let documents = spawns
            .iter()
            .filter(|spawn| text(spawn, "mnemonic") == "ContainerImage")
            .map(|spawn| {
                let time = spawn["metrics"]["executionWallTime"].as_str().unwrap_or("");
                time.trim_end_matches('s').parse::<f64>().unwrap_or(0.0) * 1000.0
            })
            .fold(0.0, f64::max);
        Run {
            actions,
            documents,
            seconds,
            analysis: analysis_phase(&profile),
        }
    }

    /// Bytes that are below all output folders.
    fn made(&self) -> u64 {
        let bases = fs::read_dir(&self.out).unwrap();
        bases
            .map(|base| bytes(&base.unwrap().path().join("execroot/_main/bazel-out")))
            .sum()
    }
}

/// Rows of the table.
struct Table(Vec<String>);

impl Table {
    fn row(&mut self, what: &str, run: &Run, made: u64, cached: u64) {
        let count = |mnemonic: &str| run.actions.iter().filter(|one| one.0 == mnemonic).count();
        self.0.push(format!(
            "{what}\t{}\t{}\t{}\t{made}\t{cached}\t{:.2}\t{:.2}\t{:.1}",
            run.actions.len(),
            count("ContainerLayer"),
            count("ContainerImage"),
            run.seconds,
            run.analysis,
            run.documents,
        ));
    }
}

#[test]
fn what_builds_cost() {
    if !bazel::can("what builds of Bazel rules cost") {
        return;
    }
    let _one = ONE.lock();
    let full = std::env::var_os("RULES_CONTAINER_BENCH").is_some();
    let scale = if full { FULL } else { SMALL };
    let mut table = Table(vec![
        "what\tactions\tlayers\timages\toutput_bytes\tcache_bytes\tseconds\tanalysis_seconds\tlongest_document_ms"
            .into(),
    ]);
    ten_layers(&scale, &mut table);
    many_images(&scale, &mut table);
    let times = analysis(&scale, &mut table);
    if full {
        let folder = e2e::programs::workspace().join("bench/bazel");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("raw.tsv"), table.0.join("\n") + "\n").unwrap();
        assert!(times[2] < 2.5 * times[0], "not linear: {times:?}");
        assert!(times[3] < 2.5 * times[1], "not linear: {times:?}");
    }
}

fn ten_layers(scale: &Scale, table: &mut Table) {
    let folder = scratch();
    let layers: String = (0..10)
        .map(|at| format!("container_layer(name = \"layer{at}\", srcs = {{\"/{at}/\": \":files{at}\"}})\nfilegroup(name = \"files{at}\", srcs = glob([\"{at}/*\"]))\n"))
        .collect();
    let names: Vec<String> = (0..10).map(|at| format!("\":layer{at}\"")).collect();
    let names = names.join(", ");
    let build = format!(
        "{layers}container_image(name = \"image\", os = \"linux\", architecture = \"amd64\", layers = [{names}])\n"
    );
    let workspace = module(folder.path(), "", &build);
    for layer in 0..10 {
        fs::create_dir(workspace.join(layer.to_string())).unwrap();
        for file in 0..FILES {
            let bytes = content((layer * FILES + file) as u64 + 1, scale.layer / FILES);
            fs::write(workspace.join(format!("{layer}/{file}")), bytes).unwrap();
        }
    }
    let here = Workspace::new(folder.path(), &workspace);
    let run = here.build(&["//:image"]);
    let compressed: u64 = (0..10)
        .map(|at| {
            fs::metadata(here.bazel.output(&format!("layer{at}.tar.gz")))
                .unwrap()
                .len()
        })
        .sum();
    let made = here.made();
    // Documents and listings are some kilobytes, whatever the layers are.
    assert!(
        made as f64 <= 1.05 * compressed as f64,
        "{made} bytes for layers of {compressed}"
    );
    table.row("10 layers, clean", &run, made, bytes(&here.cache));
    assert_eq!(run.actions.len(), 11, "{:?}", run.actions);

    let run = here.build(&["//:image"]);
    table.row("10 layers, nothing new", &run, 0, 0);
    assert!(run.actions.is_empty(), "{:?}", run.actions);

    let before = (here.made(), bytes(&here.cache));
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(workspace.join("7/3"))
        .unwrap();
    file.write_all(b"edited").unwrap();
    drop(file);
    let run = here.build(&["//:image"]);
    let layer = fs::metadata(here.bazel.output("layer7.tar.gz"))
        .unwrap()
        .len();
    let cached = bytes(&here.cache) - before.1;
    let grown = here.made().saturating_sub(before.0);
    table.row("10 layers, one file edited", &run, grown, cached);
    let actions: Vec<_> = run
        .actions
        .iter()
        .map(|one| (one.0.as_str(), one.1.as_str()))
        .collect();
    assert_eq!(
        actions,
        [
            ("ContainerImage", "//:image"),
            ("ContainerLayer", "//:layer7")
        ]
    );
    assert!(
        cached <= layer + 100_000,
        "{cached} bytes into the cache for a layer of {layer}"
    );
}

fn many_images(scale: &Scale, table: &mut Table) {
    let folder = scratch();
    let count = scale.images;
    let build = format!(
        "container_image(name = \"base\", os = \"linux\", architecture = \"amd64\", layers = [\":layer\"])\n\
         [container_layer(name = \"layer%d\" % at, srcs = {{\"/file\": \"%d.txt\" % at}}) for at in range({count})]\n\
         [container_image(name = \"image%d\" % at, os = \"linux\", architecture = \"amd64\", base = \":base\", layers = [\":layer%d\" % at]) for at in range({count})]\n"
    );
    let workspace = module(folder.path(), "", &build);
    for at in 0..count {
        fs::write(workspace.join(format!("{at}.txt")), at.to_string()).unwrap();
    }
    let here = Workspace::new(folder.path(), &workspace);
    let run = here.build(&["//..."]);
    table.row(
        &format!("{count} images, clean"),
        &run,
        here.made(),
        bytes(&here.cache),
    );
    assert_eq!(run.actions.len(), 2 * count + 2);
    let run = here.build(&["//..."]);
    table.row(&format!("{count} images, nothing new"), &run, 0, 0);
    assert!(run.actions.is_empty());
    let before = bytes(&here.cache);
    fs::write(workspace.join("3.txt"), "edited").unwrap();
    let run = here.build(&["//..."]);
    let cached = bytes(&here.cache) - before;
    table.row(&format!("{count} images, one file edited"), &run, 0, cached);
    assert_eq!(run.actions.len(), 2, "{:?}", run.actions);
}

/// A rule of as many actions as an image has, which does nothing else: what Bazel itself takes.
const BARE: &str = r#"
def _bare(ctx):
    made = []
    for at in range(4):
        out = ctx.actions.declare_file("%s.%d" % (ctx.label.name, at))
        words = ctx.actions.args()
        words.add(out)
        ctx.actions.run(executable = ctx.executable.tool, arguments = [words], outputs = [out], inputs = ctx.files.deps, mnemonic = "Bare")
        made.append(out)
    return [DefaultInfo(files = depset(made[:1]))]

bare = rule(
    implementation = _bare,
    attrs = {"deps": attr.label_list(), "tool": attr.label(allow_single_file = True, cfg = "exec", executable = True)},
)
"#;

/// The seconds of the analysis of images, and of twice as many, each in a server that has just been started, and
/// once more in that server, of all anew. Beside them, of bare targets.
fn analysis(scale: &Scale, table: &mut Table) -> Vec<f64> {
    let mut times = Vec::new();
    for count in [scale.analysed, 2 * scale.analysed] {
        let images = format!(
            "container_image(name = \"base\", os = \"linux\", architecture = \"amd64\", layers = [\":layer\"])\n\
             [container_image(name = \"image%d\" % at, os = \"linux\", architecture = \"amd64\", base = \":base\", layers = [\":layer\"], labels = {{\"at\": str(at)}}) for at in range({count})]\n"
        );
        let bare = format!(
            "load(\":bare.bzl\", \"bare\")\n\
             bare(name = \"base\", tool = \"bare.bzl\")\n\
             [bare(name = \"bare%d\" % at, tool = \"bare.bzl\", deps = [\":base\"]) for at in range({count})]\n"
        );
        for (kind, build) in [("images", images), ("bare targets", bare)] {
            let folder = scratch();
            let workspace = module(folder.path(), "", &build);
            fs::write(workspace.join("bare.bzl"), BARE).unwrap();
            let here = Workspace::new(folder.path(), &workspace);
            // The server and the toolchains are there.
            here.bazel.succeed(&["build", "--nobuild", "//:base"]);
            for (what, anew) in [
                ("analysis", "--define=number=1"),
                ("analysis again", "--define=number=2"),
            ] {
                let run = here.build(&["--nobuild", "//...", anew]);
                table.row(&format!("{count} {kind}, {what}"), &run, 0, 0);
                assert!(run.actions.is_empty() && run.analysis > 0.0);
                if kind == "images" {
                    times.push(run.analysis);
                }
            }
        }
    }
    times
}

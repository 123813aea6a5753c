//! A builder that is killed half-way leaves nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::world::World;

pub(crate) fn all(world: &World) {
    // Bytes of few values, which compressors look at for long.
    let random: Vec<u8> = e2e::registries::noise(24 << 20)
        .iter()
        .map(|byte| byte & 15)
        .collect();
    fs::write(world.folder.join("random"), random).unwrap();
    let store = world.nix.outside("/nix/store/x");
    let store = store.parent().unwrap();
    let attribute = world.nix.attribute("slow");
    let path = format!("{attribute}.drvPath");
    // What evaluating adds is there before.
    world.nix.succeed("nix", &["eval", "--raw", &path]);
    let before = names(store);
    let mut nix = world.nix.command("nix");
    let mut nix = nix
        .args(["build", "--no-link", &attribute])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let builder = loop {
        if let Some(builder) = builder(nix.id()) {
            break builder;
        }
        assert!(
            nix.try_wait().unwrap().is_none(),
            "it ended before it was killed"
        );
        assert!(start.elapsed() < Duration::from_secs(60), "nobody packs it");
        std::thread::sleep(Duration::from_millis(2));
    };
    // It has begun to write.
    std::thread::sleep(Duration::from_millis(200));
    kill_process(builder, Signal::KILL).unwrap();
    let output = nix.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("signal 9"),
        "{said}"
    );
    // The flake's sources, as a build has them, and locks of outputs are Nix's own.
    let left: Vec<String> = (names(store).difference(&before))
        .filter(|name| !name.ends_with(".lock") && !name.ends_with("-source"))
        .cloned()
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let builds = store.parent().unwrap().join("var/nix/builds");
    assert!(!builds.exists() || names(&builds).is_empty());
    // And it can be built.
    world.nix.build(&["slow"]);
    fs::remove_file(world.folder.join("random")).unwrap();
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// The process of `layer` that a process has started, itself or through others.
fn builder(above: u32) -> Option<Pid> {
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(process) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if !words.split(|byte| *byte == 0).next()?.ends_with(b"layer") {
            continue;
        }
        let mut at = process;
        while let Some(parent) = parent(at).filter(|parent| *parent > 1) {
            if parent == above {
                return Pid::from_raw(i32::try_from(process).ok()?);
            }
            at = parent;
        }
    }
    None
}

/// The fourth word of `stat`, after the name in brackets.
fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

//! One measurement: a shell line in the outsiders' root, its wall time, CPU time of all its processes
//! (user and system), and the peak memory of the largest of them.

use crate::command::{self, Error};
use crate::environment::Outsiders;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// Commands that are compared with one another.
pub(crate) struct Group {
    /// Its name: a corpus, or what is varied.
    pub(crate) name: String,
    /// The commands.
    pub(crate) lines: Vec<Line>,
    /// Fewer rounds, for what takes minutes.
    pub(crate) rounds: Option<usize>,
}

/// A command.
pub(crate) struct Line {
    /// What the table calls it.
    pub(crate) name: String,
    /// A request for our programs: written to `request.json` beforehand.
    pub(crate) request: Option<serde_json::Value>,
    /// What runs first, unmeasured.
    pub(crate) before: String,
    /// What is measured. `$T` is the folder of our programs; the folder `out` is empty and takes what
    /// is written, and the size of its largest file is the output's.
    pub(crate) shell: String,
    /// How many times the line does its work, where once is too short.
    pub(crate) times: u32,
}

/// A command's runs.
#[derive(Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) shell: String,
    pub(crate) times: u32,
    pub(crate) output_bytes: u64,
    pub(crate) runs: Vec<Run>,
}

/// One run.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) wall_ms: f64,
    pub(crate) user_ms: f64,
    pub(crate) system_ms: f64,
    pub(crate) peak_kib: u64,
}

impl Measured {
    /// The median of some number of a run, for one piece of work.
    pub(crate) fn median(&self, number: impl Fn(&Run) -> f64) -> f64 {
        let mut all: Vec<f64> = self.runs.iter().map(number).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or_default() / f64::from(self.times)
    }

    /// Milliseconds of wall time.
    pub(crate) fn wall(&self) -> f64 {
        self.median(|run| run.wall_ms)
    }

    /// Milliseconds of CPU time, user and system.
    pub(crate) fn cpu(&self) -> f64 {
        self.median(|run| run.user_ms + run.system_ms)
    }

    /// KiB.
    pub(crate) fn peak(&self) -> u64 {
        self.runs
            .iter()
            .map(|run| run.peak_kib)
            .max()
            .unwrap_or_default()
    }
}

/// Where the measuring is done.
pub(crate) struct Bench<'a> {
    outsiders: &'a Outsiders,
    folder: PathBuf,
    tools: PathBuf,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(outsiders: &'a Outsiders, folder: PathBuf, tools: PathBuf) -> Self {
        Bench {
            outsiders,
            folder,
            tools,
        }
    }

    /// Runs the commands of a group in turns.
    pub(crate) fn group(&self, group: &Group, rounds: usize) -> Result<Vec<Measured>, Error> {
        let new = |line: &Line| Measured {
            group: group.name.clone(),
            name: line.name.clone(),
            shell: line.shell.clone(),
            times: line.times,
            output_bytes: 0,
            runs: Vec::new(),
        };
        let mut measured: Vec<Measured> = group.lines.iter().map(new).collect();
        let rounds = group.rounds.map_or(rounds, |few| few.min(rounds));
        for round in 0..rounds {
            for (line, measured) in group.lines.iter().zip(&mut measured) {
                let (run, output) = self.line(line)?;
                println!(
                    "{:<12} {:<44} {}/{rounds}  wall {:>9.1} ms  cpu {:>9.1} ms  peak {:>7} KiB",
                    group.name,
                    line.name,
                    round + 1,
                    run.wall_ms,
                    run.user_ms + run.system_ms,
                    run.peak_kib
                );
                measured.runs.push(run);
                measured.output_bytes = output;
            }
        }
        Ok(measured)
    }

    fn line(&self, line: &Line) -> Result<(Run, u64), Error> {
        let out = self.folder.join("out");
        if out.exists() {
            fs::remove_dir_all(&out)?;
        }
        fs::create_dir_all(&out)?;
        if let Some(request) = &line.request {
            fs::write(self.folder.join("request.json"), request.to_string())?;
        }
        // The shell's own clock has milliseconds, GNU time alone knows the peak.
        let script = format!(
            "set -euo pipefail\n{}\nexport TIMEFORMAT='%3R %3U %3S'\n\
             /usr/bin/time -f %M -o peak bash -c 'set -euo pipefail; time {{ \n{}\n}} 2>&3' 3>said 2>clock || \
             {{ cat said >&2; exit 1; }}\n",
            line.before, line.shell
        );
        self.shell(&script)
            .map_err(|_| format!("bench: `{}` failed", line.name))?;
        let clock = fs::read_to_string(self.folder.join("clock"))?;
        let peak = fs::read_to_string(self.folder.join("peak"))?;
        let mut times = clock.split_whitespace().map(str::parse::<f64>);
        let mut next = || {
            times
                .next()
                .ok_or("the shell tells three times")?
                .map_err(Error::from)
        };
        let run = Run {
            wall_ms: next()? * 1000.0,
            user_ms: next()? * 1000.0,
            system_ms: next()? * 1000.0,
            peak_kib: peak.trim().parse()?,
        };
        let output = largest(&out)?;
        if line.request.is_some() && output == 0 {
            return Err(format!("bench: `{}` wrote nothing", line.name).into());
        }
        Ok((run, output))
    }

    fn shell(&self, script: &str) -> Result<String, Error> {
        let mut shell = self.outsiders.command(Path::new("/bin/bash"));
        shell
            .arg("-c")
            .arg(script)
            .env("T", &self.tools)
            .current_dir(&self.folder);
        command::read(&mut shell)
    }

    /// The peers that are not there, if any.
    pub(crate) fn missing(&self) -> Result<Option<String>, Error> {
        let script = "for c in tar gzip pigz zstd openssl umoci crane sha256sum xargs /usr/bin/time \
            docker-registry skopeo oras python3 unshare nsenter /usr/sbin/tc; do \
            command -v $c > /dev/null || echo $c; done";
        let missing = self.shell(script)?.lines().collect::<Vec<_>>().join(", ");
        Ok(Some(missing).filter(|missing| !missing.is_empty()))
    }

    /// The first line of what each peer says of itself.
    pub(crate) fn versions(&self) -> Result<Vec<String>, Error> {
        let script = "for c in 'sha256sum --version' './sha256sum --version' 'tar --version' 'gzip --version' 'pigz --version' 'zstd --version' \
            'openssl version' 'umoci --version' 'crane version' 'skopeo --version' 'oras version' 'docker-registry --version'; do \
            echo \"${c%% *}: $($c 2>&1 | head -n 1)\"; done";
        Ok(self.shell(script)?.lines().map(str::to_owned).collect())
    }
}

/// The size of the largest file below a folder.
fn largest(top: &Path) -> Result<u64, Error> {
    let mut most = 0;
    let mut ahead = vec![top.to_owned()];
    while let Some(folder) = ahead.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                ahead.push(entry.path());
            } else {
                most = most.max(entry.metadata()?.len());
            }
        }
    }
    Ok(most)
}

/// How many processes wanted to run, on average of the last minute.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// What the machine is.
pub(crate) fn machine() -> Vec<(String, String)> {
    let find = |file: &str, key: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap_or_default();
        line.trim_start_matches([' ', '\t', ':']).trim().to_owned()
    };
    let cpus = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    vec![
        ("cpu".into(), find("/proc/cpuinfo", "model name")),
        ("cpus".into(), cpus.to_string()),
        ("memory".into(), find("/proc/meminfo", "MemTotal:")),
        ("kernel".into(), find("/proc/sys/kernel/osrelease", "")),
    ]
}

//! Measures the planner on Debian's package indexes, as `bench/planner/README.md` says:
//!
//! ```text
//! cargo run --release -p planner --example debian -- Packages-old Packages-new > raw.tsv
//! ```
//!
//! The indexes are uncompressed. Raw figures go to standard output, tables to standard error. Nothing here is
//! taken from the planner but its plans: what a change moves is found by walking the graph.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a measurement at the command line, not a tool of the build"
)]

mod index;
mod measure;
mod table;

use index::Index;
use measure::Row;
use std::process::ExitCode;

/// Applications of 13 to over 2,000 packages.
const APPLICATIONS: [&str; 36] = [
    "curl",
    "git",
    "nginx",
    "postgresql",
    "python3",
    "vim",
    "emacs-nox",
    "ffmpeg",
    "imagemagick",
    "nodejs",
    "redis-server",
    "apache2",
    "php-cli",
    "ruby",
    "default-jre-headless",
    "mariadb-server",
    "gimp",
    "vlc",
    "inkscape",
    "r-base-core",
    "octave",
    "wget",
    "rsync",
    "openssh-server",
    "haproxy",
    "bind9",
    "samba",
    "squid",
    "qemu-system-x86",
    "texlive-latex-base",
    "ghostscript",
    "mutt",
    "docker.io",
    "g++",
    "cmake",
    "ansible",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [old, new, chosen @ ..] = arguments.as_slice() else {
        eprintln!("usage: debian PACKAGES-OLD PACKAGES-NEW [APPLICATION...]");
        return ExitCode::from(2);
    };
    match (std::fs::read_to_string(old), std::fs::read_to_string(new)) {
        (Ok(old), Ok(new)) => {
            run(&Index::parse(&old), &Index::parse(&new), chosen);
            ExitCode::SUCCESS
        }
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("{error}");
            ExitCode::from(3)
        }
    }
}

fn run(old: &Index, new: &Index, chosen: &[String]) {
    let mut rows: Vec<Row> = Vec::new();
    println!("application\tnodes\tlayers\tchange\tstrategy\tbytes\tunavoidable");
    let usual = APPLICATIONS.map(str::to_owned);
    for name in if chosen.is_empty() { &usual } else { chosen } {
        let from = rows.len();
        measure::application(old, new, name, &mut rows);
        for row in &rows[from..] {
            println!("{row}");
        }
    }
    eprint!("{}", table::tables(&rows));
}

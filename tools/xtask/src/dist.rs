//! `cargo xtask dist`: a release. Static programs, the tables that Bazel and Nix take them by, an image of
//! them that they make themselves, and the checksums of it all.
//!
//! Nothing in it depends on where, when, by whom or on how many cores it is made: `--twice` makes it a second
//! time from a copy of the sources, in other surroundings, and compares every byte. Signatures too are a function of
//! the key and what is signed.

mod attest;
mod image;
mod sign;
mod tables;
mod twice;

pub(crate) use twice::{Again, build as again};

use crate::command::{self, Error};
use crate::{programs, workspace};
use e2e::blob;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a release is built for: the triple, and what Bazel, images and Nix call it.
pub(crate) const TARGETS: [Target; 2] = [
    Target {
        triple: "x86_64-unknown-linux-gnu",
        bazel: "linux_amd64",
        image: "linux/amd64",
        nix: "x86_64-linux",
    },
    Target {
        triple: "aarch64-unknown-linux-gnu",
        bazel: "linux_arm64",
        image: "linux/arm64",
        nix: "aarch64-linux",
    },
];

/// One target.
pub(crate) struct Target {
    pub(crate) triple: &'static str,
    pub(crate) bazel: &'static str,
    pub(crate) image: &'static str,
    pub(crate) nix: &'static str,
}

/// The most bytes of a program.
const LARGEST: u64 = 8 << 20;

/// What `cargo xtask dist` is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where it goes; what is there is replaced
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Where the files will be had from: for the tables
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://example.com/rules_container"
    )]
    base_url: String,
    /// Sign it: the checksums, the image and those that it lists, the provenance. A private key of P-256 in a PEM file
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Make it a second time, from a copy of the sources in other surroundings, and compare
    #[arg(long)]
    twice: bool,
}

impl Options {
    /// As `cargo xtask test` makes it: signed, with a key that everybody has.
    pub(crate) fn checked() -> Self {
        Options {
            out: None,
            base_url: "https://example.com/rules_container".into(),
            key: Some(workspace::root().join("tools/signing/tests/key.pem")),
            twice: false,
        }
    }

    /// Who says that it is theirs.
    fn publisher(&self) -> Result<Publisher, Error> {
        Ok(Publisher {
            url: self.base_url.clone(),
            key: self.key.as_deref().map(sign::Key::open).transpose()?,
        })
    }
}

/// Who makes a release.
pub(crate) struct Publisher {
    /// Where its files will be had from.
    url: String,
    key: Option<sign::Key>,
}

/// One target of a release, built.
pub(crate) struct Built {
    pub(crate) target: &'static Target,
    /// The archive of its programs, and its digest.
    pub(crate) archive: String,
    pub(crate) sha256: String,
}

/// Makes a release.
///
/// # Errors
/// The programs do not build, or are not what a release must be; made twice, it differs.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let out = release(options)?;
    if options.twice {
        twice::compare(twice::build()?, &out, &options.publisher()?)?;
    }
    println!("{}", out.display());
    Ok(())
}

/// Makes a release, and compares it with what was built a second time already.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_with(options: &Options, again: Again) -> Result<(), Error> {
    let out = release(options)?;
    twice::compare(again, &out, &options.publisher()?)
}

/// Makes a release and checks its programs. Returns where it is.
fn release(options: &Options) -> Result<PathBuf, Error> {
    let out = match &options.out {
        Some(out) => out.clone(),
        None => workspace::target()?.join("dist"),
    };
    let (host, target) = (workspace::host()?, workspace::target()?);
    let home = programs::cargo_home()?;
    let (tools, missing) = build(workspace::root(), &home, &target, &|cargo| cargo)?;
    make(&tools, &missing, &out, &options.publisher()?)?;
    for (target, folder) in &tools {
        for name in programs::names() {
            check(&folder.join(name), target, &host)?;
        }
    }
    Ok(out)
}

type Tools = Vec<(&'static Target, PathBuf)>;
type Missing = Vec<(String, String)>;

/// Builds the programs for each target whose standard library is there; says why it does not for the others.
/// `around` may put cargo's command into other surroundings.
fn build(
    root: &Path,
    home: &Path,
    target: &Path,
    around: &dyn Fn(Command) -> Command,
) -> Result<(Tools, Missing), Error> {
    let host = workspace::host()?;
    let (mut tools, mut missing) = (Vec::new(), Vec::new());
    for one in &TARGETS {
        if one.triple != host && !has_library(one.triple)? {
            missing.push((
                one.triple.to_owned(),
                "the Rust standard library for it is not installed".into(),
            ));
            continue;
        }
        let cargo = programs::cargo(root, home, target, one.triple)?;
        command::run(&mut around(cargo))?;
        tools.push((one, target.join(one.triple).join("release")));
    }
    if tools.is_empty() {
        return Err(format!("there is nothing to release for {host}").into());
    }
    for triple in installed()? {
        if TARGETS.iter().all(|target| target.triple != triple) {
            let why =
                "its library is installed, and the tables of Bazel and Nix have no name for it";
            missing.push((triple, why.into()));
        }
    }
    Ok((tools, missing))
}

/// The targets whose standard library is there, sorted.
fn installed() -> Result<Vec<String>, Error> {
    let mut rustc = Command::new("rustc");
    let sysroot = command::read(rustc.args(["--print", "sysroot"]))?;
    let mut found = Vec::new();
    for entry in fs::read_dir(Path::new(sysroot.trim_end()).join("lib/rustlib"))? {
        let entry = entry?;
        if entry.path().join("lib").is_dir() {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found.sort();
    Ok(found)
}

fn has_library(triple: &str) -> Result<bool, Error> {
    let mut rustc = Command::new("rustc");
    let folder = command::read(rustc.args(["--print", "target-libdir", "--target", triple]))?;
    Ok(Path::new(folder.trim_end()).is_dir())
}

/// Writes everything but what is checked.
pub(crate) fn make(
    tools: &Tools,
    missing: &Missing,
    out: &Path,
    publisher: &Publisher,
) -> Result<(), Error> {
    let url = &publisher.url;
    if out.exists() {
        fs::remove_dir_all(out)?;
    }
    fs::create_dir_all(out)?;
    let version = workspace::version()?;
    let ours = ours(tools)?;
    let mut built = Vec::new();
    let mut layers = Vec::new();
    for (target, folder) in tools {
        let archive = format!("rules_container-{version}-{}.tar.gz", target.bazel);
        image::archive(&ours, folder, out, &archive)?;
        let sha256 = blob::digest(&fs::read(out.join(&archive))?)[7..].to_owned();
        layers.push((*target, image::layer(&ours, folder, out, target)?));
        built.push(Built {
            target,
            archive,
            sha256,
        });
    }
    image::image(&ours, out, &layers, &version)?;
    let targets: Vec<&'static Target> = layers.iter().map(|(target, _)| *target).collect();
    attest::image(&ours, out, &targets, publisher)?;
    fs::write(
        out.join("prebuilt.bzl"),
        tables::bazel(&built, &version, url),
    )?;
    fs::write(out.join("prebuilt.nix"), tables::nix(&built, &version, url))?;
    fs::write(out.join("targets.txt"), tables::targets(&built, missing))?;
    let checksums = tables::checksums(out)?;
    fs::write(out.join("SHA256SUMS"), &checksums)?;
    if let Some(key) = &publisher.key {
        key.sign(&out.join("SHA256SUMS.sig"), checksums.as_bytes())?;
    }
    Ok(())
}

/// The programs that run here.
fn ours(tools: &Tools) -> Result<PathBuf, Error> {
    let host = workspace::host()?;
    let found = tools.iter().find(|(target, _)| target.triple == host);
    let (_, folder) = found.ok_or("the programs are not built for this machine")?;
    Ok(folder.clone())
}

/// Whether a program is what a release promises: small, static, without a path of this machine in it; and,
/// where it runs here, needing nothing but the kernel and no time to start.
fn check(program: &Path, target: &Target, host: &str) -> Result<(), Error> {
    let bytes = fs::read(program)?;
    let name = program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let size = bytes.len() as u64;
    if size > LARGEST {
        return Err(format!("{name}: {size} bytes, and the most is {LARGEST}").into());
    }
    if has_interpreter(&bytes) {
        return Err(format!("{name}: it needs a dynamic linker").into());
    }
    for place in [
        workspace::root().to_owned(),
        programs::cargo_home()?,
        workspace::target()?,
    ] {
        let place = place.to_string_lossy().into_owned();
        if bytes
            .windows(place.len())
            .any(|window| window == place.as_bytes())
        {
            return Err(format!("{name}: the path {place} is in it").into());
        }
    }
    if target.triple != host {
        println!("{name}, {}: {size} bytes; not run here", target.bazel);
        return Ok(());
    }
    alone(program, &name)?;
    let (ours, theirs) = (
        start(program, &["--version"])?,
        start(Path::new("/bin/true"), &[])?,
    );
    let times = ours.as_secs_f64() / theirs.as_secs_f64().max(1e-9);
    println!(
        "{name}, {}: {size} bytes; runs in an empty root; starts in {:.2} ms, {times:.1} times /bin/true",
        target.bazel,
        ours.as_secs_f64() * 1e3
    );
    match times <= 2.0 {
        true => Ok(()),
        false => Err(format!("{name}: it starts in {times:.1} times the time of /bin/true").into()),
    }
}

/// Whether an ELF file names a dynamic linker: a program header of type 3.
fn has_interpreter(elf: &[u8]) -> bool {
    let number = |at: usize, size: usize| -> usize {
        let bytes = elf.get(at..at + size).unwrap_or_default();
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).any(|at| number(table + at * size, 4) == 3)
}

/// Runs a program where there is nothing but itself.
fn alone(program: &Path, name: &str) -> Result<(), Error> {
    let root = workspace::target()?.join("dist-empty-root");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    fs::create_dir_all(&root)?;
    fs::copy(program, root.join(name))?;
    fs::set_permissions(root.join(name), fs::Permissions::from_mode(0o755))?;
    let mut command = match rustix::process::geteuid().is_root() {
        true => Command::new("chroot"),
        false => {
            let mut unshare = Command::new("unshare");
            unshare.args(["--user", "--map-root-user", "chroot"]);
            unshare
        }
    };
    command
        .arg(&root)
        .arg(format!("/{name}"))
        .arg("--version")
        .env_clear();
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let said = command::read(&mut command)?;
    fs::remove_dir_all(&root)?;
    match said.starts_with(name) {
        true => Ok(()),
        false => Err(format!("{name}: in an empty root it says {said:?}").into()),
    }
}

/// The shortest time of a hundred runs: what others do in the meantime does not count.
fn start(program: &Path, arguments: &[&str]) -> Result<Duration, Error> {
    let mut shortest = Duration::MAX;
    for _ in 0..100 {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .stdout(Stdio::null())
            .stdin(Stdio::null());
        let begin = Instant::now();
        let status = command.status()?;
        shortest = shortest.min(begin.elapsed());
        if !status.success() {
            return Err(format!("{}: {status}", program.display()).into());
        }
    }
    Ok(shortest)
}

//! `cargo xtask demo`: an image from real files, made twice, with everything changed in between that
//! may not matter, and the same digest in the end; then to a registry and back.
//!
//! Nothing outside `target/` (and a folder in memory, for the copy) is written. The image stays in
//! `target/demo/image` to be tried with other people's tools.

mod files;
mod image;
mod registry;
mod screen;

use crate::command::Error;
use crate::{programs, workspace};
use e2e::tree::{self, Content, Manner};
use image::{Image, Round};
use registry::Destination;
use screen::{Screen, count, size};
use std::fs;
use std::path::{Path, PathBuf};

/// What `cargo xtask demo` is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A registry to push to and to pull from, as `127.0.0.1:5000`, with your own logins; without it there is
    /// one in memory
    #[arg(long, value_name = "HOST:PORT")]
    registry: Option<String>,
}

/// Runs the demo.
///
/// # Errors
/// A program fails, the image is not what its receipts say, the digests differ, or other bytes come back
/// from the registry.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let screen = Screen::new();
    let destination = match &options.registry {
        // Before there is anything to wait for.
        Some(host) => Destination::at(host)?,
        None => Destination::in_memory(),
    };
    screen.title("An image from real files, made twice");
    let tools = programs::build()?;
    let work = workspace::target()?.join("demo");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let tree = files::choose()?;
    let own: u64 = programs::names()
        .iter()
        .map(|name| weight(&tools.join(name)))
        .sum();
    let names = programs::names().join(", ");
    screen.line(
        "programs",
        &format!("{names}: static, {} together", size(own)),
    );
    let (files, bytes) = (count(tree.files), size(tree.bytes));
    screen.line(
        "files",
        &format!("{}: {files} files, {bytes}", tree.path.display()),
    );

    screen.heading("Once");
    let first = Round {
        tools: tools.clone(),
        programs: programs::names()
            .iter()
            .map(|name| tools.join(name))
            .collect(),
        tree: tree.path.clone(),
        prefix: tree.path.clone(),
        folder: work.join("once"),
        umask: "022",
        environment: Vec::new(),
        bytes: [own, tree.bytes],
    };
    let once = first.make(&screen)?;
    tell(&screen, &once);

    screen.heading("Again, with all changed that may not matter");
    let copies = files::Copies::new(&work, 3 * (tree.bytes + own))?;
    let manner = Manner {
        content: Content::Copied,
        reversed: true,
        disguised: true,
        keep_executable_bit: false,
    };
    tree::copy(&tree.path, &copies.folder().join("inputs/tree"), manner);
    fs::create_dir(copies.folder().join("inputs/programs"))?;
    for name in programs::names() {
        fs::copy(
            tools.join(name),
            copies.folder().join("inputs/programs").join(name),
        )?;
    }
    let (differ, all) = files::orders(&tree.path, &copies.folder().join("inputs/tree"));
    let environment = vec![
        ("TZ", "Pacific/Kiritimati"),
        ("LC_ALL", "tr_TR.UTF-8"),
        ("HOME", "/nowhere"),
        ("RAYON_NUM_THREADS", "1"),
    ];
    screen.line(
        "surroundings",
        "umask 077, TZ Pacific/Kiritimati, LC_ALL tr_TR.UTF-8, one thread",
    );
    let owners = if rustix::process::geteuid().is_root() {
        "owners, "
    } else {
        ""
    };
    screen.line(
        "files",
        &format!("copied: other folder, {owners}times and modes"),
    );
    let order = match differ {
        0 => "the same: no file system here keeps the order of filling".to_owned(),
        _ => format!(
            "reversed filling: differs in {} of {} folders",
            count(differ),
            count(all)
        ),
    };
    screen.line("readdir order", &order);
    let second = Round {
        programs: programs::names()
            .iter()
            .map(|name| Path::new("inputs/programs").join(name))
            .collect(),
        tree: PathBuf::from("inputs/tree"),
        folder: copies.folder().to_owned(),
        umask: "077",
        environment,
        ..first
    };
    let again = second.make(&screen)?;
    tell(&screen, &again);

    let image = work.join("image");
    fs::rename(work.join("once/image"), &image)?;
    if once.digest != again.digest {
        return Err(format!("the digests differ: {} and {}", once.digest, again.digest).into());
    }
    screen.verdict("the same digest", &once.digest);
    registry::there_and_back(&screen, &tools, &work, &image, &destination)?;
    let image = image
        .strip_prefix(std::env::current_dir()?)
        .unwrap_or(&image)
        .display()
        .to_string();
    screen.note(&format!(
        "The image is the OCI layout {image}: try `skopeo inspect oci:{image}`."
    ));
    Ok(())
}

fn tell(screen: &Screen, image: &Image) {
    for layer in &image.layers {
        let text = format!(
            "{}…  {:>9} to {:>8}  {}  {:.2} s",
            &layer.digest[..19],
            size(layer.unpacked),
            size(layer.size),
            layer.codec,
            layer.seconds
        );
        screen.line(&format!("layer {}", layer.name), &text);
    }
    screen.line(
        "image",
        &format!("{}  {:.2} s", image.digest, image.seconds),
    );
    let (blobs, bytes) = (image.blobs, size(image.size));
    screen.line(
        "checked",
        &format!("{bytes} in {blobs} blobs: every digest, size and diff_id"),
    );
}

fn weight(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |meta| meta.len())
}

//! The verbs for people: `lock`, `vendor`, `verify`, `auth`. They read the user's logins and proxy unless a
//! file of settings says how registries are reached.

use std::path::{Path, PathBuf};

use action::At;
use registry::{Access, Explained};

use crate::error::{Error, Result};
use crate::lock::{Lock, Name};
use crate::request::Supply;
use crate::{nix_store, resolve, vendor, verify};

/// What to do for people.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Resolve tags and write them down; the only thing that ever resolves a tag
    Lock(LockArguments),
    /// Put all locked images into one layout, which serves as a `file://` mirror without network
    Vendor(VendorArguments),
    /// Read a layout again, all of it, and list everything that is wrong
    Verify {
        /// The layout
        layout: PathBuf,
    },
    /// Say where the login for an image is found, and never what it is
    Auth {
        /// The image
        reference: String,
        #[command(flatten)]
        settings: SettingsArgument,
    },
}

/// How registries are reached.
#[derive(Debug, clap::Args)]
pub(crate) struct SettingsArgument {
    /// A JSON file as `from` of a request; without it, your own logins and proxy
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

/// Arguments of `lock`.
#[derive(Debug, clap::Args)]
pub(crate) struct LockArguments {
    /// Images to add, as `debian=docker.io/library/debian:12`
    #[arg(value_name = "NAME=REFERENCE", required_unless_present_any = ["update", "check"])]
    images: Vec<String>,
    /// The lock file
    #[arg(long, value_name = "FILE", default_value = "images.lock.json")]
    lock: PathBuf,
    /// Resolve the tags of these images anew, or of all
    #[arg(long, value_name = "NAME", num_args = 0..)]
    update: Option<Vec<String>>,
    /// Write nothing; fail where a tag has moved
    #[arg(long, conflicts_with_all = ["update", "images"])]
    check: bool,
    /// The user's own name for the lock, with which errors begin
    #[arg(long, value_name = "NAME")]
    origin: Option<String>,
    #[command(flatten)]
    settings: SettingsArgument,
}

/// Arguments of `vendor`.
#[derive(Debug, clap::Args)]
pub(crate) struct VendorArguments {
    /// The images; all, if none is named
    #[arg(value_name = "NAME")]
    images: Vec<String>,
    /// The lock file
    #[arg(long, value_name = "FILE", default_value = "images.lock.json")]
    lock: PathBuf,
    /// The folder; it is written if it does not exist, and compared with the lock if it does
    #[arg(long, value_name = "PATH", required_unless_present = "to_nix_store")]
    out: Option<PathBuf>,
    /// Instead of a folder: add each blob to the Nix store, where `pullImage` finds it
    #[arg(long, conflicts_with = "out")]
    to_nix_store: bool,
    #[command(flatten)]
    settings: SettingsArgument,
}

impl SettingsArgument {
    fn load(&self) -> Result<Supply> {
        match &self.settings {
            Some(path) => Ok(registry::read_settings(
                path,
                "it has `mirrors`, `access` and the like, as `from` of a request has",
            )?),
            None => Ok(Supply {
                access: Access::of_a_person(),
                ..Supply::default()
            }),
        }
    }
}

/// Does it; what is returned is to be printed.
///
/// # Errors
/// Those of the verb.
pub(crate) fn run(verb: &Verb) -> std::result::Result<Option<Explained>, action::Failed> {
    match verb {
        Verb::Lock(arguments) => match &arguments.origin {
            Some(origin) => lock(arguments).at(origin)?,
            None => lock(arguments)?,
        },
        Verb::Vendor(arguments) => {
            let lock = Lock::read(&arguments.lock)?;
            let from = arguments.settings.load()?;
            let (images, path) = (&arguments.images, &arguments.lock);
            match &arguments.out {
                Some(out) => vendor::vendor(&lock, images, path, out, &from)?,
                None => {
                    let entries = vendor::entries(&lock, images, path)?;
                    let scratch = crate::pull::scratch(Path::new("nix-store"))?;
                    nix_store::add(&entries, scratch.path(), &from)?;
                }
            }
        }
        Verb::Verify { layout } => verify::verify(layout)?,
        Verb::Auth {
            reference,
            settings,
        } => return Ok(Some(auth(reference, settings)?)),
    }
    Ok(None)
}

fn lock(arguments: &LockArguments) -> Result<()> {
    let path = &arguments.lock;
    let registries = arguments.settings.load()?.access.open()?;
    let mut lock = match &arguments.update {
        // What is not sound is resolved anew.
        Some(_) => Lock::read_to_mend(path)?,
        None if files::exists(path) || arguments.check => Lock::read(path)?,
        None => Lock::empty(),
    };
    if arguments.check {
        let moved = resolve::moved(&registries, &lock)?;
        return match moved.is_empty() {
            true => Ok(()),
            false => Err(Error::Moved { moved }),
        };
    }
    if let Some(names) = &arguments.update {
        let all: Vec<String> = lock.images.keys().cloned().collect();
        let names = if names.is_empty() { &all } else { names };
        for name in names {
            let reference = lock.entry(path, name)?.reference.clone();
            let entry = resolve::resolve(&registries, &reference)?;
            lock.images.insert(name.clone(), entry);
        }
    }
    for image in &arguments.images {
        let named = image.split_once('=').filter(|(name, _)| !name.is_empty());
        let Some((name, reference)) = named else {
            return Err(Error::Unnamed {
                image: image.as_str().into(),
            });
        };
        if let Some(known) = lock.images.get(name) {
            let (known, wanted) = (known.name()?, Name::parse(reference)?);
            // What is locked stays as it is until it is told to move.
            if known == with_tag(wanted) {
                continue;
            }
            return Err(Error::NameTaken {
                lock: path.clone(),
                name: name.into(),
                reference: lock.images[name].reference.as_str().into(),
            });
        }
        let entry = resolve::resolve(&registries, reference)?;
        lock.images.insert(name.to_owned(), entry);
    }
    lock.check()?;
    replace(path, &lock.to_bytes()?)
}

/// As it stands in a lock.
fn with_tag(mut name: Name) -> Name {
    match name.digest {
        Some(_) => name.tag = None,
        None => name.tag = Some(name.tag.unwrap_or_else(|| "latest".to_owned())),
    }
    name
}

/// Writes a file that may be there already, whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut part = files::PartFile::open(&path.with_file_name(format!(".{name}.part")))?;
    part.clear()?;
    part.put(bytes)?;
    Ok(part.finish(path)?)
}

fn auth(reference: &str, settings: &SettingsArgument) -> Result<Explained> {
    let name = Name::parse(reference)?;
    let registries = settings.load()?.access.open()?;
    Ok(registries.explain(&name.registry, &name.path)?)
}

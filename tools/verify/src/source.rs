//! Where images are: paths and references, opened as stores.

use std::path::{Path, PathBuf};

use inspect::{Archive, Directory, Finding, Place, Store, Trouble};
use layout::Links;
use oci::Reference;
use registry::Access;

use crate::error::{Error, Result};
use crate::remote::Remote;
use crate::request::Source;

/// An image that can be read, or the reason why it is none.
pub(crate) enum Opened {
    /// It can be read.
    Store(Box<dyn Store>),
    /// It is wrong from the beginning.
    Wrong(Finding),
}

/// What is done with links.
pub(crate) fn links(follow: bool) -> Links {
    match follow {
        true => Links::Follow,
        false => Links::Refuse,
    }
}

/// Says what `text` names: what is on disk goes before what is in a registry.
///
/// # Errors
/// It is neither.
pub(crate) fn parse(text: &str) -> Result<Source> {
    let path = PathBuf::from(text);
    if files::exists(&path) {
        return Ok(match files::open(&path) {
            Ok(_) => Source::Archive(path),
            Err(_) => Source::Layout(path),
        });
    }
    let bad = |reason: &str| Error::Image {
        text: text.into(),
        reason: reason.to_owned(),
    };
    if text.starts_with(['/', '.']) || !text.contains('/') && !text.contains([':', '@']) {
        return Err(bad("there is no such file"));
    }
    Reference::normalized(text).map_err(|error| bad(&error.to_string()))?;
    Ok(Source::Registry(text.to_owned()))
}

/// Opens an image.
///
/// # Errors
/// It is not there; the machine, a registry.
pub(crate) fn open(source: &Source, links: Links, access: &Access) -> Result<Opened> {
    let opened: std::result::Result<Box<dyn Store>, Trouble> = match source {
        Source::Layout(path) => {
            there(path)?;
            Directory::open(path, links).map(|store| Box::new(store) as Box<dyn Store>)
        }
        Source::Archive(path) => {
            there(path)?;
            Archive::open(path).map(|store| Box::new(store) as Box<dyn Store>)
        }
        Source::Registry(text) => {
            let registries = access.open()?;
            Remote::open(&registries, text)?.map(|store| Box::new(store) as Box<dyn Store>)
        }
    };
    match opened {
        Ok(store) => Ok(Opened::Store(store)),
        Err(trouble) => match trouble.finding(Place::Whole) {
            Ok(finding) => Ok(Opened::Wrong(finding)),
            Err(trouble) => Err(Error::trouble(&crate::plan::shown(source), trouble)),
        },
    }
}

fn there(path: &Path) -> Result<()> {
    match files::exists(path) {
        true => Ok(()),
        false => Err(Error::Image {
            text: path.display().to_string().into(),
            reason: "there is no such file".into(),
        }),
    }
}

//! What is expected of an image, compared with what it is. Everything that differs is told.

use std::collections::BTreeMap;
use std::fmt::Display;

use inspect::listing::{self, Line};
use inspect::{Content, Directory, Store};
use layout::{Image, Reader, Selection};
use oci::platform::Selector;
use oci::{Config, Platform, RawPath};

use crate::error::{Difference, Error, Result};
use crate::plan::respects;
use crate::report::Outcome;
use crate::request::{Expect, ExpectConfig, ExpectFile, StructureCheck};
use crate::source::links;
use crate::tree::{self, Tree};

/// Makes the check.
///
/// # Errors
/// Everything that differs; an image that cannot be read.
pub(crate) fn check(check: &StructureCheck) -> Result<Outcome> {
    let links = links(check.follow_links);
    let reader = Reader::open(&check.layout, links)?;
    let platform = check.platform.as_deref().map(Selector::parse).transpose()?;
    let image = reader.select_image(&Selection {
        digest: check.digest,
        tag: check.tag.clone(),
        platform,
    })?;
    let mut found = Vec::new();
    let expect = &check.expect;
    document(&image, expect, &mut found)?;
    if !expect.files.is_empty() {
        let tree = files_of(check, &image, links)?;
        for file in &expect.files {
            self::file(&tree, file, &mut found);
        }
    }
    let checked = respects(expect);
    match found.is_empty() {
        true => Ok(Outcome::Structure(checked as u64)),
        false => Err(Error::Structure {
            layout: check.layout.clone(),
            differences: found,
        }),
    }
}

fn note(
    found: &mut Vec<Difference>,
    what: impl Into<String>,
    expected: impl Display,
    is: impl Display,
) {
    let (expected, is) = (expected.to_string(), is.to_string());
    if expected != is {
        found.push(Difference {
            what: what.into(),
            expected,
            found: is,
        });
    }
}

fn document(image: &Image, expect: &Expect, found: &mut Vec<Difference>) -> Result<()> {
    if let Some(expected) = &expect.platform {
        let expected = Platform::parse(expected)?.normalized();
        let is = match image.platform()? {
            Some(platform) => platform.normalized().to_string(),
            None => "none".to_owned(),
        };
        note(found, "platform", expected, is);
    }
    if let Some(layers) = expect.layers {
        note(found, "layers", layers, image.manifest.layers.len());
    }
    let size: u64 = image.manifest.layers.iter().map(|layer| layer.size).sum();
    if let Some(most) = expect.max_size.filter(|most| size > *most) {
        note(found, "size of the layers", format!("at most {most}"), size);
    }
    for (key, value) in &expect.annotations {
        let is = image.manifest.annotations.get(key);
        note(
            found,
            format!("annotation `{key}`"),
            quoted(value),
            or_nothing(is),
        );
    }
    let Some(config) = &image.config else {
        return Err(Error::Layout(layout::Error::NotAnImage {
            digest: image.descriptor.digest,
            media_type: image.manifest.config.media_type.as_str().into(),
        }));
    };
    config_of(config, &expect.config, found)
}

fn quoted(text: &str) -> String {
    format!("`{}`", oci::error::Shown::new(text))
}

fn or_nothing(text: Option<&String>) -> String {
    text.map_or("nothing".to_owned(), |text| quoted(text))
}

fn config_of(config: &Config, expect: &ExpectConfig, found: &mut Vec<Difference>) -> Result<()> {
    let list = |words: &[String]| {
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        format!("[{}]", words.join(", "))
    };
    for (what, expected, name) in [
        ("entrypoint", &expect.entrypoint, "Entrypoint"),
        ("cmd", &expect.cmd, "Cmd"),
    ] {
        if let Some(expected) = expected {
            let is = config.texts(name)?.unwrap_or_default();
            note(found, what, list(expected), list(&is));
        }
    }
    for (what, expected, name) in [
        ("user", &expect.user, "User"),
        ("working_dir", &expect.working_dir, "WorkingDir"),
        ("stop_signal", &expect.stop_signal, "StopSignal"),
    ] {
        if let Some(expected) = expected {
            let is = config.text(name)?.unwrap_or_default();
            note(found, what, quoted(expected), quoted(is));
        }
    }
    for (what, expected, name) in [
        ("exposed_ports", &expect.exposed_ports, "ExposedPorts"),
        ("volumes", &expect.volumes, "Volumes"),
    ] {
        if let Some(expected) = expected {
            let (mut expected, mut is) = (expected.clone(), config.keys(name)?);
            expected.sort();
            is.sort();
            note(found, what, list(&expected), list(&is));
        }
    }
    let variables: BTreeMap<String, String> = config
        .texts("Env")?
        .unwrap_or_default()
        .iter()
        .filter_map(|one| one.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for (name, value) in &expect.env {
        let is = variables.get(name);
        note(
            found,
            format!("variable `{name}`"),
            quoted(value),
            or_nothing(is),
        );
    }
    for name in &expect.no_env {
        let is = variables.get(name);
        note(
            found,
            format!("variable `{name}`"),
            "nothing",
            or_nothing(is),
        );
    }
    let labels = config.text_map("Labels")?;
    for (name, value) in &expect.labels {
        let is = labels.get(name);
        note(
            found,
            format!("label `{name}`"),
            quoted(value),
            or_nothing(is),
        );
    }
    Ok(())
}

/// All layers, those without a listing read from the layout.
fn files_of(check: &StructureCheck, image: &Image, links: layout::Links) -> Result<Tree> {
    let layers = &image.manifest.layers;
    let listings = check.listings.len();
    let Some(unlisted) = layers.len().checked_sub(listings) else {
        let layers = layers.len();
        return Err(Error::Listings { listings, layers });
    };
    let mut all = Tree::new();
    let name = check.layout.display().to_string();
    let trouble = |trouble| Error::trouble(&name, trouble);
    let store = Directory::open(&check.layout, links).map_err(trouble)?;
    for layer in &layers[..unlisted] {
        let digest = layer.digest;
        let lines = match store.blob(layer).map_err(trouble)? {
            Content::Bytes(reader) => listing::of_layer(reader, layer).map_err(trouble)?,
            Content::Absent => return Err(Error::NoListing { digest }),
        };
        tree::lay(&mut all, lines);
    }
    for path in &check.listings {
        tree::lay(&mut all, tree::read(path)?);
    }
    Ok(all)
}

fn file(tree: &Tree, expect: &ExpectFile, found: &mut Vec<Difference>) {
    let what = |respect: &str| match respect {
        "" => format!("`{}`", expect.path),
        respect => format!("{respect} of `{}`", expect.path),
    };
    let Some(line) = tree.get(expect.path.as_bytes()) else {
        if !expect.absent {
            note(found, what(""), "to be there", "nothing");
        }
        return;
    };
    if expect.absent {
        note(found, what(""), "nothing", format!("a {}", line.kind));
        return;
    }
    let path = |path: &Option<RawPath>| match path {
        Some(path) => format!("`{path}`"),
        None => "nothing".to_owned(),
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".into());
    let Line {
        kind,
        mode,
        uid,
        gid,
        link,
        size,
        sha256,
        elf,
        ..
    } = line;
    let mut compare = |respect: &str, expected: Option<String>, is: String| {
        if let Some(expected) = expected {
            note(found, what(respect), expected, is);
        }
    };
    compare("type", expect.kind.clone(), kind.clone());
    compare("mode", expect.mode.as_deref().map(four), four(mode));
    compare(
        "uid",
        expect.uid.map(|uid| uid.to_string()),
        uid.to_string(),
    );
    compare(
        "gid",
        expect.gid.map(|gid| gid.to_string()),
        gid.to_string(),
    );
    let wanted = expect.link.is_some().then(|| path(&expect.link));
    compare("link", wanted, path(link));
    let number = |size: Option<u64>| size.map_or("nothing".to_owned(), |size| size.to_string());
    compare(
        "size",
        expect.size.map(|size| size.to_string()),
        number(*size),
    );
    compare("sha256", expect.sha256.clone(), text(sha256));
    compare("elf", expect.elf.clone(), text(elf));
}

/// An octal mode with four digits.
fn four(mode: &str) -> String {
    format!("{:0>4}", mode.trim_start_matches('0'))
}

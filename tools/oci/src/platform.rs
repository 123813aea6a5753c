//! Platforms: what an image runs on (image specification, image-index.md and config.md), how people
//! write them, and which of them are the same.
//!
//! A *platform* is written and kept as it was said, but for the names of systems and architectures,
//! which become Go's (`aarch64` is `arm64`). A *selector* chooses platforms: a part may be left out
//! or be `*`. Nothing is taken from the machine that this runs on.
//!
//! Invariant: `Platform::parse(p.to_string()) == p`, and matching is a function of normal forms.

use std::fmt;

use serde_json::{Map, Value};

use crate::Error;

mod selector;

pub use selector::Selector;

/// An operating system and an architecture, with what narrows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    /// In Go's names: `linux`, `windows`, `darwin`.
    pub os: String,
    /// In Go's names: `amd64`, `arm64`, `arm`, `386`.
    pub architecture: String,
    /// The variant of the architecture: `v7`.
    pub variant: Option<String>,
    /// The version of the system that is wanted, used for Windows.
    pub os_version: Option<String>,
    /// Features of the system that are wanted, used for Windows: `win32k`.
    pub os_features: Vec<String>,
}

impl Platform {
    /// From parts as people give them; names become Go's.
    ///
    /// # Errors
    /// A part that is empty or has a character that platform strings cannot hold.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Result<Self, Error> {
        let text = format!("{os}/{architecture}");
        if !is_name(os) {
            return Err(bad(
                &text,
                "the operating system is empty or has an illegal character",
            ));
        }
        if !is_word(architecture) {
            return Err(bad(
                &text,
                "the architecture is empty or has an illegal character",
            ));
        }
        if variant.is_some_and(|variant| !is_word(variant)) {
            return Err(bad(
                &text,
                "the variant is empty or has an illegal character",
            ));
        }
        let (architecture, implied) = architecture_name(architecture);
        Ok(Platform {
            os: os_name(os),
            architecture,
            variant: variant.map(str::to_owned).or(implied.map(str::to_owned)),
            os_version: None,
            os_features: Vec::new(),
        })
    }

    /// Reads `os[(version+feature…)]/architecture[/variant]`, without wildcards.
    ///
    /// # Errors
    /// Text of another form.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let selector = Selector::parse(text)?;
        match (selector.os, selector.architecture) {
            (Some(os), Some(architecture)) => Ok(Platform {
                os,
                architecture,
                variant: selector.variant,
                os_version: selector.os_version,
                os_features: selector.os_features,
            }),
            _ => Err(bad(
                text,
                "it must name an operating system and an architecture",
            )),
        }
    }

    /// The form in which equal platforms are equal: features sorted, `arm` with its variant, the
    /// variants that mean nothing (`arm64/v8`, `amd64/v1`) left out.
    pub fn normalized(&self) -> Platform {
        let (architecture, implied) = architecture_name(&self.architecture);
        let variant = self
            .variant
            .as_deref()
            .filter(|variant| !variant.is_empty());
        let variant = normal_variant(&architecture, variant.or(implied));
        let mut os_features: Vec<String> = self
            .os_features
            .iter()
            .filter(|feature| !feature.is_empty())
            .cloned()
            .collect();
        os_features.sort();
        os_features.dedup();
        Platform {
            os: os_name(&self.os),
            architecture,
            variant,
            os_version: self
                .os_version
                .clone()
                .filter(|version| !version.is_empty()),
            os_features,
        }
    }

    /// Whether it is the platform of things that do not run: attestations, signatures.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }

    /// From the `platform` object of a descriptor, or from a config, which has the same fields.
    ///
    /// Names are kept as the document has them; [`Platform::normalized`] makes them comparable.
    ///
    /// # Errors
    /// A field of another type, and a missing `os` or `architecture`.
    pub fn from_object(object: &Map<String, Value>, what: &'static str) -> Result<Self, Error> {
        let field = |name: &str, reason: &str| Error::Field {
            what,
            field: name.to_owned(),
            reason: reason.to_owned(),
        };
        let text = |name: &str| match object.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(field(name, "it is not a string")),
        };
        let needed = |name: &str| {
            text(name)?
                .filter(|text| !text.is_empty())
                .ok_or_else(|| field(name, "it is missing"))
        };
        let os_features = match object.get("os.features") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .ok_or_else(|| field("os.features", "it is not a list of strings"))?,
            Some(_) => return Err(field("os.features", "it is not a list of strings")),
        };
        Ok(Platform {
            os: needed("os")?,
            architecture: needed("architecture")?,
            variant: text("variant")?.filter(|variant| !variant.is_empty()),
            os_version: text("os.version")?.filter(|version| !version.is_empty()),
            os_features,
        })
    }

    /// As the `platform` object of a descriptor.
    pub fn to_object(&self) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("architecture".into(), self.architecture.clone().into());
        object.insert("os".into(), self.os.clone().into());
        if let Some(variant) = &self.variant {
            object.insert("variant".into(), variant.clone().into());
        }
        if let Some(version) = &self.os_version {
            object.insert("os.version".into(), version.clone().into());
        }
        if !self.os_features.is_empty() {
            object.insert("os.features".into(), self.os_features.clone().into());
        }
        object
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.os)?;
        write_options(self.os_version.as_deref(), &self.os_features, f)?;
        write!(f, "/{}", self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

fn bad(text: &str, reason: &'static str) -> Error {
    Error::Platform {
        text: text.into(),
        reason,
    }
}

/// Go's name of an operating system.
fn os_name(os: &str) -> String {
    let lower = os.to_ascii_lowercase();
    if lower == "macos" {
        "darwin".to_owned()
    } else {
        lower
    }
}

/// Go's name of an architecture, and the variant that the given name implies.
fn architecture_name(architecture: &str) -> (String, Option<&'static str>) {
    let lower = architecture.to_ascii_lowercase();
    match lower.as_str() {
        "i386" => ("386".to_owned(), None),
        "x86_64" | "x86-64" => ("amd64".to_owned(), None),
        "aarch64" => ("arm64".to_owned(), None),
        "armhf" => ("arm".to_owned(), Some("v7")),
        "armel" => ("arm".to_owned(), Some("v6")),
        _ => (lower, None),
    }
}

fn normal_variant(architecture: &str, variant: Option<&str>) -> Option<String> {
    let variant = variant.map(str::to_ascii_lowercase);
    match (architecture, variant.as_deref()) {
        ("386", _) => None,
        ("amd64", Some("v1")) => None,
        ("arm64", Some("8" | "v8" | "v8.0")) => None,
        ("arm", None) => Some("v7".to_owned()),
        ("arm" | "arm64", Some(number)) if number.starts_with(|c: char| c.is_ascii_digit()) => {
            Some(format!("v{number}"))
        }
        _ => variant,
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

fn write_options(
    version: Option<&str>,
    features: &[String],
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    if version.is_none() && features.is_empty() {
        return Ok(());
    }
    let mut features: Vec<&str> = features.iter().map(String::as_str).collect();
    features.sort_unstable();
    f.write_str("(")?;
    write_encoded(version.unwrap_or_default(), f)?;
    for feature in features {
        f.write_str("+")?;
        write_encoded(feature, f)?;
    }
    f.write_str(")")
}

fn write_encoded(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-".contains(&byte) {
            write!(f, "{}", byte as char)?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

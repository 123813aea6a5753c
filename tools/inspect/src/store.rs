//! Where an image's documents and blobs are had from.

use std::collections::BTreeSet;
use std::io::Read;

use oci::{Descriptor, Digest};

use crate::{Finding, Place, Rule};

/// Why something cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The image is not what it says: one more finding.
    Wrong {
        /// What is broken.
        rule: Rule,
        /// How.
        message: String,
    },
    /// The machine, the network, a registry: nothing can be said of the image.
    Environment {
        /// What happened.
        message: String,
        /// What the user can do, where that is known.
        hint: Option<String>,
    },
}

impl Trouble {
    /// Something that is wrong with the image.
    pub fn wrong(rule: Rule, message: impl Into<String>) -> Self {
        Trouble::Wrong {
            rule,
            message: message.into(),
        }
    }

    /// The finding that it is, if it is one.
    ///
    /// # Errors
    /// Itself, where the surroundings are to blame.
    pub fn finding(self, place: Place) -> Result<Finding, Trouble> {
        match self {
            Trouble::Wrong { rule, message } => Ok(Finding::new(rule, place, message)),
            other => Err(other),
        }
    }
}

impl From<files::Error> for Trouble {
    fn from(error: files::Error) -> Self {
        let message = sentence(&error);
        match error.is_environment() {
            true => Trouble::Environment {
                message,
                hint: error.hint(),
            },
            false => Trouble::wrong(Rule::Layout, message),
        }
    }
}

impl From<layout::Error> for Trouble {
    fn from(error: layout::Error) -> Self {
        use layout::Error;
        if error.is_environment() {
            return Trouble::Environment {
                message: sentence(&error),
                hint: error.hint(),
            };
        }
        let rule = match &error {
            Error::WrongDigest { .. } => Rule::Digest,
            Error::WrongSize { .. } => Rule::Size,
            Error::MissingBlob { .. } => Rule::MissingBlob,
            Error::TooLarge { .. } => Rule::TooLarge,
            Error::Document { error, .. } => rule_of(error),
            _ => Rule::Layout,
        };
        let details: Vec<String> = error
            .details()
            .iter()
            .map(|(word, value)| format!("{word} {value}"))
            .collect();
        let mut message = sentence(&error);
        if !details.is_empty() {
            message = format!("{message} ({})", details.join(", "));
        }
        Trouble::wrong(rule, message)
    }
}

/// An error and its causes in one line.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let line = error.to_string();
        if !text.contains(&line) {
            text = format!("{text}: {line}");
        }
        cause = error.source();
    }
    text
}

/// The rule that a document breaks which cannot be read.
pub fn rule_of(error: &oci::Error) -> Rule {
    match error {
        oci::Error::Ambiguous { .. }
        | oci::Error::JsonDuplicateKey { .. }
        | oci::Error::JsonKeyCase { .. } => Rule::TwoMeanings,
        oci::Error::MediaTypeMismatch { .. } => Rule::MediaType,
        oci::Error::JsonTooLarge { .. } => Rule::TooLarge,
        _ => Rule::Document,
    }
}

/// The bytes of a blob.
pub enum Content<'a> {
    /// To be read, once.
    Bytes(Box<dyn Read + 'a>),
    /// Somewhere else, and said to be.
    Absent,
}

/// An image, or several, with all that they are made of.
pub trait Store {
    /// What it lists: the images and indexes that are meant.
    fn roots(&self) -> &[Descriptor];

    /// The bytes of a document. They need not have been compared with the descriptor.
    ///
    /// # Errors
    /// It is not there, longer than `limit`, or cannot be read.
    fn document(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, Trouble>;

    /// Opens a blob. Its bytes need not have been compared with the descriptor.
    ///
    /// # Errors
    /// It is not there, or cannot be opened.
    fn blob(&self, descriptor: &Descriptor) -> Result<Content<'_>, Trouble>;

    /// Whether it is said that a blob is somewhere else.
    fn is_absent(&self, digest: &Digest) -> bool {
        let _ = digest;
        false
    }

    /// What is wrong with the store itself, once all that is referred to is known.
    ///
    /// # Errors
    /// It cannot be read.
    fn leftovers(&self, referred: &BTreeSet<Digest>) -> Result<Vec<Finding>, Trouble> {
        let _ = referred;
        Ok(Vec::new())
    }
}

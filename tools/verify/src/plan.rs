//! The plan: the checks with what they read, before anything is read.

use std::path::{Path, PathBuf};

use oci::{Digest, Platform};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::request::{
    Check, DigestCheck, Expect, Kind, Request, SameCheck, Source, StructureCheck,
};

/// What a digest is compared with.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Expected {
    /// What this file says.
    File(PathBuf),
    /// This one.
    Digest(String),
}

/// One check.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// A digest.
    Digest { actual: PathBuf, expected: Expected },
    /// An image's files and config.
    Structure {
        layout: PathBuf,
        listings: Vec<PathBuf>,
        /// How many things are expected of it.
        respects: usize,
    },
    /// Two files or layouts.
    Same { first: PathBuf, second: PathBuf },
    /// An image against the specifications.
    Image { source: String },
    /// What is said of an image.
    Attested {
        source: String,
        attached: Vec<PathBuf>,
        keys: Vec<PathBuf>,
        require: Vec<Kind>,
    },
}

/// All checks, in the order of the request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Plan {
    pub(crate) checks: Vec<Step>,
}

/// Settles what is checked.
///
/// # Errors
/// No checks; a check that says too little or too much; a platform that is none.
pub(crate) fn plan(request: &Request) -> Result<Plan> {
    if request.checks.is_empty() {
        return Err(Error::NoChecks);
    }
    let step = |(at, check): (usize, &Check)| match check {
        Check::Digest(check) => digest(at, check),
        Check::Structure(check) => structure(check),
        Check::Same(SameCheck { first, second, .. }) => Ok(Step::Same {
            first: first.clone(),
            second: second.clone(),
        }),
        Check::Image(check) => Ok(Step::Image {
            source: shown(&check.source),
        }),
        Check::Attested(check) => Ok(Step::Attested {
            source: shown(&check.source),
            attached: check.attached.clone(),
            keys: check.keys.clone(),
            require: check.require.clone(),
        }),
    };
    let checks = request.checks.iter().enumerate().map(step);
    Ok(Plan {
        checks: checks.collect::<Result<_>>()?,
    })
}

fn digest(at: usize, check: &DigestCheck) -> Result<Step> {
    Ok(Step::Digest {
        actual: check.actual.clone(),
        expected: match (&check.expected, &check.expected_digest) {
            (Some(path), None) => Expected::File(path.clone()),
            (None, Some(digest)) => Expected::Digest(Digest::to_string(digest)),
            (path, _) => {
                return Err(Error::Expected {
                    check: at,
                    both: path.is_some(),
                });
            }
        },
    })
}

fn structure(check: &StructureCheck) -> Result<Step> {
    for platform in check.platform.iter().chain(&check.expect.platform) {
        Platform::parse(platform)?;
    }
    Ok(Step::Structure {
        layout: check.layout.clone(),
        listings: check.listings.clone(),
        respects: respects(&check.expect),
    })
}

/// How many things are expected.
pub(crate) fn respects(expect: &Expect) -> usize {
    let config = &expect.config;
    let one = |given: bool| usize::from(given);
    one(expect.platform.is_some())
        + one(expect.layers.is_some())
        + one(expect.max_size.is_some())
        + expect.annotations.len()
        + one(config.entrypoint.is_some())
        + one(config.cmd.is_some())
        + one(config.user.is_some())
        + one(config.working_dir.is_some())
        + one(config.stop_signal.is_some())
        + one(config.exposed_ports.is_some())
        + one(config.volumes.is_some())
        + config.env.len()
        + config.no_env.len()
        + config.labels.len()
        + expect.files.len()
}

/// A source, for people.
pub(crate) fn shown(source: &Source) -> String {
    let path = |path: &Path| path.display().to_string();
    match source {
        Source::Layout(at) | Source::Archive(at) => path(at),
        Source::Registry(reference) => reference.clone(),
    }
}

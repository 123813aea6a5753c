//! `pull verify`: is a layout what it says? Everything is read again, by [`inspect`]; and nothing is there
//! that nothing refers to.
//!
//! It needs no network and changes nothing.

use std::path::Path;

use inspect::{Directory, Level, Options, Rule, Trouble};
use layout::{Links, Reader};

use crate::error::{Error, Result};

/// Reads a layout, all of it.
///
/// # Errors
/// [`Error::Unsound`] with everything that is wrong; a folder that is no layout at all.
pub(crate) fn verify(folder: &Path) -> Result<()> {
    let store = Directory::from(Reader::open(folder, Links::Refuse)?);
    let report = inspect::check(&store, Options::default()).map_err(|trouble| match trouble {
        Trouble::Wrong { message, .. } | Trouble::Environment { message, .. } => {
            Error::Unreadable {
                layout: folder.to_owned(),
                message,
            }
        }
    })?;
    // What was pulled has nothing more than it needs.
    let counts = |rule: Rule| rule.level() == Level::Error || rule == Rule::Unreferenced;
    let findings: Vec<String> = report
        .findings
        .iter()
        .filter(|finding| counts(finding.rule))
        .map(ToString::to_string)
        .collect();
    match findings.is_empty() {
        true => Ok(()),
        false => Err(Error::Unsound {
            layout: folder.to_owned(),
            findings,
        }),
    }
}

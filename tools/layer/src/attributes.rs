//! From what the request says of owner, time, mode and extended attributes to what a header holds.
//!
//! Four sources, nearest first: an override of a tree or tar, the entry's own attributes, the
//! defaults of a tree or tar, the defaults of the request. Nothing comes from the disk.

use crate::capabilities;
use crate::item::ModeRule;
use crate::request::{Attributes, Defaults, FileMode};
use ustar::Metadata;

/// Linux numbers owners with 32 bits, the last of which means «none» (credentials(7)).
pub(crate) const LARGEST_ID: u64 = u32::MAX as u64 - 1;

/// Defaults with nothing left open.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    file_mode: FileMode,
    directory_mode: u16,
    metadata: Metadata,
}

/// A mode, if one is given, and all the rest.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    pub(crate) mode: Option<u16>,
    pub(crate) metadata: Metadata,
}

impl Resolved {
    /// The defaults of a request.
    ///
    /// # Errors
    /// What is wrong with a value.
    pub(crate) fn new(defaults: &Defaults) -> Result<Self, String> {
        let bare = Self {
            file_mode: FileMode::ByContent,
            directory_mode: 0o755,
            metadata: Metadata::default(),
        };
        bare.refined(defaults)
    }

    /// These defaults, with those of a tree or tar before them.
    ///
    /// # Errors
    /// What is wrong with a value.
    pub(crate) fn refined(&self, defaults: &Defaults) -> Result<Self, String> {
        let Defaults {
            file_mode,
            directory_mode,
            uid,
            gid,
            uname,
            gname,
            mtime,
            mtime_nanoseconds,
        } = defaults;
        let attributes = Attributes {
            uid: *uid,
            gid: *gid,
            uname: uname.clone(),
            gname: gname.clone(),
            mtime: *mtime,
            mtime_nanoseconds: *mtime_nanoseconds,
            ..Attributes::default()
        };
        Ok(Self {
            file_mode: file_mode.unwrap_or(self.file_mode),
            directory_mode: directory_mode.map_or(self.directory_mode, |mode| mode.0),
            metadata: self.own().refined(&attributes)?.metadata,
        })
    }

    /// What an entry without attributes has.
    pub(crate) fn own(&self) -> Own {
        Own {
            mode: None,
            metadata: self.metadata.clone(),
        }
    }

    /// The mode of a file that is given none.
    pub(crate) fn file_mode(&self) -> ModeRule {
        match self.file_mode {
            FileMode::ByContent => ModeRule::ByContent,
            FileMode::ByBit => ModeRule::ByBit,
            FileMode::Constant(mode) => ModeRule::Given(mode.0),
        }
    }

    /// The mode of a directory that is given none.
    pub(crate) fn directory_mode(&self) -> ModeRule {
        ModeRule::Given(self.directory_mode)
    }
}

impl Own {
    /// These, with `attributes` before them.
    ///
    /// # Errors
    /// What is wrong with a value.
    pub(crate) fn refined(mut self, attributes: &Attributes) -> Result<Self, String> {
        let Attributes {
            mode,
            uid,
            gid,
            uname,
            gname,
            mtime,
            mtime_nanoseconds,
            xattrs,
            capabilities,
        } = attributes;
        self.mode = mode.map(|mode| mode.0).or(self.mode);
        let metadata = &mut self.metadata;
        for (field, given, name) in [
            (&mut metadata.uid, uid, "uid"),
            (&mut metadata.gid, gid, "gid"),
        ] {
            if let Some(id) = *given {
                if id > LARGEST_ID {
                    return Err(format!("{name} {id}, and the largest is {LARGEST_ID}"));
                }
                *field = id;
            }
        }
        for (field, given, name) in [
            (&mut metadata.uname, uname, "uname"),
            (&mut metadata.gname, gname, "gname"),
        ] {
            if let Some(given) = given {
                if given.contains('\0') {
                    return Err(format!("a {name} with a NUL byte"));
                }
                field.clone_from(given);
            }
        }
        if let Some(seconds) = *mtime {
            metadata.mtime = seconds;
            metadata.mtime_nanoseconds = 0;
        }
        if let Some(nanoseconds) = *mtime_nanoseconds {
            if nanoseconds > 999_999_999 {
                return Err(format!(
                    "mtime_nanoseconds {nanoseconds}, which is more than a second"
                ));
            }
            metadata.mtime_nanoseconds = nanoseconds;
        }
        for (name, value) in xattrs {
            check_xattr(name)?;
            metadata
                .xattrs
                .insert(name.clone(), value.as_bytes().to_vec());
        }
        if let Some(text) = capabilities {
            if xattrs.contains_key(capabilities::XATTR) {
                let name = capabilities::XATTR;
                return Err(format!(
                    "both `capabilities` and the extended attribute `{name}`"
                ));
            }
            metadata
                .xattrs
                .insert(capabilities::XATTR.to_owned(), capabilities::parse(text)?);
        }
        Ok(self)
    }
}

/// A name that a pax record can hold: `SCHILY.xattr.NAME=VALUE` has no way to write `=` in NAME.
pub(crate) fn check_xattr(name: &str) -> Result<(), String> {
    let namespaced = name
        .split_once('.')
        .is_some_and(|(space, rest)| !space.is_empty() && !rest.is_empty());
    if !namespaced {
        return Err(format!(
            "the extended attribute `{name}`, and names have a namespace, as `user.{name}`"
        ));
    }
    if name.contains(['=', '\0']) {
        return Err(format!(
            "the extended attribute `{}`, and tar can't hold `=` or NUL in a name",
            name.escape_debug()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Mode;

    #[test]
    fn nearer_goes_before_farther() {
        let defaults = Defaults {
            uid: Some(5),
            mtime: Some(9),
            mtime_nanoseconds: Some(7),
            ..Defaults::default()
        };
        let request = Resolved::new(&defaults).unwrap();
        let tree = request
            .refined(&Defaults {
                gid: Some(6),
                ..Defaults::default()
            })
            .unwrap();
        let own = tree
            .own()
            .refined(&Attributes {
                uid: Some(0),
                ..Attributes::default()
            })
            .unwrap();
        assert_eq!(
            (
                own.metadata.uid,
                own.metadata.gid,
                own.metadata.mtime_nanoseconds
            ),
            (0, 6, 7)
        );
        // A time of its own brings its own nanoseconds.
        let own = own
            .refined(&Attributes {
                mtime: Some(1),
                mode: Some(Mode(0o600)),
                ..Attributes::default()
            })
            .unwrap();
        assert_eq!(
            (own.metadata.mtime, own.metadata.mtime_nanoseconds, own.mode),
            (1, 0, Some(0o600))
        );
    }

    #[test]
    fn what_no_header_can_hold_is_refused() {
        let own = || Resolved::new(&Defaults::default()).unwrap().own();
        let refuse = |attributes: Attributes| own().refined(&attributes).unwrap_err();
        assert!(
            refuse(Attributes {
                uid: Some(1 << 32),
                ..Attributes::default()
            })
            .contains("largest")
        );
        assert!(
            refuse(Attributes {
                uname: Some("a\0".into()),
                ..Attributes::default()
            })
            .contains("NUL")
        );
        assert!(
            refuse(Attributes {
                mtime_nanoseconds: Some(1_000_000_000),
                ..Attributes::default()
            })
            .contains("second")
        );
        assert!(check_xattr("user.a=b").unwrap_err().contains("`=`"));
        assert!(check_xattr("plain").unwrap_err().contains("namespace"));
    }
}

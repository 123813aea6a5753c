//! Mirrors, by the rules of Go's module proxies.
//!
//! A list of places. What stands after a place says when the next one is asked: after `,` only where
//! the place says that it does not have the thing (404 or 410), after `|` whatever went wrong. `direct` is
//! the registry itself, `off` forbids to go on; both end the list. The list is gone through for each
//! document and each blob anew.
//!
//! Private names go direct, and no mirror ever hears of them.

use std::path::PathBuf;

use oci::error::Shown;

use crate::error::{Error, Result};

/// A place to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A registry, and the path before the names of repositories.
    Mirror {
        host: String,
        prefix: String,
        plain: bool,
    },
    /// A layout on disk.
    Layout(PathBuf),
    /// The registry itself.
    Direct,
    /// Nobody.
    Off,
}

impl Place {
    /// The name that a repository has there.
    ///
    /// # Errors
    /// [`Error::NoName`]: a registry's name with a port, or in capitals, is no part of a repository's.
    pub(crate) fn repository(&self, registry: &str, path: &str) -> Result<String> {
        match self {
            Place::Mirror { host, prefix, .. } if !prefix.is_empty() => {
                let name = format!("{}/{path}", prefix.replace("{registry}", registry));
                match oci::Reference::parse(&format!("host.example/{name}")) {
                    Ok(reference) if reference.path == name => Ok(name),
                    _ => Err(Error::NoName {
                        mirror: format!("{host}/{prefix}"),
                        name: Shown::new(name),
                    }),
                }
            }
            _ => Ok(path.to_owned()),
        }
    }
}

/// A place, and when the next one is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) place: Place,
    /// Whether any error leads on, and not only absence.
    pub(crate) on_any_error: bool,
}

/// Reads a list. No list at all is `direct`.
///
/// # Errors
/// [`Error::Mirrors`].
pub(crate) fn parse(list: &str) -> Result<Vec<Step>> {
    let bad = |entry: &str, reason| Error::Mirrors {
        entry: Shown::new(entry),
        reason,
    };
    let mut steps = Vec::new();
    let mut rest = list;
    while !rest.is_empty() {
        let (entry, on_any_error);
        match rest.find([',', '|']) {
            Some(at) => {
                entry = &rest[..at];
                on_any_error = rest[at..].starts_with('|');
                rest = &rest[at + 1..];
            }
            None => {
                (entry, on_any_error) = (rest, false);
                rest = "";
            }
        }
        let entry = entry.trim();
        let place = match entry {
            "" => continue,
            "direct" => Place::Direct,
            "off" => Place::Off,
            entry => place(entry).map_err(|reason| bad(entry, reason))?,
        };
        let ends = matches!(place, Place::Direct | Place::Off);
        steps.push(Step {
            place,
            on_any_error,
        });
        if ends {
            break;
        }
    }
    for step in &steps {
        let contradicts = |other: &Step| match (&step.place, &other.place) {
            (
                Place::Mirror { host, plain, .. },
                Place::Mirror {
                    host: same,
                    plain: other,
                    ..
                },
            ) => host == same && plain != other,
            _ => false,
        };
        if let Place::Mirror { host, .. } = &step.place
            && steps.iter().any(contradicts)
        {
            return Err(bad(host, "it is both `https` and `http`"));
        }
    }
    match steps.is_empty() {
        false => Ok(steps),
        true if list.is_empty() => Ok(vec![direct()]),
        true => Err(bad(list, "it has only empty entries")),
    }
}

/// The list of a name: that of the request, or direct where the name is private.
pub(crate) fn of_name(list: &[Step], private: &str, name: &str) -> Vec<Step> {
    match is_private(private, name) {
        true => vec![direct()],
        false => list.to_vec(),
    }
}

fn direct() -> Step {
    Step {
        place: Place::Direct,
        on_any_error: false,
    }
}

fn place(entry: &str) -> std::result::Result<Place, &'static str> {
    if entry.contains([';', ' ', '\t', '\n']) {
        return Err("places are separated by `,` or `|`");
    }
    if entry.eq_ignore_ascii_case("direct") {
        return Err("it is written `direct`");
    }
    if entry.eq_ignore_ascii_case("off") {
        return Err("it is written `off`");
    }
    if entry.starts_with(['/', '.']) {
        return Err("a folder is written `file:///srv/images`");
    }
    // A path without `//` is relative to where the program runs, as paths of requests are.
    if let Some(path) = entry.strip_prefix("file:")
        && !path.starts_with('/')
        && !path.is_empty()
    {
        return Ok(Place::Layout(path.into()));
    }
    let (scheme, rest) = entry.split_once("://").unwrap_or(("https", entry));
    let scheme = scheme.to_ascii_lowercase();
    if scheme == "file" {
        return match rest.starts_with('/') {
            true => Ok(Place::Layout(rest.into())),
            false => Err("a file URL has a path and nothing else, as `file:///srv/images`"),
        };
    }
    if !matches!(scheme.as_str(), "https" | "http") {
        return Err("its scheme is none of https, http and file");
    }
    if rest.contains(['?', '#', '@']) {
        return Err("it has a query, a fragment or user information");
    }
    let (host, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty() {
        return Err("it has no host");
    }
    registry::check_name(host)?;
    let prefix = prefix.trim_end_matches('/');
    let sample = prefix.replace("{registry}", "registry");
    if !sample.is_empty() && oci::Reference::parse(&format!("host.example/{sample}")).is_err() {
        return Err("its path can't begin the name of a repository");
    }
    Ok(Place::Mirror {
        host: host.to_owned(),
        prefix: prefix.to_owned(),
        plain: scheme == "http",
    })
}

/// Whether one of the patterns fits a name, `registry/path`. A pattern has parts as the name has, and fits
/// as many parts from the left; `*` and `?` stay within a part; `none` fits nothing.
pub(crate) fn is_private(patterns: &str, name: &str) -> bool {
    if patterns == "none" {
        return false;
    }
    let parts: Vec<&str> = name.split('/').collect();
    patterns.split(',').any(|pattern| {
        let pattern = pattern.trim().trim_end_matches('/');
        let pattern: Vec<&str> = pattern.split('/').collect();
        pattern != [""]
            && pattern.len() <= parts.len()
            && pattern
                .iter()
                .zip(&parts)
                .all(|(p, part)| fits(p.as_bytes(), part.as_bytes()))
    })
}

/// `*` for any run, `?` for any one, `[a-z]` for one of a set.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|at| fits(rest, &text[at..])),
        ([b'?', rest @ ..], [_, text @ ..]) => fits(rest, text),
        ([b'[', rest @ ..], [c, text @ ..]) => {
            let Some(end) = rest.iter().position(|b| *b == b']') else {
                return false;
            };
            let (set, rest) = (&rest[..end], &rest[end + 1..]);
            one_of(set, *c) && fits(rest, text)
        }
        ([p, rest @ ..], [c, text @ ..]) => p == c && fits(rest, text),
        _ => false,
    }
}

fn one_of(set: &[u8], c: u8) -> bool {
    let (negated, mut set) = match set {
        [b'^', set @ ..] => (true, set),
        set => (false, set),
    };
    let mut found = false;
    loop {
        match set {
            [] => return found != negated,
            [first, b'-', last, rest @ ..] => {
                found |= (*first..=*last).contains(&c);
                set = rest;
            }
            [one, rest @ ..] => {
                found |= *one == c;
                set = rest;
            }
        }
    }
}

/// An error of a place, by how much it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Telling {
    /// It does not have it.
    Absent,
    /// A mirror had another trouble.
    Mirror,
    /// The registry itself, or `off`, said so.
    Final,
}

/// Goes through the list until a place gives it. Of all errors the one that tells most is returned, with
/// the others beside it; of those that tell as much, of absence the last, of others the first.
pub(crate) fn walk<T>(
    steps: &[Step],
    mut ask: impl FnMut(&Place) -> std::result::Result<T, Error>,
) -> Result<T> {
    let mut best: Option<(Telling, Error)> = None;
    let mut others: Vec<Error> = Vec::new();
    for step in steps {
        let error = match ask(&step.place) {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        let absent = error.is_absent();
        let telling = match (&step.place, absent) {
            (Place::Direct | Place::Off, _) => Telling::Final,
            (_, true) => Telling::Absent,
            (_, false) => Telling::Mirror,
        };
        let better = match &best {
            None => true,
            Some((known, _)) => {
                telling > *known || (telling == *known && telling == Telling::Absent)
            }
        };
        match better {
            true => others.extend(best.replace((telling, error)).map(|(_, error)| error)),
            false => others.push(error),
        }
        if !absent && !step.on_any_error {
            break;
        }
    }
    let (_, best) = best.expect("a list has at least one place, and none gave it");
    Err(Error::of_places(best, &others))
}

#[cfg(test)]
mod tests;

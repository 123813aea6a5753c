//! Digests in files: a line, or the field of a receipt or of the documents of an image.

use std::path::Path;

use inspect::Store;
use oci::Digest;
use oci::json::{self, Limits};

use crate::error::{Error, Result};
use crate::explain;
use crate::kept::{self, Kept};
use crate::report::Outcome;
use crate::request::DigestCheck;
use crate::same;

/// The most bytes of a file that holds a digest.
const LIMIT: u64 = Limits::OURS.size;

/// Makes the check.
///
/// # Errors
/// The digests differ; a file that holds none.
pub(crate) fn check(check: &DigestCheck) -> Result<Outcome> {
    let found = read(&check.actual)?;
    let expected = match (&check.expected, &check.expected_digest) {
        (Some(path), _) => read(path)?,
        (None, Some(digest)) => *digest,
        (None, None) => {
            return Err(Error::Expected {
                check: 0,
                both: false,
            });
        }
    };
    if found == expected {
        return Ok(Outcome::digest(&found));
    }
    if let Some(explain) = &check.explain {
        // Where both sides are at hand, they tell more than two digests.
        same::check(explain)?;
    }
    Err(Error::OtherDigest {
        path: check.actual.clone(),
        expected: Box::new(expected),
        found: Box::new(found),
        causes: causes(check),
        update: check.update.clone(),
    })
}

/// What moved, where the file keeps the documents of what was expected.
fn causes(check: &DigestCheck) -> Vec<String> {
    let (Some(expected), Some(layout)) = (&check.expected, &check.layout) else {
        return Vec::new();
    };
    let Ok(Holds::Documents(kept)) = holds(expected) else {
        return Vec::new();
    };
    let side = (expected.as_path(), kept as Box<dyn Store>);
    match explain::explain_kept(side, layout, check.follow_links) {
        Ok(explained) => {
            let mut causes = Vec::new();
            for cause in &explained.causes {
                cause.leaves("", &mut causes);
            }
            causes
        }
        Err(error) => vec![format!("not known: {error}")],
    }
}

/// What a file holds.
enum Holds {
    /// A digest.
    Digest(Digest),
    /// The documents of an image.
    Documents(Box<Kept>),
}

/// The digest that a file holds.
///
/// # Errors
/// It holds none.
pub(crate) fn read(path: &Path) -> Result<Digest> {
    Ok(match holds(path)? {
        Holds::Digest(digest) => digest,
        Holds::Documents(kept) => kept.digest(),
    })
}

fn holds(path: &Path) -> Result<Holds> {
    let bytes = files::read_at_most(path, LIMIT)?;
    let bad = |reason: String| Error::NoDigest {
        path: path.to_owned(),
        reason,
    };
    if bytes.first() == Some(&b'{') {
        let value = json::read(&bytes, Limits::OURS, "receipt").map_err(|e| bad(e.to_string()))?;
        if kept::is_one(&value) {
            return Ok(Holds::Documents(Box::new(Kept::read(path, &bytes)?)));
        }
        let text = value.get("digest").and_then(|digest| digest.as_str());
        let text = text.ok_or_else(|| bad("it has no field `digest`".into()))?;
        return text
            .parse()
            .map(Holds::Digest)
            .map_err(|error: oci::Error| bad(error.to_string()));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| bad("it is not text".into()))?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match (lines.next(), lines.next()) {
        (Some(line), None) => line
            .parse()
            .map(Holds::Digest)
            .map_err(|error: oci::Error| bad(error.to_string())),
        (None, _) => Err(bad("it is empty".into())),
        (Some(_), Some(_)) => Err(bad("it has more than one line".into())),
    }
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "tests write what the program reads"
)]
mod tests {
    use action::Failure;

    use super::*;

    #[test]
    fn forms() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let digest = Digest::of(b"x");
        for text in [
            format!("{digest}\n"),
            format!("\n {digest}"),
            format!(r#"{{"digest":"{digest}"}}"#),
        ] {
            std::fs::write(&path, &text).unwrap();
            assert_eq!(read(&path).unwrap(), digest, "{text}");
        }
        for (text, reason) in [
            ("", "it is empty"),
            ("a\nb", "more than one line"),
            ("{}", "it has no field `digest`"),
            ("{", "receipt is not valid"),
            ("sha256:1", "is not a digest"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
            assert!(error.hint().is_some());
        }
        std::fs::write(&path, [0xff]).unwrap();
        assert!(
            read(&path)
                .unwrap_err()
                .to_string()
                .ends_with("it is not text")
        );
    }
}

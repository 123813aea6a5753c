//! Names of what is made, in the `index.json` of a layout: tags, and references with tags.

use oci::Descriptor;

use crate::error::{Error, Result};

/// The descriptors of what `root` describes: [`layout::named`].
///
/// # Errors
/// [`Error::Tag`].
pub(crate) fn named(root: &Descriptor, names: &[String]) -> Result<Vec<Descriptor>> {
    layout::named(root, names).map_err(|bad| Error::Tag {
        at: bad.at,
        text: names[bad.at].as_str().into(),
        reason: bad.reason,
    })
}

#[cfg(test)]
mod tests {
    use action::Failure;
    use oci::MediaType;
    use oci::index::REF_NAME;
    use oci::media_type::OCI_MANIFEST;

    use super::*;

    fn names(names: &[&str]) -> Result<Vec<(Option<String>, Option<String>)>> {
        let root = Descriptor::of(MediaType::known(OCI_MANIFEST), b"");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let get = |descriptor: &Descriptor, key| descriptor.annotations.get(key).cloned();
        Ok(named(&root, &names)?
            .iter()
            .map(|one| (get(one, REF_NAME), get(one, layout::IMAGE_NAME)))
            .collect())
    }

    #[test]
    fn tags_and_references() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(names(&[]).unwrap(), [(None, None)]);
        assert_eq!(
            names(&[
                "1.0",
                "app:2",
                "1.0",
                "localhost:5000/a/b:3",
                "docker.io/app:2"
            ])
            .unwrap(),
            [
                (some("1.0"), None),
                (some("2"), some("docker.io/library/app:2")),
                (some("3"), some("localhost:5000/a/b:3")),
            ]
        );
    }

    #[test]
    fn what_is_neither() {
        let error = names(&["ok", "example.com/app"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`tags[1]`: `example.com/app` is neither a tag nor a reference with a tag"
        );
        let error = names(&["example.com/App:1"]).unwrap_err();
        assert!(
            error.details()[0]
                .value
                .ends_with("the repository has an upper-case letter")
        );
        let digest = format!("app:1@{}", oci::Digest::of(b""));
        assert!(names(&[&digest]).is_err());
        assert!(names(&[""]).is_err());
    }
}

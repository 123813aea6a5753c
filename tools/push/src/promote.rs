//! `push promote`: one image to further registries and tags, with what refers to it. It is a request like
//! another, made of the command line.

use std::path::PathBuf;

use oci::Digest;
use registry::Access;

use crate::error::{Error, Result};
use crate::request::{Destination, Existing, Image, Referrers, Request};

/// Arguments of `promote`.
#[derive(Debug, clap::Args)]
pub(crate) struct PromoteArguments {
    /// The image: a name as `registry.example.com/staging/app:1.0` or `…@sha256:…`, or a layout
    image: String,
    /// Where it goes, as `registry.example.com/app:1.0`; may be given several times, also for several tags of
    /// one repository. Without a tag it is there by its digest only
    #[arg(long, value_name = "REPOSITORY[:TAG]", required = true, num_args = 1..)]
    to: Vec<String>,
    /// The digest that the image must have, wherever its tag leads now; in a layout, which image is meant
    #[arg(long, value_name = "DIGEST")]
    expect_digest: Option<Digest>,
    /// Which of the documents that refer to it go along: `all`, `none`, or artifact types
    #[arg(long, value_name = "TYPE", default_value = "all", num_args = 1..)]
    referrers: Vec<String>,
    /// A layout with documents that refer to it, as `attest` writes them
    #[arg(long, value_name = "LAYOUT")]
    attached: Vec<PathBuf>,
    /// Where a tag leads elsewhere already: `replace`, `keep`, or the digest that it must lead to
    #[arg(long, value_name = "WHAT", default_value = "replace")]
    existing: String,
    /// Where a JSON report of what was written goes, also where it fails half-way
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: Option<PathBuf>,
    /// Ask the registries, print what would be done, as JSON, and write nothing
    #[arg(long)]
    pub(crate) plan: bool,
    /// A JSON file as `access` of a request; without it, your own logins and proxy
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

impl PromoteArguments {
    /// The request that does it.
    ///
    /// # Errors
    /// A place that is none; settings that can't be read.
    pub(crate) fn request(&self) -> Result<Request> {
        let path = PathBuf::from(&self.image);
        let is_layout = files::exists(&path.join("oci-layout"));
        if !is_layout && self.image.starts_with(['/', '.']) {
            return Err(Error::Image {
                text: self.image.as_str().into(),
                reason: "there is no such layout".into(),
            });
        }
        let mut to: Vec<Destination> = Vec::new();
        for place in &self.to {
            let (repository, tag) = split(place);
            let same = to
                .iter_mut()
                .find(|known| known.repository.as_deref() == Some(repository));
            let destination = match same {
                Some(same) => same,
                None => {
                    to.push(Destination {
                        repository: Some(repository.to_owned()),
                        repository_from: None,
                        tags: Vec::new(),
                        tags_from: Vec::new(),
                        existing: self.existing()?,
                    });
                    to.last_mut().expect("one was just put there")
                }
            };
            destination.tags.extend(tag.map(str::to_owned));
        }
        let image = Image {
            layout: is_layout.then(|| path.clone()),
            from: (!is_layout).then(|| self.image.clone()),
            digest: self.expect_digest,
            referrers: Some(self.referrers()),
            attached: self.attached.clone(),
            to,
            ..Image::default()
        };
        Ok(Request {
            kind: "push".into(),
            version: 1,
            origin: self.image.clone(),
            images: vec![image],
            layer_program: None,
            stamps: Vec::new(),
            journal: None,
            parallel: None,
            access: self.access()?,
        })
    }

    fn referrers(&self) -> Referrers {
        match self.referrers.as_slice() {
            [one] if one == "all" => Referrers::All,
            [one] if one == "none" => Referrers::None,
            types => Referrers::Types(types.to_vec()),
        }
    }

    fn existing(&self) -> Result<Existing> {
        match self.existing.as_str() {
            "replace" => Ok(Existing::Replace),
            "keep" => Ok(Existing::Keep),
            digest => digest
                .parse()
                .map(Existing::Expect)
                .map_err(|_| Error::Existing {
                    text: digest.into(),
                }),
        }
    }

    fn access(&self) -> Result<Access> {
        Ok(Access::of_a_file(self.settings.as_deref())?)
    }
}

/// A repository and its tag: what is behind the last colon, where no slash follows it. A port needs a path.
fn split(place: &str) -> (&str, Option<&str>) {
    match place.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') && !place.contains('@') => {
            (repository, Some(tag))
        }
        _ => (place, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (place, expected) in [
            ("r.example/a:1", ("r.example/a", Some("1"))),
            ("r.example:5000/a", ("r.example:5000/a", None)),
            ("r.example:5000/a:1", ("r.example:5000/a", Some("1"))),
            ("r.example/a@sha256:00", ("r.example/a@sha256:00", None)),
        ] {
            assert_eq!(split(place), expected);
        }
    }
}

//! What refers to an image: signatures, bills of materials, provenance.
//!
//! A registry that keeps a list of them is asked for it, page by page; one that does not may have the list
//! that clients keep under a tag (distribution specification, "Listing Referrers" and "Referrers Tag Schema").
//! What a list says of a document is not proved by it: whoever fetches the document compares.
//!
//! Invariant: a page is asked of the registry's own origin alone, and there is an end to pages.

use oci::media_type::OCI_INDEX;
use oci::{Descriptor, Digest, Index};

use crate::answer;
use crate::error::{Error, Result};
use crate::repository::{Document, Repository, Target, media_type};
use crate::scope::Scopes;
use crate::transport::{Head, Method};
use crate::url::Url;

/// The most pages of a list.
const PAGES: usize = 100;

impl Repository {
    /// Everything that refers to a digest, each once, in the order of the list. An empty list where nothing
    /// does.
    ///
    /// # Errors
    /// A list that is none; a page elsewhere, or too many of them; the registry refuses; the network.
    pub fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        let mut found: Vec<Descriptor> = Vec::new();
        let scopes = Scopes::pull(&self.path);
        let mut url = self.url(&format!("referrers/{subject}"));
        for page in 0..PAGES {
            let what = format!("referrers of {subject}");
            let call = crate::host::Call {
                headers: vec![("accept", OCI_INDEX.to_owned())],
                ..self.call(Method::Get, what, url.clone(), &scopes)
            };
            let limit = oci::json::Limits::MANIFEST.size;
            let answered = self.host.request(&call, |response| {
                let head = response.head.clone();
                let bytes = answer::whole(&call.at, response, limit, &self.host.patience)?;
                Ok((head, bytes))
            });
            let (head, bytes) = match answered {
                Err(error) if page == 0 && is_unknown(&error) => {
                    return self.referrers_by_tag(subject);
                }
                answered => answered?,
            };
            let wrong = |field, problem: String| Error::Header {
                at: Box::new(call.at.clone()),
                field,
                problem,
            };
            let kind = media_type(&call.at, &head, None)?;
            if kind.as_str() != OCI_INDEX {
                let problem = format!(
                    "`{}`, which is no index's",
                    oci::error::Shown::new(kind.as_str())
                );
                return Err(wrong("Content-Type", problem));
            }
            let index = Index::read(&bytes, &kind).map_err(|error| Error::Document {
                at: Box::new(call.at.clone()),
                error,
            })?;
            add(&mut found, index);
            let Some(next) = next(&head) else {
                return Ok(found);
            };
            url = page_url(&url, &next).map_err(|problem| wrong("Link", problem.to_owned()))?;
        }
        Err(Error::Header {
            at: Box::new(self.at(Method::Get, format!("referrers of {subject}"))),
            field: "Link",
            problem: format!("more than {PAGES} pages"),
        })
    }

    fn referrers_by_tag(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        let tag = Target::Tag(oci::reference::referrers_tag(subject));
        let mut found = Vec::new();
        match self.manifest(&tag, None) {
            Ok(fetched) => {
                // A single manifest under this tag is nobody's list.
                if let Document::Index(index) = fetched.document {
                    add(&mut found, *index);
                }
                Ok(found)
            }
            Err(error) if error.is_absent() => Ok(found),
            Err(error) => Err(error),
        }
    }
}

/// Whether a registry says that it keeps no list. Some have never heard of the question.
fn is_unknown(error: &Error) -> bool {
    match error {
        Error::Status { answer, .. } => matches!(answer.status, 400 | 405 | 501),
        error => error.is_absent(),
    }
}

fn add(found: &mut Vec<Descriptor>, index: Index) {
    for descriptor in index.manifests {
        if found.iter().all(|known| known.digest != descriptor.digest) {
            found.push(descriptor);
        }
    }
}

/// Where the next page is, as the registry writes it: `<URL>; rel="next"` (RFC 8288).
fn next(head: &Head) -> Option<String> {
    head.all("link").find_map(next_of)
}

fn next_of(field: &str) -> Option<String> {
    let mut rest = field;
    while let Some((target, after)) = rest
        .split_once('<')
        .and_then(|(_, after)| after.split_once('>'))
    {
        let (parameters, more) = after.split_once(",").unwrap_or((after, ""));
        let is_next = parameters.split(';').any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            name.trim().eq_ignore_ascii_case("rel")
                && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
        });
        if is_next {
            return Some(target.to_owned());
        }
        rest = more;
    }
    None
}

/// The next page is the same registry's (GHSA-h7vf-4x9w-h99v).
fn page_url(url: &Url, next: &str) -> std::result::Result<Url, &'static str> {
    let joined = url.join(next)?;
    match joined.origin() == url.origin() {
        true => Ok(joined),
        false => Err("a page on another host"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        for (field, expected) in [
            (
                "</v2/a/referrers/x?n=1>; rel=\"next\"",
                Some("/v2/a/referrers/x?n=1"),
            ),
            (
                "<https://r.example/p?a=1,2>;rel=next",
                Some("https://r.example/p?a=1,2"),
            ),
            (
                "</first>; rel=\"first\", </second>; title=x; REL=\"Next\"",
                Some("/second"),
            ),
            ("</first>; rel=\"prev\"", None),
            ("no link", None),
            ("<unclosed", None),
            ("", None),
        ] {
            assert_eq!(next_of(field).as_deref(), expected, "{field}");
        }
    }

    #[test]
    fn a_page_is_the_same_registrys() {
        let url = Url::parse("https://r.example/v2/a/referrers/x").unwrap();
        assert!(page_url(&url, "/v2/a/referrers/x?last=y").is_ok());
        assert!(page_url(&url, "?last=y").is_ok());
        for other in [
            "https://evil.example/",
            "//evil.example/x",
            "http://r.example/x",
            "https://r.example:444/x",
        ] {
            assert_eq!(
                page_url(&url, other).err(),
                Some("a page on another host"),
                "{other}"
            );
        }
        assert!(page_url(&url, "/../x").is_err());
    }
}

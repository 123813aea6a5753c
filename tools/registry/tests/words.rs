//! What registries that people use answer with, and what we make of it: each message says what to do.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod common;

use common::{anonymous, file, manifest, with};
use oci::MediaType;
use registry::{Mount, Target};
use scripted::{Answer, Server};

fn json(status: u16, body: &str) -> Answer {
    Answer::new(status)
        .with("Content-Type", "application/json")
        .body(body)
}

/// Tags that are not moved: each has its own status and code for it.
#[test]
fn tags_that_may_not_be_moved() {
    for (status, body) in [
        // ECR
        (
            400,
            r#"{"errors":[{"code":"TAG_INVALID","message":"The image tag '1' already exists in the 'a' repository and cannot be overwritten because the tag is immutable."}]}"#,
        ),
        // Harbor
        (
            412,
            r#"{"errors":[{"code":"PRECONDITION","message":"Failed to process request due to 'a:1' configured as immutable."}]}"#,
        ),
        // GAR
        (
            400,
            r#"{"errors":[{"code":"MANIFEST_INVALID","message":"cannot update tag 1. The repository has enabled tag immutability."}]}"#,
        ),
        // Docker Hub
        (
            403,
            r#"{"errors":[{"code":"DENIED","message":"tag is immutable"}]}"#,
        ),
    ] {
        let server = Server::start(move |_| json(status, body));
        let error = anonymous(&server, "a")
            .put_manifest(
                &Target::Tag("1".into()),
                &MediaType::known(common::MANIFEST),
                &manifest(),
            )
            .unwrap_err();
        assert_eq!(
            error.hint().as_deref(),
            Some("the tag may not be moved there: take another one, or say `keep` in `existing`"),
            "{error}"
        );
        assert!(!error.is_environment());
    }
}

/// Who may not see a thing is told that it is not there, and who asks for what is not there that he may not.
#[test]
fn what_may_not_be_seen_or_is_not_there() {
    for (status, body, login, words) in [
        // Quay and Docker Hub, of what is not there.
        (
            401,
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"access to the requested resource is not authorized"}]}"#,
            false,
            "log in to the registry",
        ),
        (
            401,
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
            true,
            "see that this login is still good",
        ),
        // GAR
        (
            403,
            r#"{"errors":[{"code":"DENIED","message":"Permission \"artifactregistry.repositories.downloadArtifacts\" denied on resource \"a\" (or it may not exist)"}]}"#,
            true,
            "see that these credentials may do this",
        ),
        // GHCR
        (
            403,
            r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#,
            false,
            "log in to the registry",
        ),
    ] {
        let server = Server::start(move |_| {
            json(status, body).with("WWW-Authenticate", "Basic realm=\"x\"")
        });
        let auths = format!(
            r#"{{"auths":{{"{}":{{"auth":"dTpodW50ZXIy"}}}}}}"#,
            server.host()
        );
        let repository = match login {
            true => with(&server, "a", file(&auths)),
            false => anonymous(&server, "a"),
        };
        let error = repository
            .manifest(&Target::Tag("1".into()), None)
            .unwrap_err();
        let hint = error.hint().unwrap();
        assert!(hint.starts_with(words), "{hint}");
        assert!(
            hint.ends_with("some registries say so of what is not there"),
            "{hint}"
        );
    }
    // ECR wants a repository made before the first push.
    let body = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"The repository with name 'a' does not exist in the registry with id '1'"}]}"#;
    let server = Server::start(move |_| json(404, body));
    let bytes = b"x".to_vec();
    let digest = oci::Digest::of(&bytes);
    let error = anonymous(&server, "a")
        .upload(&digest, 1, &Mount::No, &bytes)
        .unwrap_err();
    assert!(
        error
            .hint()
            .unwrap()
            .ends_with("some registries want it made before the first push")
    );
    let error = anonymous(&server, "a")
        .manifest(&Target::Tag("1".into()), None)
        .unwrap_err();
    assert!(error.hint().unwrap().contains("what you may not see"));
}

/// Registries that fail, or have had enough.
#[test]
fn what_may_pass() {
    for (status, words) in [
        (429, "wait, or log in"),
        (503, "run it again later"),
        (413, "takes no more at once"),
    ] {
        let server = Server::start(move |_| Answer::new(status));
        let error = anonymous(&server, "a")
            .manifest(&Target::Tag("1".into()), None)
            .unwrap_err();
        assert!(error.hint().unwrap().contains(words), "{error}");
    }
}

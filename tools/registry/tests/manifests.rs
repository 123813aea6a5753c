//! Manifests: everything that a registry can say wrong of one.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::{INDEX, MANIFEST, anonymous, digest, in_haste, manifest, text};
use oci::{Descriptor, MediaType};
use registry::{Document, Error, Target};
use scripted::{Answer, Server, Store};

fn tag() -> Target {
    Target::Tag("latest".into())
}

/// The answer to one request for a manifest by tag.
fn by_tag(answer: Answer) -> Result<registry::Fetched, Error> {
    let server = Server::start(move |_| answer.clone());
    anonymous(&server, "a/b").manifest(&tag(), None)
}

fn good() -> Answer {
    Answer::new(200)
        .with("Content-Type", MANIFEST)
        .body(manifest())
}

#[test]
fn a_manifest_by_tag_and_by_digest() {
    let store = Store::new();
    let bytes = manifest();
    store.add_manifest("a/b", Some("latest"), MANIFEST, &bytes);
    let server = store.serve();
    let repository = anonymous(&server, "a/b");
    for target in [tag(), Target::Digest(digest(&bytes))] {
        let fetched = repository.manifest(&target, None).unwrap();
        assert_eq!(fetched.bytes, bytes);
        assert_eq!(
            fetched.descriptor,
            Descriptor::of(MediaType::known(MANIFEST), &bytes)
        );
        assert!(matches!(fetched.document, Document::Manifest(_)));
        assert_eq!(repository.resolve(&target).unwrap(), Some(digest(&bytes)));
    }
    let accept = server.requests()[0].header("accept").unwrap().to_owned();
    assert!(accept.contains(INDEX) && accept.contains("manifest.list.v2+json"));
    assert_eq!(
        server.requests()[0].header("accept-encoding"),
        Some("identity")
    );
    let other = Target::Tag("other".into());
    assert_eq!(repository.resolve(&other).unwrap(), None);
}

#[test]
fn a_tag_is_resolved_without_the_header() {
    let server = Server::start(|_| good());
    let repository = anonymous(&server, "a/b");
    assert_eq!(
        repository.resolve(&tag()).unwrap(),
        Some(digest(&manifest()))
    );
    assert_eq!(
        server.lines(),
        [
            "HEAD /v2/a/b/manifests/latest",
            "GET /v2/a/b/manifests/latest"
        ]
    );
}

/// GHSA-qv35-3gw6-8q4j, CVE-2025-24882 (regclient): a pinned digest was compared with a header, not with the body.
#[test]
fn ghsa_qv35_cve_2025_24882_a_pinned_digest_is_that_of_the_body() {
    let pinned = digest(b"what was pinned");
    let answer = good().with("Docker-Content-Digest", pinned.to_string());
    let server = Server::start(move |_| answer.clone());
    let error = anonymous(&server, "a/b")
        .manifest(&Target::Digest(pinned), None)
        .unwrap_err();
    assert_eq!(
        text(&error),
        format!(
            "GET manifest `{pinned}` of `{}/a/b`: the bytes do not have the digest\n  expected: {pinned}\n  found: {}",
            server.host(),
            digest(&manifest()),
        )
    );
    assert!(!error.is_environment() && error.hint().unwrap().contains("another mirror"));
}

#[test]
fn a_header_that_claims_another_digest_is_a_contradiction() {
    let other = digest(b"other").to_string();
    let error = by_tag(good().with("Docker-Content-Digest", other)).unwrap_err();
    assert!(matches!(error, Error::WrongDigest { .. }), "{error}");
    // Of an algorithm that is not known it says nothing.
    by_tag(good().with("Docker-Content-Digest", "blake3:00")).unwrap();
}

/// CVE-2021-41190, GHSA-mc8v-mgrf-8f4m (the specifications): the same bytes, two meanings.
#[test]
fn cve_2021_41190_ghsa_mc8v_a_document_is_what_all_say_it_is() {
    let config = r#"{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}"#;
    let both = format!(r#"{{"schemaVersion":2,"manifests":[],"config":{config},"layers":[]}}"#);
    for media_type in [INDEX, MANIFEST] {
        let answer = Answer::new(200)
            .with("Content-Type", media_type)
            .body(both.clone());
        let error = by_tag(answer).unwrap_err();
        assert!(matches!(error, Error::Document { .. }), "{error}");
    }
    // The header says index, the body manifest.
    let confused = Answer::new(200)
        .with("Content-Type", INDEX)
        .body(manifest());
    assert!(matches!(
        by_tag(confused).unwrap_err(),
        Error::Document { .. }
    ));
    // The descriptor says index, the header manifest.
    let server = Server::start(|_| good());
    let expected = Descriptor::of(MediaType::known(INDEX), &manifest());
    let error = anonymous(&server, "a")
        .manifest(&Target::Digest(expected.digest), Some(&expected))
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`Content-Type` is `application/vnd.oci.image.manifest"),
        "{error}"
    );
}

#[test]
fn parameters_of_the_media_type_do_not_matter() {
    let answer = Answer::new(200).body(manifest());
    by_tag(answer.with("Content-Type", format!("{MANIFEST}; charset=utf-8"))).unwrap();
}

#[test]
fn pages_and_schema_1_are_no_manifests() {
    let page = Answer::new(200)
        .with("Content-Type", "text/html")
        .body("<html>hello");
    let error = by_tag(page).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("`Content-Type` is `text/html`, which is no manifest's"),
        "{error}"
    );
    let none = Answer::new(200).body(manifest());
    assert!(
        by_tag(none)
            .unwrap_err()
            .to_string()
            .ends_with("`Content-Type` is missing")
    );
    for old in ["v1+json", "v1+prettyjws"] {
        let media_type = format!("application/vnd.docker.distribution.manifest.{old}");
        let answer = Answer::new(200)
            .with("Content-Type", media_type)
            .body(r#"{"schemaVersion":1}"#);
        let error = by_tag(answer).unwrap_err();
        assert!(error.to_string().contains("Docker's schema 1"), "{error}");
        assert!(error.hint().unwrap().contains("push the image again"));
    }
}

#[test]
fn duplicate_keys_are_refused() {
    let body = r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#;
    let error = by_tag(Answer::new(200).with("Content-Type", INDEX).body(body)).unwrap_err();
    assert!(
        error.to_string().contains("has the key `manifests` twice"),
        "{error}"
    );
}

/// CVE-2024-3727: a digest is checked by its grammar before it is used in a path.
#[test]
fn cve_2024_3727_digests_have_no_path_characters() {
    for bad in [
        "sha256:../../../etc/passwd",
        "../x",
        "sha256:",
        "sha256:ABCD",
    ] {
        let body = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{MANIFEST}","size":1,"digest":"{bad}"}}]}}"#
        );
        let error = by_tag(Answer::new(200).with("Content-Type", INDEX).body(body)).unwrap_err();
        assert!(error.to_string().contains("digest"), "{error}");
    }
}

/// GHSA-f36w-mj3v-6jqv (oras-go): a size that an attacker chose was allocated.
#[test]
fn ghsa_f36w_sizes_are_read_not_believed() {
    for length in ["99999999999999", "4194305"] {
        let answer = Answer::new(200)
            .with("Content-Type", MANIFEST)
            .with("Content-Length", length)
            .body("x");
        let error = by_tag(answer).unwrap_err();
        assert!(
            error.to_string().ends_with("larger than 4194304 bytes"),
            "{error}"
        );
    }
    for length in ["-1", "18446744073709551616", "x"] {
        let raw = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST}\r\nContent-Length: {length}\r\n\r\nx"
        );
        // The HTTP layer or ours: either way an error.
        by_tag(Answer::raw(raw)).unwrap_err();
    }
    let server = Server::start(|_| good());
    for size in [1, manifest().len() as u64 - 1, manifest().len() as u64 + 1] {
        let mut expected = Descriptor::of(MediaType::known(MANIFEST), &manifest());
        expected.size = size;
        let target = Target::Digest(expected.digest);
        let error = anonymous(&server, "a")
            .manifest(&target, Some(&expected))
            .unwrap_err();
        assert!(
            matches!(error, Error::WrongSize { .. } | Error::TooLarge { .. }),
            "{error}"
        );
    }
}

/// ggcr #2296: a body without an end.
#[test]
fn ggcr_2296_an_endless_body_ends() {
    let error = by_tag(Answer::new(200).with("Content-Type", MANIFEST).endless()).unwrap_err();
    assert!(
        error.to_string().ends_with("larger than 4194304 bytes"),
        "{error}"
    );
    // An error's body, too, and it does not hide the status.
    let server = Server::start(|_| Answer::new(400).endless());
    let error = anonymous(&server, "a").manifest(&tag(), None).unwrap_err();
    assert!(text(&error).contains("status: 400"), "{error}");
}

#[test]
fn encoded_bodies_are_refused() {
    let error = by_tag(good().with("Content-Encoding", "gzip")).unwrap_err();
    assert!(
        error.to_string().contains("`Content-Encoding` is `gzip`"),
        "{error}"
    );
    by_tag(good().with("Content-Encoding", "identity")).unwrap();
}

/// Answers wrongly `times` times, then well.
fn after(times: u32, wrong: Answer) -> Server {
    let count = AtomicU32::new(0);
    Server::start(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        n if n < times => wrong.clone(),
        _ => good(),
    })
}

#[test]
fn what_may_pass_is_tried_again() {
    let silence = Answer::silence(Duration::from_millis(800));
    let drip = Answer::new(200)
        .with("Content-Type", MANIFEST)
        .drip(vec![b'x'; 200], Duration::from_millis(5));
    let slow = [format!("{silence:?}"), format!("{drip:?}")];
    for wrong in [
        Answer::new(500),
        Answer::new(502)
            .with("Content-Type", "text/html")
            .body("<h1>Bad Gateway</h1>"),
        Answer::new(503),
        Answer::new(504),
        Answer::new(408),
        Answer::new(429),
        Answer::new(429).with("Retry-After", "1"),
        Answer::new(503).with("Retry-After", "nonsense"),
        Answer::nothing(),
        Answer::raw("nonsense\r\n\r\n"),
        Answer::new(200)
            .with("Content-Type", MANIFEST)
            .cut("{", 500),
        silence.clone(),
        drip.clone(),
    ] {
        let repository = |server: &Server| match slow.contains(&format!("{wrong:?}")) {
            true => in_haste(server, "a"),
            false => anonymous(server, "a"),
        };
        let server = after(2, wrong.clone());
        let fetched = repository(&server).manifest(&tag(), None);
        assert!(
            fetched.is_ok(),
            "{wrong:?}: {}",
            text(&fetched.unwrap_err())
        );
        assert_eq!(server.requests().len(), 3, "{wrong:?}");
        let server = after(3, wrong.clone());
        let error = repository(&server).manifest(&tag(), None).unwrap_err();
        assert!(error.is_environment(), "{wrong:?}: {error}");
        assert_eq!(server.requests().len(), 3, "{wrong:?}");
    }
}

#[test]
fn the_registry_says_how_long_to_wait() {
    let server = after(1, Answer::new(429).with("Retry-After", "1"));
    let start = Instant::now();
    anonymous(&server, "a").manifest(&tag(), None).unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    let answer = Answer::error(429, "TOOMANYREQUESTS", "limit reached").with("Retry-After", "3600");
    let server = after(1, answer);
    let error = anonymous(&server, "a").manifest(&tag(), None).unwrap_err();
    assert_eq!(
        text(&error),
        format!(
            "GET manifest `latest` of `{}/a`: the registry wants 3600 seconds to pass\n  status: 429\n  code: TOOMANYREQUESTS\n  the registry says: limit reached",
            server.host()
        )
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_will_not_pass_is_final() {
    for (status, absent) in [
        (400, false),
        (403, false),
        (404, true),
        (410, true),
        (418, false),
        (501, false),
    ] {
        let server = after(1, Answer::error(status, "SOME_CODE", "the words"));
        let error = anonymous(&server, "a").manifest(&tag(), None).unwrap_err();
        assert_eq!(server.requests().len(), 1);
        assert_eq!(error.is_absent(), absent);
        assert!(!error.is_environment());
        let text = text(&error);
        let parts = [
            format!("status: {status}"),
            "SOME_CODE".into(),
            "the words".into(),
        ];
        for part in parts {
            assert!(text.contains(&part), "{text}");
        }
    }
}

#[test]
fn not_found_has_many_flavours() {
    for answer in [
        Answer::error(404, "NAME_UNKNOWN", "x"),
        Answer::error(404, "MANIFEST_UNKNOWN", "x"),
        Answer::new(404),
        Answer::new(404)
            .with("Content-Type", "text/plain")
            .body("404 page not found"),
        Answer::new(404)
            .with("Content-Type", "text/html")
            .body("<p>Not <b>Found</b></p>"),
        Answer::new(404)
            .with("Content-Type", "application/json")
            .body("{\"errors\":7}"),
        Answer::new(410),
    ] {
        assert!(by_tag(answer).unwrap_err().is_absent());
    }
    let page = Answer::new(404)
        .with("Content-Type", "text/html")
        .body("<p>Not <b>Found</b></p>");
    assert!(text(&by_tag(page).unwrap_err()).ends_with("the registry says: Not Found"));
}

#[test]
fn foreign_words_are_cut_and_escaped() {
    let long = "x".repeat(5000);
    let error = by_tag(Answer::error(400, "A", &format!("\\u001b[2J{long}"))).unwrap_err();
    let text = text(&error);
    assert!(
        !text.contains('\u{1b}') && text.contains("\\u{1b}"),
        "{text}"
    );
    assert!(text.len() < 1000);
}

#[test]
fn no_answer_at_all() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let registries =
        registry::Registries::new(common::settings(), registry::Credentials::anonymous());
    let repository = registries.repository(&host, "a").unwrap();
    let error = repository.manifest(&tag(), None).unwrap_err();
    assert!(
        text(&error).contains("no whole answer\n  tries: 3\n  caused by: Connection refused"),
        "{}",
        text(&error)
    );
    assert!(error.hint().unwrap().contains("can be reached"));
    let error = registries.repository("bad host", "a").err().unwrap();
    assert!(error.to_string().contains("is not the name of a registry"));
    assert!(error.hint().is_some());
}

/// What networks show that one has to log in to: a page, with a status that says that all is well.
#[test]
fn a_page_for_people_is_no_yes() {
    let page = || {
        Answer::new(200)
            .with("Content-Type", "text/html; charset=utf-8")
            .body("<html>Welcome to the hotel")
    };
    let server = Server::start(move |_| page());
    let repository = anonymous(&server, "a");
    let bytes = manifest();
    for target in [tag(), Target::Digest(digest(&bytes))] {
        let kind = MediaType::known(MANIFEST);
        for error in [
            repository.resolve(&target).unwrap_err(),
            repository.manifest(&target, None).unwrap_err(),
            repository.put_manifest(&target, &kind, &bytes).unwrap_err(),
        ] {
            let shown = error.to_string();
            assert!(
                shown.contains("`text/html`, which is no manifest's")
                    || shown.contains("do not have the digest"),
                "{shown}"
            );
        }
    }
    // A blob of another size than the page is not there, and can't be begun to be sent.
    let blob = digest(b"blob");
    assert!(!repository.has_blob(&blob, 4).unwrap());
    let mount = registry::Mount::No;
    repository
        .upload(&blob, 4, &mount, &b"blob".to_vec())
        .unwrap_err();
}

/// A registry that takes a manifest and does not say that it has stored it is asked.
#[test]
fn accepted_is_not_stored() {
    for (status, stored, expected) in [(201, false, true), (202, true, true), (202, false, false)] {
        let server = Server::start(move |request| match request.method.as_str() {
            "PUT" => Answer::new(status),
            _ if stored => good(),
            _ => Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
        });
        let kind = MediaType::known(MANIFEST);
        let put = anonymous(&server, "a").put_manifest(&tag(), &kind, &manifest());
        assert_eq!(put.is_ok(), expected, "{status} {stored}");
        if let Err(error) = put {
            let shown = error.to_string();
            assert!(
                shown.ends_with("`status` is 202, and it is not there afterwards"),
                "{shown}"
            );
        }
    }
}

/// What is there under a digest is not something else.
#[test]
fn a_digest_is_not_another() {
    let other = digest(b"other").to_string();
    let answer = good().with("Docker-Content-Digest", other);
    let server = Server::start(move |_| answer.clone());
    let error = anonymous(&server, "a")
        .resolve(&Target::Digest(digest(&manifest())))
        .unwrap_err();
    assert!(matches!(error, Error::WrongDigest { .. }), "{error}");
}

#[test]
fn putting_a_manifest() {
    let store = Store::new();
    store.add_blob("a", b"{}");
    let server = store.serve();
    let repository = anonymous(&server, "a");
    let media_type = MediaType::known(MANIFEST);
    let noticed = repository
        .put_manifest(&tag(), &media_type, &manifest())
        .unwrap();
    assert!(!noticed);
    assert_eq!(
        store.manifest("a", "latest"),
        Some((MANIFEST.to_owned(), manifest()))
    );
    // The registry says that it has stored something else.
    let other = digest(b"other").to_string();
    let server =
        Server::start(move |_| Answer::new(201).with("Docker-Content-Digest", other.clone()));
    let put = anonymous(&server, "a").put_manifest(&tag(), &media_type, &manifest());
    assert!(matches!(put.unwrap_err(), Error::WrongDigest { .. }));
    let server = Server::start(|_| Answer::new(201).with("OCI-Subject", "sha256:x"));
    assert!(
        anonymous(&server, "a")
            .put_manifest(&tag(), &media_type, &manifest())
            .unwrap()
    );
}

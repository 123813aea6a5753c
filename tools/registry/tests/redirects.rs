//! Redirects and upload locations: every place that a registry names.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod common;

use common::{MANIFEST, anonymous, digest, login, manifest, text, with};
use registry::{Arrival, Error, Mount, Target};
use scripted::{Answer, Auth, Server, Store};

fn tag() -> Target {
    Target::Tag("t".into())
}

fn redirect(status: u16, to: &str) -> Answer {
    Answer::new(status).with("Location", to)
}

/// Blobs are often elsewhere: with a signed URL, and without our name.
#[test]
fn a_redirect_to_another_origin_takes_no_credentials_along() {
    let content = b"the blob";
    let elsewhere = Server::start(|request| {
        assert_eq!(request.parameter("signature").as_deref(), Some("s"));
        Answer::new(200).body(*b"the blob")
    });
    let to = format!("http://{}/there?signature=s", elsewhere.host());
    let store = Store::new();
    store.set_auth(Auth::Basic("u".into(), "hunter2".into()));
    store.set_fault(move |request| {
        (request.header("authorization").is_some()).then(|| redirect(307, &to))
    });
    let server = store.serve();
    let repository = with(&server, "a", login(&server, "u", "hunter2"));
    let mut stream = repository.blob(&digest(content), content.len() as u64);
    let mut buffer = [0; 100];
    assert_eq!(stream.next(&mut buffer).unwrap(), content.len());
    assert_eq!(stream.next(&mut buffer).unwrap(), 0);
    let requests = elsewhere.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("authorization"), None);
    assert_eq!(requests[0].header("cookie"), None);
    // The registry itself was told who we are.
    assert!(
        server
            .requests()
            .iter()
            .any(|request| request.header("authorization").is_some())
    );
}

/// GHSA-vh4v-2xq2-g5cg (oras-go): the same host on another port is another origin.
#[test]
fn ghsa_vh4v_another_port_is_another_origin() {
    let other = Server::start(|_| {
        Answer::new(200)
            .with("Content-Type", MANIFEST)
            .body(manifest())
    });
    let to = format!("http://{}/x", other.host());
    let store = Store::new();
    store.set_auth(Auth::Token("u".into(), "hunter2".into()));
    store.set_fault(move |request| {
        (request.header("authorization") == Some("Bearer pull-token")).then(|| redirect(302, &to))
    });
    let server = store.serve();
    let repository = with(&server, "a", login(&server, "u", "hunter2"));
    repository.manifest(&tag(), None).unwrap();
    assert_eq!(other.requests()[0].header("authorization"), None);
}

#[test]
fn redirects_within_the_registry_are_followed() {
    let store = Store::new();
    store.add_manifest("b", Some("t"), MANIFEST, &manifest());
    for status in [301, 302, 303, 307, 308] {
        store.set_fault(move |request| {
            (request.path == "/v2/a/manifests/t").then(|| redirect(status, "/v2/b/manifests/t"))
        });
        let server = store.serve();
        anonymous(&server, "a").manifest(&tag(), None).unwrap();
    }
}

#[test]
fn what_is_not_followed() {
    for (status, to, reason) in [
        (302, "/v2/a/manifests/t", "there are more than 10 in a row"),
        (302, "", "it names no place"),
        (
            302,
            "ftp://127.0.0.1/x",
            "its scheme is neither http nor https",
        ),
        (
            302,
            "file:///etc/passwd",
            "its scheme is neither http nor https",
        ),
        (302, "http://u:p@127.0.0.1/x", "it has user information"),
        (302, "/x#y", "it has a fragment"),
        (302, "/../x", "`..`"),
        (300, "/x", "none of a redirect that is understood"),
        (304, "/x", "none of a redirect that is understood"),
    ] {
        let answer = redirect(status, to);
        let server = Server::start(move |_| answer.clone());
        let error = anonymous(&server, "a").manifest(&tag(), None).unwrap_err();
        assert!(matches!(error, Error::Redirect { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
        assert!(!error.to_string().contains("u:p"), "{error}");
        assert!(error.hint().is_some() && !error.is_environment());
    }
}

/// CVE-2026-33990 and its like: a registry leads into a network that it is not in.
#[test]
fn cve_2026_33990_no_redirect_to_where_clouds_keep_secrets() {
    for to in [
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://0.0.0.0:80/",
    ] {
        let answer = redirect(302, to);
        let server = Server::start(move |_| answer.clone());
        let error = anonymous(&server, "a").manifest(&tag(), None).unwrap_err();
        assert!(matches!(error, Error::Blocked { .. }), "{to}: {error}");
        assert!(text(&error).contains("place: `"), "{}", text(&error));
        assert!(error.hint().unwrap().contains("an entry of its own"));
    }
}

/// CVE-2020-15157 (containerd), ggcr #2293: the `urls` of a foreign layer are never followed.
#[test]
fn cve_2020_15157_ggcr_2293_foreign_urls_are_not_followed() {
    let evil = Server::start(|_| Answer::new(200).body("x"));
    let layer = format!(
        r#"{{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar","size":1,"digest":"{}","urls":["http://{}/x"]}}"#,
        digest(b"x"),
        evil.host()
    );
    let config = r#"{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}"#;
    let body = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]}}"#);
    let store = Store::new();
    store.add_manifest("a", Some("t"), MANIFEST, body.as_bytes());
    let server = store.serve();
    let repository = anonymous(&server, "a");
    repository.manifest(&tag(), None).unwrap();
    let error = repository
        .blob(&digest(b"x"), 1)
        .next(&mut [0; 9])
        .unwrap_err();
    assert!(error.is_absent());
    assert_eq!(evil.requests(), []);
}

/// CVE-2026-50151, GHSA-jxpm-75mh-9fp7 (oras-go), ggcr #2295: an upload's place on another host got the credentials.
#[test]
fn cve_2026_50151_ghsa_jxpm_ggcr_2295_an_upload_elsewhere_takes_no_credentials_along() {
    let elsewhere = Server::start(|request| match request.method.as_str() {
        "PUT" => Answer::new(201),
        _ => Answer::new(405),
    });
    let to = format!("http://{}/upload?state=s", elsewhere.host());
    let store = Store::new();
    store.set_auth(Auth::Basic("u".into(), "hunter2".into()));
    store.set_fault(move |request| {
        let begins = request.method == "POST" && request.header("authorization").is_some();
        begins.then(|| Answer::new(202).with("Location", to.clone()))
    });
    let server = store.serve();
    let repository = with(&server, "a", login(&server, "u", "hunter2"));
    let arrival = repository
        .upload(&digest(b"x"), 1, &Mount::No, &b"x".to_vec())
        .unwrap();
    assert_eq!(arrival, Arrival::Sent);
    let requests = elsewhere.requests();
    assert_eq!(requests[0].header("authorization"), None);
    assert_eq!(requests[0].parameter("state").as_deref(), Some("s"));
    assert_eq!(
        requests[0].parameter("digest"),
        Some(digest(b"x").to_string())
    );
    assert_eq!(requests[0].body, b"x");
}

/// GHSA-h7vf-4x9w-h99v (oras-go): a `Link` to the next page of a list led to other hosts. Only lists of
/// referrers have pages, and those are of the registry's own origin; all else has none, whatever it says.
#[test]
fn ghsa_h7vf_links_to_further_pages_lead_nowhere() {
    let evil = Server::start(|_| Answer::new(200).body("{}"));
    let store = Store::new();
    let blob = store.add_blob("a", b"x");
    store.add_blob("a", b"{}");
    store.add_manifest("a", Some("t"), MANIFEST, &manifest());
    store.set_referrers(Some(10));
    let links = [
        format!(
            "<http://{}/v2/a/tags/list?last=x>; rel=\"next\"",
            evil.host()
        ),
        "<http://169.254.169.254/>; rel=next".into(),
        "</v2/a/next>; rel=\"next\"".into(),
    ];
    let server = Server::start(move |request| {
        let answer = store.answer(request);
        links
            .iter()
            .fold(answer, |answer, link| answer.with("Link", link.clone()))
    });
    let repository = anonymous(&server, "a");
    repository.manifest(&tag(), None).unwrap();
    repository.resolve(&tag()).unwrap();
    assert!(repository.has_blob(&blob, 1).unwrap());
    let mut came = Vec::new();
    let mut stream = repository.blob(&blob, 1);
    std::io::Read::read_to_end(&mut stream, &mut came).unwrap();
    repository
        .upload(&digest(b"y"), 1, &Mount::No, &b"y".to_vec())
        .unwrap();
    let kind = oci::MediaType::known(MANIFEST);
    repository.put_manifest(&tag(), &kind, &manifest()).unwrap();
    let error = repository.referrers(&blob).unwrap_err();
    assert!(
        error.to_string().contains("a page on another host"),
        "{error}"
    );
    assert_eq!(evil.requests(), []);
    assert!(!server.lines().iter().any(|line| line.contains("next")));
}

#[test]
fn uploads_are_not_led_astray() {
    for (to, reason) in [
        ("ftp://127.0.0.1/x", "neither http nor https"),
        ("http://u:p@127.0.0.1/x", "user information"),
        ("", "it is empty"),
    ] {
        let server = Server::start(move |_| Answer::new(202).with("Location", to));
        let error = anonymous(&server, "a")
            .upload(&digest(b"x"), 1, &Mount::No, &b"x".to_vec())
            .unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    let server = Server::start(|_| Answer::new(202).with("Location", "http://169.254.169.254/x"));
    let error = anonymous(&server, "a")
        .upload(&digest(b"x"), 1, &Mount::No, &b"x".to_vec())
        .unwrap_err();
    assert!(matches!(error, Error::Blocked { .. }), "{error}");
    let server = Server::start(|_| Answer::new(202));
    let error = anonymous(&server, "a")
        .upload(&digest(b"x"), 1, &Mount::No, &b"x".to_vec())
        .unwrap_err();
    assert!(
        error.to_string().ends_with("`Location` is missing"),
        "{error}"
    );
    // A redirect that would turn what is sent into a question.
    let server = Server::start(|_| redirect(302, "/v2/b/blobs/uploads/"));
    let error = anonymous(&server, "a")
        .upload(&digest(b"x"), 1, &Mount::No, &b"x".to_vec())
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("only 307 and 308 keep the method"),
        "{error}"
    );
}

#[test]
fn a_temporary_redirect_keeps_what_is_sent() {
    let store = Store::new();
    store.set_fault(|request| {
        let first = request.method == "PUT" && !request.query.contains("again=1");
        first.then(|| {
            let to = format!("{}?{}&again=1", request.path, request.query);
            redirect(307, &to)
        })
    });
    let server = store.serve();
    anonymous(&server, "a")
        .upload(&digest(b"xyz"), 3, &Mount::No, &b"xyz".to_vec())
        .unwrap();
    assert_eq!(store.blob("a", &digest(b"xyz")).unwrap(), b"xyz");
}

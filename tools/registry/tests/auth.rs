//! Who we are to a registry, and who else must not learn it.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

use common::{MANIFEST, anonymous, digest, file, login, manifest, settings, text, with};
use registry::{Credentials, Error, Mount, Registries, Target};
use scripted::{Answer, Auth, Request, Server, Store};

fn tag() -> Target {
    Target::Tag("t".into())
}

fn store(auth: Auth) -> Store {
    let store = Store::new();
    store.add_manifest("a", Some("t"), MANIFEST, &manifest());
    store.set_auth(auth);
    store
}

fn token() -> Auth {
    Auth::Token("u".into(), "hunter2".into())
}

fn good() -> Answer {
    Answer::new(200)
        .with("Content-Type", MANIFEST)
        .body(manifest())
}

/// A registry that wants `Bearer good`, with this challenge and this token service.
fn wants(
    challenge: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    service: impl Fn(&Request) -> Answer + Send + Sync + 'static,
) -> Server {
    Server::start(move |request| match request.path.as_str() {
        "/token" => service(request),
        _ if request.header("authorization") == Some("Bearer good") => good(),
        _ => challenge(request),
    })
}

fn challenge(text: &str) -> impl Fn(&Request) -> Answer + Send + Sync + use<> {
    let text = text.to_owned();
    move |_| {
        Answer::error(401, "UNAUTHORIZED", "who are you?").with("WWW-Authenticate", text.clone())
    }
}

#[test]
fn anonymous_tokens_are_fetched_once() {
    let server = store(token()).serve();
    let repository = anonymous(&server, "a");
    for _ in 0..3 {
        repository.manifest(&tag(), None).unwrap();
    }
    let lines = server.lines();
    let get = "GET /v2/a/manifests/t";
    assert_eq!(lines, [get, "GET /token", get, get, get]);
    let token = &server.requests()[1];
    assert_eq!(token.parameters("scope"), ["repository:a:pull"]);
    assert_eq!(token.parameter("service").as_deref(), Some("test"));
    assert_eq!(token.header("authorization"), None);
}

#[test]
fn a_password_is_shown_to_the_realm_and_not_to_the_registry() {
    let server = store(token()).serve();
    let repository = with(&server, "a", login(&server, "u", "hunter2"));
    repository
        .upload(&digest(b"x"), 1, &Mount::From("b".into()), &b"x".to_vec())
        .unwrap();
    let requests = server.requests();
    let token = requests
        .iter()
        .find(|request| request.path == "/token")
        .unwrap();
    assert_eq!(
        token.parameters("scope"),
        ["repository:a:pull,push", "repository:b:pull"]
    );
    assert_eq!(token.parameter("account").as_deref(), Some("u"));
    assert!(token.header("authorization").unwrap().starts_with("Basic "));
    for request in requests.iter().filter(|request| request.path != "/token") {
        let shown = request.header("authorization").unwrap_or("Bearer");
        assert!(shown.starts_with("Bearer"), "{}", request.line());
    }
}

#[test]
fn basic_is_shown_to_the_registry_once_it_asks() {
    let server = store(Auth::Basic("u".into(), "p:w".into())).serve();
    let repository = with(&server, "a", login(&server, "u", "p:w"));
    for _ in 0..2 {
        repository.manifest(&tag(), None).unwrap();
    }
    let shown: Vec<bool> = server
        .requests()
        .iter()
        .map(|r| r.header("authorization").is_some())
        .collect();
    assert_eq!(shown, [false, true, true]);
}

#[test]
fn refusals_name_where_the_credentials_came_from_and_no_secret() {
    let server = store(token()).serve();
    let error = with(&server, "a", login(&server, "u", "hunter3"))
        .manifest(&tag(), None)
        .unwrap_err();
    let shown = text(&error);
    assert!(shown.contains("GET a token of"), "{shown}");
    assert!(
        shown.contains(
            "status: 401\n  code: UNAUTHORIZED\n  the registry says: wrong name or password"
        ),
        "{shown}"
    );
    assert!(shown.contains("auth.json, entry `127.0.0.1:"), "{shown}");
    assert!(!shown.contains("hunter3") && !format!("{error:?}").contains("hunter3"));
    assert!(error.hint().unwrap().contains("this login is still good"));

    let server = store(Auth::Basic("u".into(), "p".into())).serve();
    let error = anonymous(&server, "a").manifest(&tag(), None).unwrap_err();
    assert!(
        text(&error).ends_with("credentials: none: no credentials are given"),
        "{}",
        text(&error)
    );
    assert_eq!(server.requests().len(), 1);
}

/// Whatever a registry repeats of what it was shown is taken out.
#[test]
fn a_registry_that_repeats_secrets() {
    let server = Server::start(|request| {
        let shown = request
            .header("authorization")
            .unwrap_or_default()
            .to_owned();
        let answer = Answer::error(401, "DENIED", &format!("not {shown} nor hunter2hunter2"));
        answer.with("WWW-Authenticate", "Basic realm=x")
    });
    let error = with(&server, "a", login(&server, "u", "hunter2hunter2"))
        .manifest(&tag(), None)
        .unwrap_err();
    let shown = text(&error);
    assert!(shown.contains("not Basic (secret) nor (secret)"), "{shown}");
    // One challenge is met once.
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn one_challenge_is_met_once() {
    let server = Server::start(|request| match request.path.as_str() {
        "/token" => Answer::new(200).body(r#"{"token":"never enough"}"#.replace(' ', "-")),
        _ => challenge("Bearer realm=/token,error=insufficient_scope")(request),
    });
    let error = anonymous(&server, "a").manifest(&tag(), None).unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error}");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn token_answers() {
    for (body, expected) in [
        (r#"{"token":"good"}"#, ""),
        (r#"{"access_token":"good"}"#, ""),
        (
            r#"{"token":"good","access_token":"good","expires_in":1,"issued_at":"0001-01-01T00:00:00Z"}"#,
            "",
        ),
        (r#"{"token":"good","expires_in":0}"#, ""),
        // One of the two is empty, or the life is the text of a number, or nothing that can be.
        (r#"{"token":"","access_token":"good"}"#, ""),
        (r#"{"token":"good","expires_in":"300"}"#, ""),
        (
            r#"{"token":"good","expires_in":null,"refresh_token":""}"#,
            "",
        ),
        (r#"{"token":"good","expires_in":-1}"#, ""),
        ("nonsense", "not the JSON"),
        ("{}", "neither `token` nor `access_token`"),
        (r#"{"token":""}"#, "neither `token` nor `access_token`"),
        (r#"{"token":"a\r\nHost: b"}"#, "no header can hold"),
    ] {
        let server = wants(challenge("Bearer realm=/token"), move |_| {
            Answer::new(200).body(body)
        });
        match anonymous(&server, "a").manifest(&tag(), None) {
            Ok(_) => assert_eq!(expected, "", "{body}"),
            Err(error) => assert!(
                !expected.is_empty() && error.to_string().contains(expected),
                "{error}"
            ),
        }
    }
}

/// A token that is good for a second is used for a minute, so that it is not fetched for every request.
#[test]
fn short_lives_are_a_minute() {
    let server = wants(challenge("Bearer realm=/token"), |_| {
        Answer::new(200).body(r#"{"token":"good","expires_in":1}"#)
    });
    let repository = anonymous(&server, "a");
    for _ in 0..3 {
        repository.manifest(&tag(), None).unwrap();
    }
    let fetched = server
        .lines()
        .iter()
        .filter(|line| *line == "GET /token")
        .count();
    assert_eq!(fetched, 1);
}

#[test]
fn a_token_that_has_ended_is_fetched_again() {
    let count = AtomicU32::new(0);
    let server = Server::start(move |request| match request.path.as_str() {
        "/token" => {
            let n = count.fetch_add(1, Ordering::Relaxed);
            Answer::new(200).body(format!(r#"{{"token":"token-{n}"}}"#))
        }
        "/v2/a/manifests/t" if request.header("authorization") == Some("Bearer token-0") => good(),
        "/v2/a/manifests/u" if request.header("authorization") == Some("Bearer token-1") => good(),
        _ => challenge("Bearer realm=/token")(request),
    });
    let repository = anonymous(&server, "a");
    repository.manifest(&tag(), None).unwrap();
    repository.manifest(&Target::Tag("u".into()), None).unwrap();
}

#[test]
fn an_endless_token_ends() {
    let server = wants(challenge("Bearer realm=/token"), |_| {
        Answer::new(200).endless()
    });
    let error = anonymous(&server, "a").manifest(&tag(), None).unwrap_err();
    assert!(
        error.to_string().ends_with("larger than 65536 bytes"),
        "{error}"
    );
}

/// CVE-2026-48978, GHSA-xf85-363p-868w, GHSA-28r5-37g7-p6mp (oras-go), ggcr #2193 #2243: a realm can be
/// anywhere.
#[test]
fn cve_2026_48978_ghsa_xf85_ghsa_28r5_ggcr_2193_2243_realms_are_looked_at() {
    for (realm, expected) in [
        ("ftp://127.0.0.1/t", "neither http nor https"),
        ("http://u:p@127.0.0.1/t", "user information"),
        ("http://127.0.0.1/t#x", "fragment"),
        ("http://169.254.169.254/t", "must not lead to"),
        ("", "names no realm"),
    ] {
        let text = match realm {
            "" => "Bearer service=x".to_owned(),
            realm => format!("Bearer realm=\"{realm}\""),
        };
        let server = wants(challenge(&text), |_| Answer::new(500));
        let credentials = login(&server, "u", "hunter2");
        let error = with(&server, "a", credentials)
            .manifest(&tag(), None)
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{realm}: {error}");
        assert!(!error.to_string().contains("u:p@"));
    }
    let server = wants(challenge("Bearer realm=\"x"), |_| Answer::new(500));
    let error = anonymous(&server, "a").manifest(&tag(), None).unwrap_err();
    assert!(
        error.to_string().contains("a quoted string does not end"),
        "{error}"
    );
}

/// ggcr #2291, #2292: a token service's redirect took the password along.
#[test]
fn ggcr_2291_2292_a_tokens_redirect_takes_no_password_along() {
    let evil = Server::start(|_| Answer::new(200).body(r#"{"token":"good"}"#));
    let to = format!("http://{}/token", evil.host());
    let server = wants(challenge("Bearer realm=/token"), move |_| {
        Answer::new(307).with("Location", to.clone())
    });
    let repository = with(&server, "a", login(&server, "u", "hunter2"));
    repository.manifest(&tag(), None).unwrap();
    assert_eq!(evil.requests()[0].header("authorization"), None);
    // A refresh token is in the body: it does not go there at all.
    let json = format!(
        r#"{{"auths":{{"{}":{{"identitytoken":"refresh"}}}}}}"#,
        server.host()
    );
    let error = with(&server, "a", file(&json))
        .manifest(&tag(), None)
        .unwrap_err();
    assert!(
        error.to_string().contains("another origin with a secret"),
        "{error}"
    );
    assert_eq!(evil.requests().len(), 1);
}

#[test]
fn refresh_tokens_are_traded_and_may_rotate() {
    let server = wants(challenge("Bearer realm=/token,service=s"), |request| {
        assert_eq!(request.form("grant_type").as_deref(), Some("refresh_token"));
        assert_eq!(request.form("service").as_deref(), Some("s"));
        assert_eq!(request.form("scope").as_deref(), Some("repository:a:pull"));
        assert_eq!(request.header("authorization"), None);
        let next = match request.form("refresh_token").as_deref() {
            Some("one") => "two",
            _ => return Answer::new(401),
        };
        Answer::new(200).body(format!(
            r#"{{"access_token":"good","refresh_token":"{next}"}}"#
        ))
    });
    let json = format!(
        r#"{{"auths":{{"{}":{{"identitytoken":"one"}}}}}}"#,
        server.host()
    );
    with(&server, "a", file(&json))
        .manifest(&tag(), None)
        .unwrap();
    assert_eq!(server.requests()[1].method, "POST");
}

/// A service that answers with an empty refresh token keeps the one that it was shown.
#[test]
fn an_empty_refresh_token_is_none() {
    let asked = AtomicU32::new(0);
    let server = wants(challenge("Bearer realm=/token"), move |request| {
        assert_eq!(request.form("refresh_token").as_deref(), Some("one"));
        let token = match asked.fetch_add(1, Ordering::Relaxed) {
            0 => "ended",
            _ => "good",
        };
        Answer::new(200).body(format!(
            r#"{{"access_token":"{token}","refresh_token":""}}"#
        ))
    });
    let json = format!(
        r#"{{"auths":{{"{}":{{"identitytoken":"one"}}}}}}"#,
        server.host()
    );
    let repository = with(&server, "a", file(&json));
    repository.manifest(&tag(), None).unwrap_err();
    repository.manifest(&tag(), None).unwrap();
}

#[test]
fn a_service_that_knows_only_the_older_form() {
    for status in [404, 405] {
        let server = wants(
            challenge("Bearer realm=/token"),
            move |request| match request.method.as_str() {
                "POST" => Answer::new(status),
                _ => Answer::new(200).body(r#"{"token":"good"}"#),
            },
        );
        let json = format!(
            r#"{{"auths":{{"{}":{{"identitytoken":"one"}}}}}}"#,
            server.host()
        );
        with(&server, "a", file(&json))
            .manifest(&tag(), None)
            .unwrap();
        let get = server
            .requests()
            .into_iter()
            .find(|request| request.line() == "GET /token")
            .unwrap();
        let pair = data_encoding::BASE64.encode(b"<token>:one");
        assert_eq!(
            get.header("authorization"),
            Some(format!("Basic {pair}").as_str())
        );
    }
}

#[test]
fn a_ready_token_is_shown_as_it_is() {
    let server = wants(challenge("Bearer realm=/token"), |_| Answer::new(500));
    let json = format!(
        r#"{{"auths":{{"{}":{{"registrytoken":"good"}}}}}}"#,
        server.host()
    );
    with(&server, "a", file(&json))
        .manifest(&tag(), None)
        .unwrap();
    assert!(!server.lines().contains(&"GET /token".to_owned()));
}

#[test]
fn bearer_goes_before_basic_and_unknown_schemes_are_passed_over() {
    let text = "Negotiate, Basic realm=\"b\", Bearer realm=\"/token\"";
    let server = wants(challenge(text), |_| {
        Answer::new(200).body(r#"{"token":"good"}"#)
    });
    let repository = with(&server, "a", login(&server, "u", "hunter2"));
    repository.manifest(&tag(), None).unwrap();
    let server = wants(challenge("Negotiate"), |_| Answer::new(500));
    let error = anonymous(&server, "a").manifest(&tag(), None).unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error}");
}

#[test]
fn many_threads_fetch_one_token() {
    let server = store(token()).serve();
    let registries = Registries::new(settings(), Credentials::anonymous());
    let start = Arc::new(Barrier::new(4));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let repository = registries.repository(&server.host(), "a").unwrap();
                start.wait();
                repository.manifest(&tag(), None).unwrap();
            });
        }
    });
    // Each may have been challenged; at most each of those that were fetched its own, and a token
    // that is there is used.
    let repository = registries.repository(&server.host(), "a").unwrap();
    let before = server.requests().len();
    repository.manifest(&tag(), None).unwrap();
    assert_eq!(server.requests().len(), before + 1);
}

/// The debug output of everything that holds a secret.
#[test]
fn nothing_shows_a_secret() {
    let credentials = file(r#"{"auths":{"a.example":{"auth":"dTpodW50ZXIy"}}}"#);
    let found = credentials.find("a.example", "x").unwrap();
    let shown = format!("{found:?} {credentials:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("dTpodW50ZXIy"),
        "{shown}"
    );
}

#![allow(
    clippy::disallowed_methods,
    reason = "helpers are scripts on PATH, made and looked at by the test"
)]

use std::path::Path;
use std::time::Duration;

use super::*;

fn config(json: &str) -> (tempfile::TempDir, Credentials) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    files::write(&path, json.as_bytes()).unwrap();
    let credentials = Credentials::file(&path).unwrap();
    (folder, credentials)
}

fn shown(login: &Login) -> String {
    match login {
        Login::Anonymous => "anonymous".into(),
        Login::Password { username, password } => format!("{username}:{}", password.reveal()),
        Login::Identity(token) => format!("identity {}", token.reveal()),
        Login::Bearer(token) => format!("bearer {}", token.reveal()),
    }
}

fn found(credentials: &Credentials, registry: &str, repository: &str) -> String {
    shown(&credentials.find(registry, repository).unwrap().login)
}

#[test]
fn docker_files() {
    // base64 of "u:p:q", padded and not; of "n:p" with a trailing NUL.
    let (_folder, credentials) = config(
        r#"{"auths":{
            "a.example":{"auth":"dTpwOnE="},
            "https://b.example/v1/":{"auth":"dTpwOnE"},
            "c.example:5000":{"username":"x","password":"y"},
            "d.example":{"auth":"Ong=","identitytoken":"refresh"},
            "e.example":{"registrytoken":"ready"},
            "f.example":{},
            "g.example":{"auth":"bjpwAA=="},
            "https://index.docker.io/v1/":{"auth":"aHViOnB3"},
            "t.example":{"username":"<token>","password":"secret"},
            "w.example":{"auth":"dTpw\nOnE=\n"}
        },"HttpHeaders":{"x":"y"}}"#,
    );
    for (registry, expected) in [
        ("a.example", "u:p:q"),
        ("A.example", "u:p:q"),
        ("b.example", "u:p:q"),
        ("c.example:5000", "x:y"),
        ("c.example", "anonymous"),
        ("d.example", "identity refresh"),
        ("e.example", "bearer ready"),
        ("f.example", "anonymous"),
        ("g.example", "n:p"),
        ("docker.io", "hub:pw"),
        ("index.docker.io", "hub:pw"),
        ("t.example", "identity secret"),
        ("w.example", "u:p:q"),
    ] {
        assert_eq!(found(&credentials, registry, "x/y"), expected, "{registry}");
    }
}

/// connaisseur #2166: a name that only begins or ends alike got the credentials.
#[test]
fn connaisseur_2166_only_the_whole_name_counts() {
    let (_folder, credentials) = config(r#"{"auths":{"registry.example.com":{"auth":"dTpw"}}}"#);
    for registry in [
        "registry.example.com.evil",
        "registry.example.com.evil:443",
        "evil-registry.example.com",
        "registry.example.co",
        "registry.example.com:8443",
        "example.com",
    ] {
        assert_eq!(
            found(&credentials, registry, "x"),
            "anonymous",
            "{registry}"
        );
    }
}

#[test]
fn podman_files_have_paths() {
    let (_folder, credentials) = config(
        r#"{"auths":{
            "quay.io":{"auth":"aG9zdDpw"},
            "quay.io/org":{"auth":"b3JnOnA="},
            "quay.io/org/app":{"auth":"YXBwOnA="}}}"#,
    );
    for (repository, expected) in [
        ("org/app", "app:p"),
        ("org/app/sub", "app:p"),
        ("org/application", "org:p"),
        ("org2", "host:p"),
        ("other/org/app", "host:p"),
    ] {
        assert_eq!(found(&credentials, "quay.io", repository), expected);
    }
    let found = credentials.find("quay.io", "org/app").unwrap();
    assert!(
        found
            .source
            .ends_with("config.json, entry `quay.io/org/app`")
    );
}

#[test]
fn bad_files_say_nothing_of_what_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    files::write(&path, br#"{"auths":{"a":{"auth":hunter2"#).unwrap();
    let error = Credentials::file(&path).unwrap_err();
    assert!(error.to_string().contains("is not a file of credentials"));
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    assert!(error.hint().unwrap().contains("docker and podman"));

    for (auth, reason) in [("!!!", "not base64"), ("aHVudGVyMg==", "has no colon")] {
        let json = format!(r#"{{"auths":{{"a.example":{{"auth":"{auth}"}}}}}}"#);
        let (_folder, credentials) = config(&json);
        let error = credentials.find("a.example", "x").unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"));
        assert_eq!(found(&credentials, "b.example", "x"), "anonymous");
    }
}

#[test]
fn secrets_are_not_shown() {
    let login = Login::Password {
        username: "u".into(),
        password: Secret::new("hunter2"),
    };
    assert!(!format!("{login:?}").contains("hunter2"));
}

#[test]
fn a_build_runs_no_helper() {
    let (_folder, credentials) =
        config(r#"{"credHelpers":{"a.example":"desktop"},"auths":{"b.example":{"auth":"dTpw"}}}"#);
    let error = credentials.find("a.example", "x").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("names the credential helper `desktop`"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("`auths`"));
    assert_eq!(found(&credentials, "b.example", "x"), "u:p");
    // A file with a store for all, but with the login itself.
    let (_folder, credentials) =
        config(r#"{"credsStore":"desktop","auths":{"b.example":{"auth":"dTpw"}}}"#);
    assert_eq!(found(&credentials, "b.example", "x"), "u:p");
    assert!(credentials.find("c.example", "x").is_err());
}

/// The order of the places, each knowing one registry less than the one before.
#[test]
fn the_first_place_that_knows_wins() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    let places = [
        "variable", "named", "docker", "runtime", "config", "legacy", "netrc",
    ];
    let document = |place: &str| {
        let at = places.iter().position(|name| *name == place).unwrap();
        let entries: Vec<String> = (at..places.len())
            .map(|n| {
                let auth = data_encoding::BASE64.encode(format!("{place}:p").as_bytes());
                format!(r#""{}.example":{{"auth":"{auth}"}}"#, places[n])
            })
            .collect();
        format!("{{{}}}", entries.join(","))
    };
    let write = |path: &str, place: &str| {
        let json = format!(r#"{{"auths":{}}}"#, document(place));
        files::write(&at(path), json.as_bytes()).unwrap();
    };
    write("named.json", "named");
    write("docker/config.json", "docker");
    write("runtime/containers/auth.json", "runtime");
    write("home/.config/containers/auth.json", "config");
    // Not looked at, since DOCKER_CONFIG is set.
    files::write(&at("home/.docker/config.json"), b"nonsense").unwrap();
    files::write(&at("home/.dockercfg"), document("legacy").as_bytes()).unwrap();
    let netrc = "default login evil password evil\n\
                 # a comment\nmacdef init\nmachine x login y password z\n\n\
                 machine netrc.example login netrc password \"p\"\n\
                 machine half.example login only\n";
    files::write(&at("home/.netrc"), netrc.as_bytes()).unwrap();
    let environment = Environment {
        docker_auth_config: Some(format!(r#"{{"auths":{}}}"#, document("variable"))),
        registry_auth_file: Some(at("named.json")),
        docker_config: Some(at("docker")),
        xdg_runtime_dir: Some(at("runtime")),
        home: Some(at("home")),
        ..Environment::default()
    };
    // All know the last: the first wins.
    let all = Credentials::lookup(&environment).unwrap();
    assert_eq!(found(&all, "netrc.example", "x"), "variable:p");
    // One after the other is taken away.
    let mut environment = environment;
    let mut next = |expected: &str, take: &dyn Fn(&mut Environment)| {
        take(&mut environment);
        let credentials = Credentials::lookup(&environment).unwrap();
        assert_eq!(
            found(&credentials, "netrc.example", "x"),
            format!("{expected}:p")
        );
        assert_eq!(found(&credentials, "half.example", "x"), "anonymous");
        assert_eq!(found(&credentials, "unknown.example", "x"), "anonymous");
    };
    next("named", &|e| e.docker_auth_config = None);
    next("docker", &|e| e.registry_auth_file = None);
    std::fs::remove_file(at("docker/config.json")).unwrap();
    next("runtime", &|_| {});
    next("config", &|e| e.xdg_runtime_dir = None);
    std::fs::remove_file(at("home/.config/containers/auth.json")).unwrap();
    next("legacy", &|_| {});
    std::fs::remove_file(at("home/.dockercfg")).unwrap();
    next("netrc", &|_| {});
    // Now docker's own file counts, and is nonsense.
    environment.docker_config = None;
    let error = Credentials::lookup(&environment).unwrap_err();
    assert!(error.to_string().contains(".docker/config.json"), "{error}");
}

#[test]
fn the_variable_must_hold_the_document() {
    for (text, reason) in [
        ("{}", "no `auths`"),
        // One object, and no more.
        (r#"{"auths":{}}{"auths":{}}"#, ""),
        ("[]", ""),
        ("dTpw", ""),
    ] {
        let environment = Environment {
            docker_auth_config: Some(text.into()),
            ..Environment::default()
        };
        let error = Credentials::lookup(&environment).unwrap_err().to_string();
        assert!(error.contains("`$DOCKER_AUTH_CONFIG`"), "{error}");
        assert!(error.contains(reason) && !error.contains("dTpw"), "{error}");
    }
    // What it does not know the next place may know: it is asked for each registry.
    let home = tempfile::tempdir().unwrap();
    let json = br#"{"auths":{"a.example":{"auth":"aDpw"},"b.example":{"auth":"aDpw"}}}"#;
    files::write(&home.path().join(".docker/config.json"), json).unwrap();
    let environment = Environment {
        docker_auth_config: Some(r#"{"auths":{"a.example":{"auth":"djpw"}}}"#.into()),
        home: Some(home.path().to_owned()),
        ..Environment::default()
    };
    let credentials = Credentials::lookup(&environment).unwrap();
    assert_eq!(found(&credentials, "a.example", "x"), "v:p");
    assert_eq!(found(&credentials, "b.example", "x"), "h:p");
}

/// `XDG_CONFIG_HOME` and `NETRC` stand for the folders and files that are looked at otherwise.
#[test]
fn places_that_variables_name_stand_for_the_usual_ones() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    let write = |path: &str, text: &str| files::write(&at(path), text.as_bytes()).unwrap();
    write(
        "home/.config/containers/auth.json",
        r#"{"auths":{"a":{"auth":"aDpw"}}}"#,
    );
    write(
        "config/containers/auth.json",
        r#"{"auths":{"a":{"auth":"Yzpw"}}}"#,
    );
    write("home/.netrc", "machine b login h password p\n");
    write("netrc", "machine b login n password p\n");
    let home = Environment {
        home: Some(at("home")),
        ..Environment::default()
    };
    let named = Environment {
        xdg_config_home: Some(at("config")),
        netrc: Some(at("netrc")),
        ..home.clone()
    };
    for (environment, expected) in [(home, "h:p h:p"), (named, "c:p n:p")] {
        let credentials = Credentials::lookup(&environment).unwrap();
        let all = ["a", "b"].map(|registry| found(&credentials, registry, "x"));
        assert_eq!(all.join(" "), expected);
    }
}

/// Puts helpers on this process's path, once for all tests.
fn helpers() -> &'static Path {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::OnceLock;
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for (name, body) in [
            ("good", r#"read s; echo "$s" >> "$0.log"; printf '{"ServerURL":"%s","Username":"u","Secret":"s"}' "$s""#),
            ("token", r#"echo '{"Username":"<token>","Secret":"idt"}'"#),
            ("none", "echo ' credentials not found in native keychain '; exit 1"),
            ("empty", r#"echo '{"Username":"","Secret":""}'"#),
            ("angry", "echo 'the keychain is locked'; exit 1"),
            ("noserver", "echo 'no credentials server URL'; exit 1"),
            ("nouser", "echo 'no credentials username'; exit 1"),
            ("around", r#"printf '{"Username":"u","Secret":"%s"}' "$WORD_OF_THE_TEST""#),
            ("mute", r#"read s; read t && exit 9; echo '{"Username":"u","Secret":"s"}'"#),
            ("long", "head -c 1000000 /dev/zero"),
            // What it leaves behind holds its output, as daemons do that were begun in haste.
            ("parent", r#"sleep 60 & echo '{"Username":"u","Secret":"s"}'"#),
            ("odd", "echo hello"),
            ("slow", "exec sleep 60"),
        ] {
            let path = folder.path().join(format!("docker-credential-{name}"));
            std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    });
    folder.path()
}

/// Helpers are found on PATH, which a test can't change for its own process without unsafe code:
/// the tests below run again in a child that has it.
fn with_helpers(test: &str, run: impl FnOnce(&Path)) {
    if std::env::var_os("CREDENTIAL_HELPERS").is_some() {
        let folder = std::env::var_os("CREDENTIAL_HELPERS").unwrap();
        return run(Path::new(&folder));
    }
    let folder = helpers();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut search = folder.as_os_str().to_owned();
    search.push(":");
    search.push(path);
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            &format!("credentials::tests::{test}"),
            "--nocapture",
        ])
        .env("PATH", search)
        .env("CREDENTIAL_HELPERS", folder)
        .env("WORD_OF_THE_TEST", "of the test")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[test]
fn helpers_speak_their_protocol() {
    with_helpers("helpers_speak_their_protocol", |_| {
        let ask =
            |helper: &str| match helper::ask_within(helper, "p.example", Duration::from_secs(20)) {
                Ok(login) => login.as_ref().map_or("nothing".to_owned(), shown),
                Err(error) => format!("error: {error}"),
            };
        for (name, expected) in [
            ("good", "u:s"),
            ("token", "identity idt"),
            ("none", "nothing"),
            ("empty", "nothing"),
            // It has our environment, and its input ends.
            ("around", "u:of the test"),
            ("mute", "u:s"),
            (
                "noserver",
                "error: the credential helper `noserver` failed for `p.example`: exit status: 1: no credentials server URL",
            ),
            (
                "nouser",
                "error: the credential helper `nouser` failed for `p.example`: exit status: 1: no credentials username",
            ),
            (
                "long",
                "error: the credential helper `long` failed for `p.example`: its answer is not JSON",
            ),
            (
                "angry",
                "error: the credential helper `angry` failed for `p.example`: exit status: 1: the keychain is locked",
            ),
            (
                "odd",
                "error: the credential helper `odd` failed for `p.example`: its answer is not JSON",
            ),
            (
                "../good",
                "error: the credential helper `../good` failed for `p.example`: its name is not that of a program",
            ),
            (
                "",
                "error: the credential helper `` failed for `p.example`: its name is not that of a program",
            ),
        ] {
            assert_eq!(ask(name), expected, "{name}");
        }
        assert!(ask("missing").contains("it can't be run"));
        for helper in ["slow", "parent"] {
            let slow = helper::ask_within(helper, "p.example", Duration::from_millis(200));
            let error = slow.unwrap_err().to_string();
            assert!(error.contains("it took more than"), "{error}");
        }
    });
}

#[test]
fn helpers_go_before_entries_and_are_asked_once() {
    with_helpers("helpers_go_before_entries_and_are_asked_once", |folder| {
        let home = tempfile::tempdir().unwrap();
        let json = r#"{"credHelpers":{"a.example":"good","b.example":"none","c.example":"","m.example":"missing"},
            "credsStore":"token",
            "auths":{"c.example":{"auth":"Yzpj"},"a.example":{"auth":"ZjpmCg=="},"b.example":{"auth":"Zjpm"},"docker.io":{}}}"#;
        files::write(&home.path().join(".docker/config.json"), json.as_bytes()).unwrap();
        let environment = Environment {
            home: Some(home.path().to_owned()),
            ..Environment::default()
        };
        let credentials = Credentials::lookup(&environment).unwrap();
        for _ in 0..3 {
            assert_eq!(found(&credentials, "a.example", "x"), "u:s");
            assert_eq!(found(&credentials, "b.example", "x"), "f:f");
            // No helper, by name, and so no store either.
            assert_eq!(found(&credentials, "c.example", "x"), "c:c");
            assert_eq!(found(&credentials, "docker.io", "x"), "identity idt");
        }
        let log = std::fs::read_to_string(folder.join("docker-credential-good.log")).unwrap();
        assert_eq!(log.lines().filter(|line| *line == "a.example").count(), 1);
        // One that is not there: which file names it, and what to do.
        let error = credentials.find("m.example", "x").unwrap_err();
        let (word, file) = &error.details()[0];
        assert!(
            *word == "named in" && file.ends_with(".docker/config.json"),
            "{file}"
        );
        assert_eq!(
            error.hint().as_deref(),
            Some("put `docker-credential-missing` on the PATH, or take it out of that file")
        );
        let source = credentials.find("a.example", "x").unwrap().source;
        assert!(
            source.ends_with("config.json, helper `docker-credential-good`"),
            "{source}"
        );
        assert_eq!(config::server("docker.io"), "https://index.docker.io/v1/");
    });
}

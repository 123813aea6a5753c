use super::*;
use crate::settings::HostSettings;

fn host(settings: &Settings) -> Host {
    Host::new(settings, Arc::default(), "registry.example").unwrap()
}

fn follow(host: &Host, from: &str, to: &str) -> std::result::Result<(), &'static str> {
    let origin = |text| Url::parse(text).unwrap().origin().clone();
    host.may_follow(&origin(from), &origin(to))
}

#[test]
fn nothing_leads_out_of_tls() {
    let strict = host(&Settings::default());
    let (https, http) = ("https://a.example/", "http://b.example/");
    assert_eq!(follow(&strict, https, "https://b.example/"), Ok(()));
    assert_eq!(
        follow(&strict, https, http),
        Err("it leads from https to http")
    );
    assert_eq!(follow(&strict, http, http), Err("it is not https"));
    // Not even to a host that may be plain.
    let plain = HostSettings {
        plain_http: true,
        ..HostSettings::default()
    };
    let mut settings = Settings::default();
    settings.hosts.insert("b.example".into(), plain.clone());
    let named = host(&settings);
    assert_eq!(
        follow(&named, https, http),
        Err("it leads from https to http")
    );
    assert_eq!(follow(&named, http, http), Ok(()));
    // A registry that is plain itself may lead to plain hosts.
    settings.hosts.insert("registry.example".into(), plain);
    assert_eq!(follow(&host(&settings), http, "http://c.example/"), Ok(()));
}

#[test]
fn pauses_grow_and_are_off_the_beat() {
    let host = host(&Settings::default());
    let call = |path: &str| {
        let at = At {
            registry: "r".into(),
            repository: "a".into(),
            method: "GET",
            what: path.into(),
        };
        Call::new(at, Method::Get, Url::at(&host.origin, "/v2/"))
    };
    let one = call("one");
    let pauses: Vec<u128> = (1..9).map(|n| host.pause(&one, n).as_millis()).collect();
    for (pause, about) in pauses
        .iter()
        .zip([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
    {
        assert!(
            (about * 9 / 10..=about * 11 / 10).contains(pause),
            "{pause} is not about {about}"
        );
    }
    // The same each time, and another for another request.
    assert_eq!(host.pause(&one, 3), host.pause(&one, 3));
    assert_ne!(host.pause(&one, 3), host.pause(&call("two"), 3));
}

#[test]
fn files_for_tls_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.pem");
    files::write(&path, b"nothing\n").unwrap();
    let missing = folder.path().join("missing.pem");
    for (own, expected) in [
        (
            HostSettings {
                ca_file: Some(path.clone()),
                ..HostSettings::default()
            },
            "it has no certificate",
        ),
        (
            HostSettings {
                ca_file: Some(missing),
                ..HostSettings::default()
            },
            "cannot open",
        ),
        (
            HostSettings {
                client_key: Some(path.clone()),
                ..HostSettings::default()
            },
            "go together",
        ),
        (
            HostSettings {
                client_certificate: Some(path.clone()),
                client_key: Some(path),
                ..HostSettings::default()
            },
            "it has no certificate",
        ),
    ] {
        let mut settings = Settings::default();
        settings.hosts.insert("registry.example".into(), own);
        let error = Host::new(&settings, Arc::default(), "registry.example")
            .err()
            .unwrap();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

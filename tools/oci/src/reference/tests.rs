use proptest::prelude::*;

use super::*;

const HEX: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

#[track_caller]
fn parses(text: &str, host: &str, path: &str, tag: &str) {
    let reference = Reference::parse(text).unwrap();
    assert_eq!(reference.host.as_deref().unwrap_or("-"), host, "{text}");
    assert_eq!(reference.path, path, "{text}");
    assert_eq!(reference.tag.as_deref().unwrap_or("-"), tag, "{text}");
    assert_eq!(reference.to_string(), text);
}

#[test]
fn accepted() {
    parses("test_com", "-", "test_com", "-");
    parses("test.com:tag", "-", "test.com", "tag");
    parses("test.com:5000", "-", "test.com", "5000");
    parses("test.com/repo:tag", "test.com", "repo", "tag");
    parses("test:5000/repo", "test:5000", "repo", "-");
    parses("test:5000/repo:tag", "test:5000", "repo", "tag");
    parses("lowercase:Uppercase", "-", "lowercase", "Uppercase");
    parses(
        "sub-dom1.foo.com/bar/baz/quux:some-long-tag",
        "sub-dom1.foo.com",
        "bar/baz/quux",
        "some-long-tag",
    );
    parses(
        "b.gcr.io/test.example.com/my-app:test.example.com",
        "b.gcr.io",
        "test.example.com/my-app",
        "test.example.com",
    );
    parses(
        "xn--n3h.com/myimage:xn--n3h.com",
        "xn--n3h.com",
        "myimage",
        "xn--n3h.com",
    );
    parses("foo_bar.com:8080", "-", "foo_bar.com", "8080");
    parses("foo/foo_bar.com:8080", "foo", "foo_bar.com", "8080");
    parses("192.168.1.1", "-", "192.168.1.1", "-");
    parses("192.168.1.1:5000", "-", "192.168.1.1", "5000");
    parses(
        "192.168.1.1:5000/repo:5050",
        "192.168.1.1:5000",
        "repo",
        "5050",
    );
    parses("[2001:db8::1]/repo", "[2001:db8::1]", "repo", "-");
    parses(
        "[2001:db8::1]:5000/repo:tag",
        "[2001:db8::1]:5000",
        "repo",
        "tag",
    );
    parses("[2001:db8::]:5000/repo", "[2001:db8::]:5000", "repo", "-");
    parses("[::1]:5000/repo", "[::1]:5000", "repo", "-");
    let long = format!("{}a", "a/".repeat(126));
    parses(&format!("a/{long}:tag"), "a", &long, "tag");
    let long = "a".repeat(255);
    parses(
        &format!("example.com/{long}:tag"),
        "example.com",
        &long,
        "tag",
    );

    let pinned = format!("test:5000/repo:tag@sha256:{HEX}");
    parses(&pinned, "test:5000", "repo", "tag");
    let reference = Reference::parse(&pinned).unwrap();
    assert_eq!(reference.digest.unwrap().hex(), HEX);
    assert_eq!(reference.name(), "test:5000/repo");
    assert_eq!(
        reference.pinned().to_string(),
        format!("test:5000/repo@sha256:{HEX}")
    );
}

#[test]
fn rejected() {
    let path_of_256 = format!("example.com/{}:tag", "a".repeat(256));
    let only_digest = format!("@sha256:{HEX}");
    let unknown = format!("repo@sha999:{HEX}");
    for text in [
        "",
        ":justtag",
        &only_digest,
        "repo@sha256:ffffffffffffffffffffffffffffffffff",
        &unknown,
        "Uppercase:tag",
        "test:5000/Uppercase/lowercase:tag",
        &path_of_256,
        "aa/asdf$$^/aa",
        "[2001:db8::1]",
        "[2001:db8::1]:5000",
        "[2001:db8::1]:tag",
        "[2001:db8::%eth0]/repo",
        "[fe80::1%25eth0]:5000/repo",
        "repo:",
        "repo@",
        "host:/repo",
    ] {
        assert!(Reference::parse(text).is_err(), "{text}");
    }
}

#[test]
fn normalized_valid() {
    for text in [
        "docker/docker",
        "library/debian",
        "debian",
        "localhost/library/debian",
        "localhost/debian",
        "LOCALDOMAIN/library/debian",
        "LOCALDOMAIN/debian",
        "docker.io/docker/docker",
        "docker.io/library/debian",
        "docker.io/debian",
        "index.docker.io/docker/docker",
        "index.docker.io/library/debian",
        "index.docker.io/debian",
        "127.0.0.1:5000/docker/docker",
        "127.0.0.1:5000/library/debian",
        "127.0.0.1:5000/debian",
        "192.168.0.1",
        "192.168.0.1:80",
        "192.168.0.1:8/debian",
        "192.168.0.2:25000/debian",
        "[fc00::1]:5000/docker",
        "[fc00::1]:5000/docker/docker",
        "[fc00:1:2:3:4:5:6:7]:5000/library/debian",
        "docker.io/1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a",
        "Docker/docker",
        "thisisthesongthatneverendsitgoesonandonandonthisisthesongthatnev",
        "docker---rules/docker",
        "dock__er/docker",
        "d/docker",
    ] {
        let reference = Reference::normalized(text).unwrap();
        assert!(reference.host.is_some());
        // Normal forms stay as they are.
        assert_eq!(
            Reference::normalized(&reference.to_string()).unwrap(),
            reference
        );
        assert_eq!(Reference::parse(&reference.to_string()).unwrap(), reference);
    }
}

#[test]
fn normalized_invalid() {
    let namespace = format!("{}/docker", "a".repeat(256));
    let tag = format!("debian:{}", "t".repeat(129));
    for text in [
        "https://github.com/docker/docker",
        "docker/Docker",
        "-docker",
        "-docker/docker",
        "-docker.io/docker/docker",
        "docker///docker",
        "docker.io/docker/Docker",
        "docker.io/docker///docker",
        "[fc00::1]",
        "[fc00::1]:5000",
        "fc00::1:5000/debian",
        "[fe80::1%eth0]:5000/debian",
        "[2001:db8:3:4::192.0.2.33]:5000/debian",
        "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a",
        "docker-/docker",
        "docker/docker-",
        "____/____",
        "_docker/_docker",
        "docker_/docker_",
        "dock..er/docker",
        "dock_.er/docker",
        "dock-.er/docker",
        "dock___er/docker",
        "docker/",
        &namespace,
        &tag,
        "debian:t^ag",
        "debian:t=ag",
        "debian:t@ag",
        "debian:t ag",
        "debian:.tag",
        "localhost:5000",
    ] {
        assert!(Reference::normalized(text).is_err(), "{text}");
    }
}

#[test]
fn host_split() {
    for (text, host, path) in [
        ("test.com/foo", "test.com", "foo"),
        ("test_com/foo", "docker.io", "test_com/foo"),
        ("docker/migrator", "docker.io", "docker/migrator"),
        ("test-com:8080/foo", "test-com:8080", "foo"),
        ("foo", "docker.io", "library/foo"),
        ("docker.io/foo", "docker.io", "library/foo"),
        ("docker.io/library/foo/bar", "docker.io", "library/foo/bar"),
        ("library/foo/bar", "docker.io", "library/foo/bar"),
        ("Foo/bar", "Foo", "bar"),
        ("docker.io/library/x", "docker.io", "library/x"),
        ("index.docker.io/x", "docker.io", "library/x"),
        ("registry-1.docker.io/library/x", "docker.io", "library/x"),
        ("localhost/x", "localhost", "x"),
    ] {
        let reference = Reference::normalized(text).unwrap();
        assert_eq!(reference.host.as_deref(), Some(host), "{text}");
        assert_eq!(reference.path, path, "{text}");
    }
    let both = format!("gcr.io/library/busybox:latest@sha256:{HEX}");
    assert_eq!(
        Reference::normalized(&both).unwrap().pinned().to_string(),
        format!("gcr.io/library/busybox@sha256:{HEX}")
    );
}

#[test]
fn messages() {
    let message = |text| Reference::normalized(text).unwrap_err().to_string();
    assert_eq!(
        message("localhost:5000"),
        "`localhost:5000` is not an image reference: it is a registry without a repository"
    );
    assert_eq!(
        message("docker/Docker"),
        "`docker/Docker` is not an image reference: the repository has an upper-case letter"
    );
    assert_eq!(
        message("https://example.com/x"),
        "`https://example.com/x` is not an image reference: a reference has no scheme, and begins with the registry's name"
    );
    assert_eq!(
        message(":x"),
        "`:x` is not an image reference: it has no name"
    );
    assert_eq!(
        message("a:b c"),
        "`a:b c` is not an image reference: the tag is empty, too long, or has an illegal character"
    );
    assert_eq!(
        message("a@sha256:x"),
        "`sha256:x` is not a digest: the part after the colon has the wrong length"
    );
}

#[test]
fn referrers() {
    let subject: Digest = format!("sha256:{HEX}").parse().unwrap();
    assert_eq!(referrers_tag(&subject), format!("sha256-{HEX}"));
    let subject: Digest = format!("sha512:{}{HEX}", "0".repeat(64)).parse().unwrap();
    assert_eq!(
        referrers_tag(&subject),
        format!("sha512-{}", "0".repeat(64))
    );
}

proptest! {
    #[test]
    fn prints_and_parses_back(
        host in proptest::option::of("[a-z]{1,5}(\\.[a-zA-Z0-9]{1,4}){0,2}(:[0-9]{1,4})?"),
        path in "[a-z0-9]{1,4}((\\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}(/[a-z0-9]{1,4}){0,3}",
        tag in proptest::option::of("[A-Za-z0-9_][A-Za-z0-9._-]{0,20}"),
        hash in proptest::option::of(any::<[u8; 32]>()),
    ) {
        let reference = Reference { host, path, tag, digest: hash.map(Digest::sha256) };
        let text = reference.to_string();
        let parsed = Reference::parse(&text).unwrap();
        prop_assert_eq!(parsed.to_string(), text);
        // Without a host the first part of the path may be taken for one.
        if reference.host.is_some() {
            prop_assert_eq!(parsed, reference);
        }
    }

    #[test]
    fn normal_forms_are_stable(text in "[A-Za-z0-9._:/@-]{0,40}") {
        if let Ok(reference) = Reference::normalized(&text) {
            prop_assert_eq!(&Reference::normalized(&reference.to_string()).unwrap(), &reference);
            prop_assert_eq!(&Reference::parse(&reference.to_string()).unwrap(), &reference);
        }
    }

    #[test]
    fn never_panics(text in ".{0,60}") {
        let _ = Reference::parse(&text);
        let _ = Reference::normalized(&text);
    }
}

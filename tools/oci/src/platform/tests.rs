use proptest::prelude::*;

use super::*;

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

/// A platform as a foreign document may have it: names are not checked.
fn found(os: &str, architecture: &str, variant: &str) -> Platform {
    Platform {
        os: os.into(),
        architecture: architecture.into(),
        variant: (!variant.is_empty()).then(|| variant.into()),
        ..Platform::default()
    }
}

#[track_caller]
fn chooses(text: &str, yes: &[(&str, &str, &str)], no: &[(&str, &str, &str)]) {
    let selector = selector(text);
    for (os, architecture, variant) in yes {
        let platform = found(os, architecture, variant);
        assert!(selector.matches(&platform), "{text} must choose {platform}");
    }
    for (os, architecture, variant) in no {
        let platform = found(os, architecture, variant);
        assert!(
            !selector.matches(&platform),
            "{text} must not choose {platform}"
        );
    }
}

#[test]
fn wildcards() {
    chooses(
        "*/*",
        &[("linux", "amd64", ""), ("windows", "arm64", "v8")],
        &[],
    );
    chooses(
        "linux/*",
        &[("linux", "arm", "v6")],
        &[("windows", "amd64", "")],
    );
    chooses(
        "*/arm64",
        &[
            ("linux", "aarch64", ""),
            ("darwin", "aarch64", "v8"),
            ("linux", "arm64", "v8"),
        ],
        &[("linux", "arm64", "v9"), ("linux", "amd64", "")],
    );
}

#[test]
fn the_same_platform_under_other_names() {
    chooses(
        "linux/arm64",
        &[
            ("linux", "aarch64", ""),
            ("linux", "aarch64", "v8"),
            ("linux", "arm64", "v8"),
        ],
        &[("linux", "arm", "v8"), ("linux", "arm64", "v9")],
    );
    chooses(
        "linux/arm64/v8",
        &[("linux", "aarch64", ""), ("linux", "arm64", "")],
        &[],
    );
    chooses(
        "linux/arm",
        &[
            ("linux", "arm", "v7"),
            ("linux", "armhf", ""),
            ("linux", "arm", "7"),
        ],
        &[("linux", "arm", "v6"), ("linux", "armel", "")],
    );
    chooses(
        "linux/arm/v7",
        &[("linux", "arm", ""), ("linux", "armhf", "")],
        &[],
    );
    chooses(
        "linux/arm/v6",
        &[("linux", "armel", "")],
        &[("linux", "arm", "")],
    );
    chooses(
        "linux/amd64",
        &[("linux", "amd64", "v1")],
        &[("linux", "amd64", "v3")],
    );
    chooses(
        "linux/amd64/v3",
        &[("linux", "x86_64", "v3")],
        &[("linux", "amd64", "")],
    );
    chooses("Linux/x86_64", &[("linux", "amd64", "")], &[]);
    chooses("macOS/x86-64", &[("darwin", "amd64", "")], &[]);
}

#[test]
fn one_word() {
    let architecture = |text: &str| {
        let selector = selector(text);
        assert_eq!(selector.os, None);
        (selector.architecture.unwrap(), selector.variant)
    };
    assert_eq!(architecture("arm"), ("arm".into(), None));
    assert_eq!(architecture("armel"), ("arm".into(), Some("v6".into())));
    assert_eq!(architecture("armhf"), ("arm".into(), Some("v7".into())));
    assert_eq!(architecture("Aarch64"), ("arm64".into(), None));
    assert_eq!(architecture("x86_64"), ("amd64".into(), None));
    assert_eq!(architecture("i386"), ("386".into(), None));
    assert_eq!(architecture("s390x"), ("s390x".into(), None));
    for (text, os) in [
        ("linux", "linux"),
        ("macOS", "darwin"),
        ("windows()", "windows"),
    ] {
        let selector = selector(text);
        assert_eq!(
            (selector.os.as_deref(), selector.architecture),
            (Some(os), None)
        );
        assert_eq!(selector.os_version, None);
    }
}

#[test]
fn versions_and_features() {
    for (text, version, features, printed) in [
        (
            "windows(10.0.17763)/amd64",
            Some("10.0.17763"),
            &[][..],
            None,
        ),
        (
            "windows(10.0.17763+win32k)/amd64",
            Some("10.0.17763"),
            &["win32k"],
            None,
        ),
        ("linux(+gpu)/amd64", None, &["gpu"], None),
        ("linux(+gpu+simd)/amd64", None, &["gpu", "simd"], None),
        (
            "linux(+unsorted+erofs)/amd64",
            None,
            &["unsorted", "erofs"],
            Some("linux(+erofs+unsorted)/amd64"),
        ),
        (
            "windows(10.0%2Bb.42+win32k)/amd64",
            Some("10.0+b.42"),
            &["win32k"],
            None,
        ),
        ("windows(50%25done)/amd64", Some("50%done"), &[], None),
        ("windows(1.0%28beta%29)/amd64", Some("1.0(beta)"), &[], None),
        ("windows(a%2Fb)/amd64", Some("a/b"), &[], None),
        ("linux(+feat%2Bv2)/amd64", None, &["feat+v2"], None),
        ("linux()/amd64", None, &[], Some("linux/amd64")),
    ] {
        let platform = Platform::parse(text).unwrap();
        assert_eq!(platform.os_version.as_deref(), version, "{text}");
        assert_eq!(platform.os_features, features, "{text}");
        assert_eq!(platform.to_string(), printed.unwrap_or(text));
    }
    let asked = selector("windows(10.0.17763+win32k)/amd64");
    let mut image = found("windows", "amd64", "");
    assert!(!asked.matches(&image));
    image.os_version = Some("10.0.17763.5".into());
    assert!(asked.matches(&image));
    image.os_features = vec!["win32k".into()];
    assert!(asked.matches(&image));
    image.os_features.push("other".into());
    assert!(!asked.matches(&image));
    assert!(
        selector("windows(10.0)/amd64").matches(&image),
        "any features"
    );
    image.os_features.clear();
    image.os_version = Some("10.0.177630".into());
    assert!(!asked.matches(&image));
}

#[test]
fn normal_forms() {
    let normal = |text: &str| Platform::parse(text).unwrap().normalized().to_string();
    assert_eq!(normal("linux/arm"), "linux/arm/v7");
    assert_eq!(normal("linux/arm/6"), "linux/arm/v6");
    assert_eq!(normal("linux/arm64/v8"), "linux/arm64");
    assert_eq!(normal("linux/arm64/8"), "linux/arm64");
    assert_eq!(normal("linux/arm64/9"), "linux/arm64/v9");
    assert_eq!(normal("linux/amd64/v1"), "linux/amd64");
    assert_eq!(normal("linux/amd64/v2"), "linux/amd64/v2");
    assert_eq!(normal("windows(1+b+a+b)/i386/x"), "windows(1+a+b)/386");
}

#[test]
fn said_and_kept() {
    // What somebody says of a variant is kept; only names are translated.
    assert_eq!(
        Platform::parse("linux/arm64/v8").unwrap().to_string(),
        "linux/arm64/v8"
    );
    assert_eq!(
        Platform::new("macOS", "AArch64", None).unwrap().to_string(),
        "darwin/arm64"
    );
    assert_eq!(
        Platform::new("linux", "armhf", None).unwrap().to_string(),
        "linux/arm/v7"
    );
}

#[test]
fn refused() {
    for (text, reason) in [
        ("", "the word is no known operating system or architecture"),
        (
            "lonux",
            "the word is no known operating system or architecture",
        ),
        (
            "/linux/arm",
            "the operating system is empty or has an illegal character",
        ),
        (
            "linux/arm/",
            "the variant is empty or has an illegal character",
        ),
        (
            "linux /arm",
            "the operating system is empty or has an illegal character",
        ),
        (
            "linux/&arm",
            "the architecture is empty or has an illegal character",
        ),
        ("linux/arm/foo/bar", "it has more than three parts"),
        ("*/*/v7", "the variant is empty or has an illegal character"),
        ("windows(1/amd64", "a parenthesis is not closed"),
        (
            "windows(1%2)/amd64",
            "a percent sign is not followed by two hexadecimal digits",
        ),
        ("windows(%ff)/amd64", "a version or feature is not UTF-8"),
        (
            "windows(+)/amd64",
            "a version or feature is empty or has an illegal character",
        ),
    ] {
        assert_eq!(
            Selector::parse(text).unwrap_err(),
            bad(text, reason),
            "{text}"
        );
    }
    for text in ["linux", "*/amd64", "linux/*"] {
        let error = Platform::parse(text).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "`{text}` is not a platform: it must name an operating system and an architecture"
            )
        );
        assert!(error.hint().is_some());
    }
}

#[test]
fn objects() {
    let platform = Platform::parse("windows(10.0+win32k)/arm/v7").unwrap();
    let object = platform.to_object();
    assert_eq!(
        Value::Object(object.clone()).to_string(),
        r#"{"architecture":"arm","os":"windows","os.features":["win32k"],"os.version":"10.0","variant":"v7"}"#
    );
    assert_eq!(
        Platform::from_object(&object, "descriptor").unwrap(),
        platform
    );
    let bad = serde_json::json!({"os": "linux", "architecture": 7});
    assert_eq!(
        Platform::from_object(bad.as_object().unwrap(), "config")
            .unwrap_err()
            .to_string(),
        "config has a bad `architecture`: it is not a string"
    );
    let bad = serde_json::json!({"architecture": "arm"});
    assert_eq!(
        Platform::from_object(bad.as_object().unwrap(), "config")
            .unwrap_err()
            .to_string(),
        "config has a bad `os`: it is missing"
    );
}

proptest! {
    #[test]
    fn prints_and_parses_back(
        os in "[a-z0-9_-]{1,8}",
        architecture in "[a-z0-9_.-]{1,8}",
        variant in proptest::option::of("[A-Za-z0-9_.-]{1,4}"),
        version in proptest::option::of("\\PC{1,8}"),
        mut features in prop::collection::vec("\\PC{1,6}", 0..3),
    ) {
        features.sort();
        let mut platform = Platform::new(&os, &architecture, variant.as_deref()).unwrap();
        platform.os_version = version;
        platform.os_features = features;
        prop_assert_eq!(&Platform::parse(&platform.to_string()).unwrap(), &platform);
        prop_assert!(Selector::from(&platform).matches(&platform));
        prop_assert_eq!(platform.normalized().normalized(), platform.normalized());
    }

    #[test]
    fn never_panics(text in ".{0,40}") {
        let _ = Selector::parse(&text);
    }
}

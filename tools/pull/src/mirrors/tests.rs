use super::*;

fn mirror(host: &str, prefix: &str, plain: bool) -> Place {
    Place::Mirror {
        host: host.into(),
        prefix: prefix.into(),
        plain,
    }
}

fn name(place: &Place) -> String {
    match place {
        Place::Mirror { host, prefix, .. } if prefix.is_empty() => format!("mirror {host}"),
        Place::Mirror { host, prefix, .. } => format!("mirror {host}/{prefix}"),
        Place::Layout(path) => format!("layout {}", path.display()),
        Place::Direct => "the registry itself".into(),
        Place::Off => "off".into(),
    }
}

fn shown(list: &str) -> String {
    match parse(list) {
        Ok(steps) => {
            let one = |step: &Step| {
                let mark = if step.on_any_error { "|" } else { "," };
                format!("{}{mark}", name(&step.place))
            };
            steps.iter().map(one).collect()
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn lists() {
    for (list, expected) in [
        ("", "the registry itself,"),
        ("direct", "the registry itself,"),
        ("off", "off,"),
        ("mirror.example", "mirror mirror.example,"),
        ("https://m.example/hub/", "mirror m.example/hub,"),
        (
            "a.example,b.example|c.example",
            "mirror a.example,mirror b.example|mirror c.example,",
        ),
        (
            ",, a.example ,direct",
            "mirror a.example,the registry itself,",
        ),
        (
            "a.example,direct,nonsense://",
            "mirror a.example,the registry itself,",
        ),
        ("a.example|off,b.example", "mirror a.example|off,"),
        ("file:///srv/images", "layout /srv/images,"),
        ("file:vendor/images,off", "layout vendor/images,off,"),
        // Folders of other repositories under Bazel.
        (
            "file:external/rules_x~~images~base+1/v",
            "layout external/rules_x~~images~base+1/v,",
        ),
        ("HTTPS://m.example", "mirror m.example,"),
        (
            ",",
            "`,` is not a place to pull from: it has only empty entries",
        ),
        (
            "file://host/path",
            "`file://host/path` is not a place to pull from: a file URL has a path and nothing else, as `file:///srv/images`",
        ),
        (
            "ftp://a",
            "`ftp://a` is not a place to pull from: its scheme is none of https, http and file",
        ),
        (
            "https:///x",
            "`https:///x` is not a place to pull from: it has no host",
        ),
        (
            "https://u@a/x",
            "`https://u@a/x` is not a place to pull from: it has a query, a fragment or user information",
        ),
        (
            "https://a b/x",
            "`https://a b/x` is not a place to pull from: places are separated by `,` or `|`",
        ),
        (
            "https://a\\b/x",
            "`https://a\\b/x` is not a place to pull from: its host is missing or malformed",
        ),
        (
            "https://m.example:x",
            "`https://m.example:x` is not a place to pull from: its port is malformed",
        ),
        (
            "mirror.example:5000:6000",
            "`mirror.example:5000:6000` is not a place to pull from: its port is malformed",
        ),
        (
            "https://-/x/../y",
            "`https://-/x/../y` is not a place to pull from: its path can't begin the name of a repository",
        ),
        (
            "http://m.example:5000/a|https://m.example:5000/b",
            "`m.example:5000` is not a place to pull from: it is both `https` and `http`",
        ),
        (
            "Direct",
            "`Direct` is not a place to pull from: it is written `direct`",
        ),
        (
            "OFF",
            "`OFF` is not a place to pull from: it is written `off`",
        ),
        (
            "/srv/images",
            "`/srv/images` is not a place to pull from: a folder is written `file:///srv/images`",
        ),
        (
            "./images",
            "`./images` is not a place to pull from: a folder is written `file:///srv/images`",
        ),
        (
            "a.example;b.example",
            "`a.example;b.example` is not a place to pull from: places are separated by `,` or `|`",
        ),
        (
            "a.example b.example",
            "`a.example b.example` is not a place to pull from: places are separated by `,` or `|`",
        ),
        (
            "https://a/Upper",
            "`https://a/Upper` is not a place to pull from: its path can't begin the name of a repository",
        ),
    ] {
        assert_eq!(shown(list), expected, "{list}");
    }
    assert_eq!(
        parse("http://a:5000").unwrap()[0].place,
        mirror("a:5000", "", true)
    );
}

#[test]
fn names_at_a_mirror() {
    for (prefix, expected) in [
        ("", "library/debian"),
        ("hub", "hub/library/debian"),
        ("{registry}", "docker.io/library/debian"),
        ("cache/{registry}", "cache/docker.io/library/debian"),
    ] {
        let place = parse(&format!("https://m.example/{prefix}"))
            .unwrap()
            .remove(0)
            .place;
        let name = place.repository("docker.io", "library/debian");
        assert_eq!(name.unwrap(), expected);
    }
    // What no repository can be called no mirror has.
    let place = parse("https://m.example/cache/{registry}").unwrap();
    for registry in ["corp.example:5000", "LOCALDOMAIN", "[::1]"] {
        let error = place[0].place.repository(registry, "app").unwrap_err();
        assert!(error.is_absent(), "{error}");
    }
    let long = "a".repeat(250);
    let error = place[0].place.repository("docker.io", &long).unwrap_err();
    assert!(error.is_absent(), "{error}");
}

/// The patterns of Go, its own table.
#[test]
fn patterns() {
    for (pattern, name, expected) in [
        ("", "rsc.io/quote", false),
        ("/", "rsc.io/quote", false),
        ("*/quote", "rsc.io/quote", true),
        ("*/quo", "rsc.io/quote", false),
        ("*/quo??", "rsc.io/quote", true),
        ("*/quo*", "rsc.io/quote", true),
        ("*quo*", "rsc.io/quote", false),
        ("rsc.io", "rsc.io/quote", true),
        ("*.io", "rsc.io/quote", true),
        ("rsc.io/", "rsc.io/quote", true),
        ("rsc", "rsc.io/quote", false),
        ("rsc*", "rsc.io/quote", true),
        ("*/*/*", "rsc.io/quote", false),
        ("*/*/*/", "rsc.io/quote", false),
        ("*/*/*,,", "rsc.io/quote", false),
        ("*/*/*,,*/quote", "rsc.io/quote", true),
        (",,*/quote", "rsc.io/quote", true),
        ("rsc.io", "rsc.io/quote/v3", true),
        ("*/quote", "rsc.io/quote/v3", true),
        ("*/quote/", "rsc.io/quote/v3", true),
        ("*/quote/*", "rsc.io/quote/v3", true),
        ("*/quote/*/", "rsc.io/quote/v3", true),
        ("*/v3", "rsc.io/quote/v3", false),
        ("*/*/v3", "rsc.io/quote/v3", true),
        ("*/*/*", "rsc.io/quote/v3", true),
        ("*/*/*/", "rsc.io/quote/v3", true),
        // And of ours.
        ("none", "none/quote", false),
        ("localhost:5000", "localhost:5000/a", true),
        ("docker.io/library", "docker.io/library/nginx", true),
        ("nginx", "docker.io/library/nginx", false),
        ("rs[a-c].io", "rsc.io/quote", true),
        ("rs[^a-c].io", "rsc.io/quote", false),
        ("rs[c.io", "rsc.io/quote", false),
    ] {
        assert_eq!(is_private(pattern, name), expected, "{pattern} {name}");
    }
}

#[test]
fn private_names_go_direct() {
    let list = parse("m.example,off").unwrap();
    assert_eq!(
        of_name(&list, "corp.example", "corp.example/app"),
        vec![direct()]
    );
    assert_eq!(of_name(&list, "corp.example", "docker.io/library/x"), list);
}

/// What each place answers: a status, 0 for a place that can't be reached.
fn walked(list: &str) -> String {
    let answers: Vec<(&str, u16)> = vec![
        ("404", 404),
        ("410", 410),
        ("403", 403),
        ("500", 500),
        ("unreachable", 0),
        ("good", 200),
    ];
    let steps = parse(list).unwrap();
    let result = walk(&steps, |place| {
        let name = match place {
            Place::Mirror { host, .. } => host.as_str(),
            Place::Direct => "direct",
            Place::Off => return Err(Error::Off { what: "x".into() }),
            Place::Layout(_) => unreachable!(),
        };
        match answers.iter().find(|(known, _)| *known == name) {
            Some((_, 200)) => Ok(()),
            Some((_, status)) => Err(crate::error::tests::of_status(*status)),
            None => Err(crate::error::tests::of_status(599)),
        }
    });
    match result {
        Ok(()) => "good".into(),
        Err(Error::Off { .. }) => "off".into(),
        Err(Error::Places(places)) if matches!(places.best, Error::Off { .. }) => "off".into(),
        Err(error) => crate::error::tests::status_of(&error).to_string(),
    }
}

/// The vectors of Go's `mod_proxy_list`.
#[test]
fn walks() {
    for (list, expected) in [
        ("404", "404"),
        ("404,410,good", "good"),
        ("403,good", "403"),
        ("500,good", "500"),
        ("403|unreachable|good", "good"),
        ("500|unreachable|good", "good"),
        ("404,410", "410"),
        // The most telling error.
        ("404|500|410", "500"),
        ("500|403", "500"),
        ("404,off", "off"),
        ("500|off", "off"),
        ("500,off", "500"),
        ("500|direct", "599"),
        ("404,direct", "599"),
        ("good,off", "good"),
    ] {
        assert_eq!(walked(list), expected, "{list}");
    }
}

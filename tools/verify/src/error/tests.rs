use super::*;

fn shown(error: Error) -> (String, u8) {
    let code = error.blame().exit_code();
    (action::Failed::new(None, error).render("verify"), code)
}

#[test]
fn each_message() {
    let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
    let other = |update: Option<&str>| Error::OtherDigest {
        path: "a.digest".into(),
        expected: Box::new(one),
        found: Box::new(two),
        causes: Vec::new(),
        update: update.map(str::to_owned),
    };
    let not_same = |same_content| Error::NotSame {
        first: "a".into(),
        second: "b".into(),
        same_content,
        causes: vec!["why".into()],
        update: None,
    };
    let structure = || Error::Structure {
        layout: "l".into(),
        differences: vec![Difference {
            what: "user".into(),
            expected: "`a`".into(),
            found: "`b`".into(),
        }],
    };
    let cases: Vec<(Error, String, u8)> = vec![
        (
            Error::NoChecks,
            "verify: the request has no checks\nhint: give one or more of `digest`, `structure`, `same`, `image`, `attested`\n".into(),
            1,
        ),
        (
            Error::Attested { image: "i".into(), findings: vec!["why".into()] },
            "verify: one thing is wrong with what is said of `i`\n  finding: why\nhint: docs/requests/verify.md says what is compared; believe nothing of it until you know why\n".into(),
            1,
        ),
        (
            Error::Key { path: "k".into(), error: signing::Error::Private },
            "verify: `k`: it is a private key, and a public one is wanted\nhint: `openssl pkey -in key.pem -pubout` prints the public key\n".into(),
            1,
        ),
        (
            Error::Expected { check: 2, both: true },
            "verify: check 2: `expected` and `expected_digest` are both given\nhint: give one of the two\n".into(),
            1,
        ),
        (
            Error::Expected { check: 0, both: false },
            "verify: check 0: neither `expected` nor `expected_digest` is given\nhint: give one of the two\n".into(),
            1,
        ),
        (
            Error::Image { text: "x".into(), reason: "why".into() },
            "verify: `x` is neither a file nor a folder nor the name of an image: why\nhint: give the path of a layout or archive, or a name as `registry.example.com/team/app:1.0`\n".into(),
            1,
        ),
        (
            Error::NoDigest { path: "f".into(), reason: "it is empty".into() },
            "verify: `f` holds no digest: it is empty\nhint: it is a line `sha256:…`, a receipt of `layer` or `assemble`, or what `verify update --documents` wrote\n".into(),
            1,
        ),
        (
            Error::Listing { path: "f".into(), line: 3, reason: "why".into() },
            "verify: `f` is not a listing: line 3: why\nhint: give a file that `layer` wrote with `--listing`\n".into(),
            1,
        ),
        (
            Error::Which { image: "l".into(), images: vec!["a".into(), "b".into()] },
            "verify: `l` lists several images\n  image: a\n  image: b\nhint: compare layouts that list one image or one index each\n".into(),
            1,
        ),
        (
            Error::ListingOf { text: "x".into(), reason: "why".into() },
            "verify: `x` is not DIGEST=FILE: why\nhint: give the digest of the layer or its diff_id, and the listing of it\n".into(),
            1,
        ),
        (
            Error::Sealed { source_: "x".into(), reason: "why".into() },
            "verify: `x` has no sealed requests: why\nhint: give a layout that `attest` wrote with `sealed`, or an image that one was pushed for\n".into(),
            1,
        ),
        (
            Error::NoReferrer { image: "x".into(), artifact_type: "a/b".into() },
            "verify: nothing of the type a/b refers to `x`\nhint: give a layout that `attest` wrote with `sealed`, or an image that one was pushed for\n".into(),
            1,
        ),
        (
            Error::OtherTool { path: "t".into(), expected: Box::new(one), found: Box::new(two) },
            format!("verify: `t` is not the program that the image was made by\n  expected: {one}\n  found:    {two}\nhint: take the programs of the release that made it\n"),
            1,
        ),
        (
            Error::WorkExists { path: "w".into() },
            "verify: `w` exists\nhint: give a folder that does not exist\n".into(),
            1,
        ),
        (
            Error::StepFailed { tool: "layer".into(), output: "o".into(), reason: "why".into() },
            "verify: `layer` did not make `o` again\n  it said: why\nhint: give the inputs by the names that the requests have\n".into(),
            1,
        ),
        (
            Error::Listings { listings: 3, layers: 2 },
            "verify: there are 3 listings, and the image has 2 layers\nhint: give listings of the uppermost layers, the lowest of them first\n".into(),
            1,
        ),
        (
            Error::NoListing { digest: one },
            format!("verify: the layer {one} is not in the layout, and no listing is given for it\nhint: give its listing, or a layout that has the layer\n"),
            1,
        ),
        (
            Error::Unreadable { image: "i".into(), message: "why".into(), hint: Some("wait".into()) },
            "verify: cannot read `i`: why\nhint: wait\n".into(),
            3,
        ),
        (
            Error::Unsound { image: "i".into(), findings: vec!["a".into(), "b".into()] },
            "verify: 2 things are wrong in `i`\n  finding: a\n  finding: b\nhint: docs/requests/verify.md says what each rule asks for\n".into(),
            1,
        ),
        (
            other(Some("bazel run //a:update")),
            format!("verify: `a.digest` does not have the digest that is expected\n  expected: {one}\n  found:    {two}\nhint: if the change is meant: bazel run //a:update\n"),
            11,
        ),
        (
            structure(),
            "verify: `l` is not what is expected\n  difference: user: expected `a`, found `b`\n".into(),
            1,
        ),
        (not_same(false), "verify: `a` and `b` are not the same\n  cause: why\n".into(), 11),
        (not_same(true), "verify: `a` and `b` have the same content in other bytes\n  cause: why\n".into(), 10),
        (
            Error::Several { checks: 3, failed: vec![not_same(true), not_same(false)] },
            "verify: 2 of 3 checks do not hold\n  check: `a` and `b` have the same content in other bytes\n  cause: why\n  check: `a` and `b` are not the same\n  cause: why\n".into(),
            11,
        ),
    ];
    for (error, text, code) in cases {
        assert_eq!(shown(error), (text, code));
    }
}

#[test]
fn the_worst_of_several_decides() {
    let blame = |failed| Error::Several { checks: 9, failed }.blame().exit_code();
    let unsound = || Error::Unsound {
        image: "i".into(),
        findings: Vec::new(),
    };
    let far = || Error::Unreadable {
        image: "i".into(),
        message: String::new(),
        hint: None,
    };
    let same = || Error::NotSame {
        first: "a".into(),
        second: "b".into(),
        same_content: true,
        causes: Vec::new(),
        update: None,
    };
    assert_eq!(blame(vec![same(), same()]), 10);
    assert_eq!(blame(vec![same(), unsound()]), 1);
    assert_eq!(blame(vec![unsound(), far()]), 3);
    assert_eq!(
        Error::trouble("i", Trouble::wrong(inspect::Rule::Tar, "x"))
            .blame()
            .exit_code(),
        1
    );
}

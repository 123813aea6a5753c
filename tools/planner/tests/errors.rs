//! Each error: what it says, where, and what to do about it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use planner::{
    Budget, Change, Error, Hint, Layer, Limits, Node, Plan, Previous, Request, Volatility, plan,
};
use std::collections::BTreeSet;

/// Nodes as lines: `"app 10 libc"` is `app` of ten bytes that refers to `libc`.
fn request(lines: &[&str]) -> Request {
    let nodes = lines.iter().map(|line| {
        let mut words = line.split(' ');
        Node {
            path: words.next().unwrap().to_owned(),
            name: None,
            size: words.next().unwrap().parse().unwrap(),
            references: words.map(str::to_owned).collect(),
            volatility: None,
            weight: None,
        }
    });
    Request {
        nodes: nodes.collect(),
        ..Request::default()
    }
}

fn small() -> Request {
    request(&["app 10 lib", "lib 200 libc", "libc 3000"])
}

/// The whole of an error: its message, its details, its hint.
fn told(request: &Request) -> String {
    let error = plan(request).err().expect("the request is wrong");
    rendered(&error)
}

fn rendered(error: &Error) -> String {
    let mut text = error.to_string();
    for (label, value) in error.details() {
        text += &format!("\n  {label}: {value}");
    }
    if let Some(hint) = error.hint() {
        text += &format!("\nhint: {hint}");
    }
    text
}

#[test]
fn paths_and_names_come_once() {
    assert_eq!(
        told(&request(&["a 1", "a 2"])),
        "the path `a` is in the graph twice\nhint: list each path once"
    );
    let mut two = request(&["a 1", "b 2"]);
    for node in &mut two.nodes {
        node.name = Some("same".to_owned());
    }
    assert_eq!(
        told(&two),
        "two paths have the name `same`\n  first: a\n  second: b\n\
         hint: give them different names, or none: then they are made from the paths"
    );
    let mut named = request(&["a 1", "a 2"]);
    named.nodes[0].name = Some("one".to_owned());
    named.nodes[1].name = Some("two".to_owned());
    assert_eq!(
        told(&named),
        "the path `a` is in the graph twice\nhint: list each path once"
    );
}

#[test]
fn paths_and_names_are_not_empty() {
    assert_eq!(
        told(&request(&["a 1", " 2"])),
        "the path of node 1 is empty"
    );
    let mut unnamed = request(&["a 1"]);
    unnamed.nodes[0].name = Some(String::new());
    assert_eq!(told(&unnamed), "the name of node 0 is empty");
}

#[test]
fn references_stay_in_the_graph() {
    assert_eq!(
        told(&request(&["app 10 gone"])),
        "`app` refers to `gone`, which is not in the graph\n\
         hint: give the whole closure; what the base image has goes into `base_paths` as well"
    );
}

#[test]
fn sizes_are_bounded() {
    let limit = 1u64 << 53;
    for (first, second) in [(limit, 1), (u64::MAX, u64::MAX)] {
        let text = told(&request(&[&format!("a {first}"), &format!("b {second}")]));
        let at = if first == limit {
            "b (1 bytes)"
        } else {
            "a (18446744073709551615 bytes)"
        };
        assert_eq!(
            text,
            format!("the sizes add up to more than {limit} bytes\n  passed at: {at}")
        );
    }
}

#[test]
fn too_many_nodes_are_named() {
    let error = Error::TooManyNodes {
        nodes: 17_000_000,
        limit: 1 << 24,
    };
    assert_eq!(
        rendered(&error),
        "the graph has 17000000 nodes, more than 16777216"
    );
}

#[test]
fn layers_are_from_1_to_127_and_one_is_left() {
    for given in [0, 128] {
        let mut wrong = small();
        wrong.limits.max_layers = given;
        assert_eq!(
            told(&wrong),
            format!(
                "`max_layers` is {given}, it must be from 1 to 127\nhint: leave it out for 100"
            )
        );
    }
    let mut full = small();
    full.limits = Limits {
        max_layers: 40,
        base_layers: 41,
        min_layer_size: 0,
    };
    assert_eq!(
        told(&full),
        "the base has 41 layers and the image may have 40: none is left\n\
         hint: raise `max_layers` above 41, or use a base of fewer layers"
    );
    full.limits.base_layers = 127;
    assert!(told(&full).ends_with("hint: use a base of fewer layers"));
}

fn hinted(pattern: &str, volatility: Option<Volatility>, weight: Option<u32>) -> Request {
    let mut request = small();
    request.hints.push(Hint {
        pattern: pattern.to_owned(),
        volatility,
        weight,
    });
    request
}

#[test]
fn hints_match_and_say_something() {
    let runtime = Some(Volatility::Runtime);
    assert_eq!(
        told(&hinted("lib[", runtime, None)),
        "the pattern `lib[` is malformed: unclosed character class; missing ']'"
    );
    assert_eq!(
        told(&hinted("libz*", runtime, None)),
        "the pattern `libz*` of a hint matches no name\n\
         hint: correct it or remove the hint; it is matched with names, not with paths"
    );
    assert_eq!(
        told(&hinted("lib*", None, None)),
        "the hint for `lib*` gives neither a volatility nor a weight\n\
         hint: give one of them, or remove the hint"
    );
    for given in [0, 1_000_001] {
        assert_eq!(
            told(&hinted("lib*", None, Some(given))),
            format!("the weight of `lib*` is {given}, it must be from 1 to 1000000")
        );
    }
    let mut heavy = small();
    heavy.nodes[0].weight = Some(0);
    assert_eq!(
        told(&heavy),
        "the weight of `app` is 0, it must be from 1 to 1000000"
    );
}

fn after(change: impl FnOnce(&mut Plan)) -> Request {
    let mut previous = plan(&small()).unwrap().plan;
    change(&mut previous);
    let mut request = small();
    request.previous = Some(Previous {
        plan: previous,
        changed: None,
        horizon: 10,
    });
    request
}

#[test]
fn the_previous_plan_is_one() {
    assert_eq!(
        told(&after(|plan| plan.version = 2)),
        "the previous plan is a `layer_plan` of version 2\n\
         hint: make the plan with the same release of the tools that reads it"
    );
    assert!(
        told(&after(|plan| plan.kind = "lock".to_owned()))
            .starts_with("the previous plan is a `lock`")
    );
    let twice = after(|plan| {
        plan.layers.push(Layer {
            key: "more".to_owned(),
            members: vec!["app".to_owned()],
            size: 0,
        });
    });
    assert_eq!(
        told(&twice),
        "the previous plan has `app` in two layers\n  first: app\n  second: more\n\
         hint: remove one of the two, or make the plan anew without a previous one"
    );
    let mut far = after(|_| ());
    far.previous.as_mut().unwrap().horizon = 1001;
    assert_eq!(told(&far), "the horizon is 1001, it must be from 1 to 1000");
}

fn budgeted(change: Change, max_bytes: u64, layers: u32) -> Request {
    let mut request = small();
    request.limits.max_layers = layers;
    request.budgets.push(Budget { change, max_bytes });
    request
}

fn names(names: &[&str]) -> Change {
    Change::Names(
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>(),
    )
}

#[test]
fn budgets_are_kept() {
    for (change, moves) in [
        (Change::Application, 10),
        (names(&["lib"]), 210),
        (names(&["app", "libc"]), 3210),
        (Change::Update, 3210),
    ] {
        assert!(
            plan(&budgeted(change.clone(), moves, 3)).is_ok(),
            "{change:?}"
        );
        assert!(
            plan(&budgeted(change.clone(), moves - 1, 3)).is_err(),
            "{change:?}"
        );
    }
    assert_eq!(
        told(&budgeted(Change::Application, 100, 1)),
        "a change of the application `app` moves 3210 bytes, and may move 100\n  \
         unavoidable: 10 bytes\n  moves: layer libc (3210 bytes)\n\
         hint: allow more layers, hint at what changes, or raise the budget"
    );
    assert_eq!(
        told(&budgeted(names(&["lib", "app"]), 100, 3)),
        "a change of `app`, `lib` moves 210 bytes, and may move 100\n  unavoidable: 210 bytes\n  \
         moves: layer lib (200 bytes)\n  moves: layer app (10 bytes)\n\
         hint: raise the budget: the paths that change are larger than it"
    );
    assert_eq!(
        told(&budgeted(names(&["libz"]), 100, 3)),
        "a budget names `libz`, which is not in the graph\nhint: name a node of the graph"
    );
    let kept = after(|_| ());
    let mut kept = Request {
        budgets: budgeted(Change::Update, 0, 3).budgets,
        ..kept
    };
    assert!(plan(&kept).is_ok(), "nothing changed");
    kept.previous.as_mut().unwrap().changed = Some(BTreeSet::from(["app".to_owned()]));
    assert!(told(&kept).starts_with("a change of the release before into this one moves 10 bytes"));
}

#[test]
fn a_long_list_of_layers_is_cut() {
    let error = Error::Budget {
        change: "`a`".to_owned(),
        moved: 10,
        max: 5,
        unavoidable: 5,
        layers: (0..10).map(|at| (format!("l{at}"), 1)).collect(),
    };
    assert_eq!(error.details().len(), 10);
    assert_eq!(error.details()[9], ("moves", "2 more".to_owned()));
}

#[test]
fn unknown_fields_are_refused() {
    let text = r#"{"nodes":[{"path":"a","size":1,"colour":"red"}]}"#;
    let error = serde_json::from_str::<Request>(text).unwrap_err();
    assert!(
        error.to_string().contains("unknown field `colour`"),
        "{error}"
    );
    let least = r#"{"nodes":[{"path":"a","size":1}]}"#;
    assert_eq!(
        serde_json::from_str::<Request>(least).unwrap(),
        request(&["a 1"])
    );
}

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn text(value: &Value) -> String {
    String::from_utf8(canonical(value).unwrap()).unwrap()
}

fn refused(json: &str) -> Error {
    read(json.as_bytes(), Limits::MANIFEST, "manifest").unwrap_err()
}

#[test]
fn exact_bytes() {
    assert_eq!(
        text(&json!({"b": [1, -2, true, false, null], "a": {}, "Z": [], "é": "ü/"})),
        r#"{"Z":[],"a":{},"b":[1,-2,true,false,null],"é":"ü/"}"#
    );
    assert_eq!(
        text(&json!(
            "\"\\/\u{0}\u{8}\t\n\u{b}\u{c}\r\u{1f}\u{7f}\u{2028}<>&"
        )),
        "\"\\\"\\\\/\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\u{7f}\u{2028}<>&\""
    );
    assert_eq!(
        text(&json!([u64::MAX, i64::MIN])),
        "[18446744073709551615,-9223372036854775808]"
    );
    // By bytes of UTF-8, not by UTF-16 units (RFC 8785 differs here).
    assert_eq!(
        text(&json!({"\u{10000}": 1, "\u{ffff}": 2})),
        "{\"\u{ffff}\":2,\"\u{10000}\":1}"
    );
}

#[test]
fn numbers_that_are_not_integers() {
    let error = canonical(&json!({"config": {"x": [0, 1.5]}})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "number 1.5 at `config.x[1]` is not an integer, and canonical JSON holds only integers"
    );
}

#[test]
fn a_key_twice() {
    assert_eq!(
        refused(r#"{"layers":[{},{"digest":"a","size":1,"digest":"b"}]}"#).to_string(),
        "manifest has the key `digest` twice in one object, at `layers[1]`"
    );
    assert_eq!(
        refused(r#"{"a":1,"\u0061":2}"#).to_string(),
        "manifest has the key `a` twice in one object, at `.`"
    );
}

#[test]
fn a_key_twice_in_a_free_value() {
    let mut twice = serde_json::Deserializer::from_str(r#"{"a":{"b":1,"b":2}}"#);
    let error = unique(&mut twice).unwrap_err().to_string();
    assert!(
        error.starts_with("value has the key `b` twice in one object, at `a`"),
        "{error}"
    );
    let mut once = serde_json::Deserializer::from_str(r#"{"a":{"b":1,"c":2}}"#);
    assert_eq!(unique(&mut once).unwrap(), json!({"a": {"b": 1, "c": 2}}));
}

#[test]
fn too_large_and_too_deep() {
    let limits = Limits { size: 10, depth: 2 };
    assert_eq!(
        read(b"[0,0,0,0,0]", limits, "config")
            .unwrap_err()
            .to_string(),
        "config is 11 bytes long, more than the limit of 10"
    );
    assert!(read(b"[[0]]", limits, "config").is_ok());
    assert_eq!(
        read(b"[[{}]]", limits, "config").unwrap_err().to_string(),
        "config is nested deeper than 2 levels"
    );
    let deep = "[".repeat(100_000);
    assert!(matches!(refused(&deep), Error::JsonTooDeep { .. }));
}

#[test]
fn malformed() {
    for (bad, reason) in [
        ("", "EOF while parsing a value"),
        ("{} {}", "trailing characters"),
        ("\u{feff}{}", "expected value"),
        ("{'a':1}", "key must be a string"),
        ("[1,]", "trailing comma"),
        ("01", "invalid number"),
        ("\"\\ud800x\"", "hex escape"),
        ("nul", "EOF"),
    ] {
        let error = refused(bad);
        assert!(
            error.to_string().starts_with("manifest is not valid: "),
            "{error}"
        );
        assert!(error.to_string().contains(reason), "{bad}: {error}");
    }
    assert!(read(b"\"\xff\"", Limits::MANIFEST, "config").is_err());
}

#[test]
fn a_place_in_a_document_of_ours() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[allow(dead_code, reason = "only its absence matters")]
        n: u8,
    }
    let value = json!([{"n": 1}, {"n": 2, "m": 3}]);
    let error = from_value::<Vec<Inner>>(value, "receipt").unwrap_err();
    assert_eq!(
        error.to_string(),
        "receipt is not valid: at `[1].m`: unknown field `m`, expected `n`"
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn written_and_read_back(value in any_json()) {
        let bytes = canonical(&value).unwrap();
        prop_assert_eq!(&read(&bytes, Limits::OURS, "value").unwrap(), &value);
        prop_assert_eq!(&serde_json::from_slice::<Value>(&bytes).unwrap(), &value);
        prop_assert_eq!(canonical(&read(&bytes, Limits::OURS, "value").unwrap()).unwrap(), bytes);
    }

    #[test]
    fn the_same_bytes_as_another_writer(value in any_json()) {
        prop_assert_eq!(canonical(&value).unwrap(), serde_json::to_vec(&value).unwrap());
    }

    #[test]
    fn white_space_and_order_do_not_matter(value in any_json()) {
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        let read = read(&pretty, Limits::OURS, "value").unwrap();
        prop_assert_eq!(canonical(&read).unwrap(), canonical(&value).unwrap());
    }

    #[test]
    fn never_panics(bytes: Vec<u8>) {
        let _ = read(&bytes, Limits::MANIFEST, "value");
    }
}

use serde_json::json;

use super::*;

fn docker() -> Value {
    json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Env": ["PATH=/bin", "A=b"],
            "Healthcheck": {"Test": ["CMD", "x"], "Interval": 30000000000u64},
            "Shell": ["/bin/bash", "-c"],
            "OnBuild": null,
            "ArgsEscaped": true,
            "ExposedPorts": {"80/tcp": {}},
            "Labels": {"k": "v"},
            "WorkingDir": "",
        },
        "container": "0123",
        "docker_version": "20",
        "history": [{"created": "2020-01-01T00:00:00Z", "x": 1}, {"empty_layer": true}],
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"a")], "x-more": 1},
    })
}

fn config(value: &Value) -> Config {
    Config::read(value.to_string().as_bytes()).unwrap()
}

#[test]
fn nothing_is_dropped() {
    let mut config = config(&docker());
    assert_eq!(
        config.to_bytes().unwrap(),
        json::canonical(&docker()).unwrap()
    );
    let diff_ids = config.diff_ids().unwrap();
    config.set_diff_ids(&diff_ids);
    config.set_platform(&config.platform().unwrap());
    config.set_field("Shell", config.field("Shell").cloned());
    assert_eq!(
        config.to_bytes().unwrap(),
        json::canonical(&docker()).unwrap()
    );
}

#[test]
fn looked_at() {
    let config = config(&docker());
    assert_eq!(config.texts("Env").unwrap().unwrap(), ["PATH=/bin", "A=b"]);
    assert_eq!(config.texts("OnBuild").unwrap(), None);
    assert_eq!(config.text("WorkingDir").unwrap(), None);
    assert_eq!(config.keys("ExposedPorts").unwrap(), ["80/tcp"]);
    assert_eq!(config.text_map("Labels").unwrap()["k"], "v");
    let history = config.history().unwrap();
    assert_eq!((history.len(), history[1].empty_layer), (2, true));
    assert_eq!(history[0].created.as_deref(), Some("2020-01-01T00:00:00Z"));
}

#[test]
fn edited() {
    let mut config = Config::new(&Platform::parse("linux/arm64/v8").unwrap());
    config.set_field("User", Some("1000".into()));
    config.set_field("Nothing", None);
    config.set_diff_ids(&[Digest::of(b"a")]);
    config.push_history(&[History {
        created_by: Some("layer".into()),
        empty_layer: true,
        ..History::default()
    }]);
    assert_eq!(
        Value::Object(config.document().clone()),
        json!({
            "architecture": "arm64", "os": "linux", "variant": "v8",
            "config": {"User": "1000"},
            "history": [{"created_by": "layer", "empty_layer": true}],
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"a")]},
        })
    );
    let theirs =
        oci_spec::image::ImageConfiguration::from_reader(&config.to_bytes().unwrap()[..]).unwrap();
    assert_eq!(theirs.architecture().to_string(), "arm64");
    assert_eq!(theirs.rootfs().diff_ids()[0], Digest::of(b"a").to_string());
    assert_eq!(
        theirs.config().as_ref().unwrap().user().as_deref(),
        Some("1000")
    );
    config.set_field("User", None);
    assert!(!config.document().contains_key("config"));
}

#[test]
fn refusals() {
    let refused = |path: &str, value: Value| {
        let mut document = docker();
        *document.pointer_mut(path).unwrap() = value;
        let config = config(&document);
        let errors = [
            config.platform().map(drop),
            config.diff_ids().map(drop),
            config.history().map(drop),
            config.texts("Env").map(drop),
            config.text("WorkingDir").map(drop),
            config.text_map("Labels").map(drop),
            config.keys("ExposedPorts").map(drop),
        ];
        errors
            .into_iter()
            .find_map(Result::err)
            .unwrap()
            .to_string()
    };
    assert_eq!(
        refused("/os", json!("")),
        "config has a bad `os`: it is missing"
    );
    assert_eq!(
        refused("/rootfs", json!([])),
        "config has a bad `rootfs`: it is not an object"
    );
    assert_eq!(
        refused("/rootfs/type", json!("x")),
        "config has a bad `rootfs.type`: it is not `layers`"
    );
    assert!(
        refused("/rootfs/diff_ids/0", json!("x"))
            .starts_with("config has a bad `rootfs.diff_ids[0]`: `x` is not a digest")
    );
    assert_eq!(
        refused("/history/0", json!(1)),
        "config has a bad `history[0]`: it is not an object"
    );
    assert_eq!(
        refused("/history/1/empty_layer", json!(1)),
        "config has a bad `history[1].empty_layer`: it is not a boolean"
    );
    assert_eq!(
        refused("/config/Env", json!([1])),
        "config has a bad `config.Env`: it is not a list of strings"
    );
    assert_eq!(
        refused("/config/WorkingDir", json!(1)),
        "config has a bad `config.WorkingDir`: it is not a string"
    );
    assert_eq!(
        refused("/config/Labels", json!({"a": 1})),
        "config has a bad `config.Labels`: it is not a map of strings"
    );
    assert_eq!(
        refused("/config/ExposedPorts", json!([])),
        "config has a bad `config.ExposedPorts`: it is not an object"
    );
    assert_eq!(
        Config::read(b"1").unwrap_err().to_string(),
        "config is not valid: it is not an object"
    );
}

use super::*;

/// The inner `config` object of an image that is built on `base` by a request with `fields`.
fn built(base: Value, fields: Value) -> Value {
    whole(base, json!({"config": fields})).unwrap()["config"].take()
}

fn whole(base: Value, image: Value) -> std::result::Result<Value, String> {
    let request: Image = serde_json::from_value(image).map_err(|error| error.to_string())?;
    let document = json!({
        "os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []},
        "created": "2020-01-01T00:00:00Z", "author": "base", "config": base,
    });
    let base = Config::read(document.to_string().as_bytes()).unwrap();
    let platform = base.platform().unwrap();
    let mut config = match config(&request, Some(base), &platform, &Stamps::default()) {
        Ok(config) => config,
        Err(Problem::Request(error)) => return Err(error.to_string()),
        Err(Problem::Base(error)) => return Err(format!("base: {error}")),
    };
    merge_fragment(&mut config, &request.fragment.0).map_err(|error| error.to_string())?;
    Ok(Value::Object(config.document().clone()))
}

#[test]
fn what_is_not_said_stays() {
    let base = json!({
        "Env": ["A=1", "B"], "Entrypoint": ["/e"], "Cmd": ["c"], "User": "u", "Labels": {"k": "v"},
        "ExposedPorts": {"1/tcp": {}}, "Volumes": {"/v": {}}, "WorkingDir": "/w",
        "StopSignal": "SIGINT", "Healthcheck": {"Test": ["CMD", "x"]}, "Shell": ["/bin/sh"],
        "OnBuild": null, "ArgsEscaped": true, "Later": {"x": [1]},
    });
    assert_eq!(built(base.clone(), json!({})), base);
    let whole = whole(base, json!({})).unwrap();
    assert_eq!(whole["author"], "base");
    assert_eq!(
        whole["created"], "1970-01-01T00:00:00Z",
        "the base's time is not the image's"
    );
}

#[test]
fn environment() {
    let base = json!({"Env": ["PATH=/bin", "A=1", "N"]});
    let env = |change: Value| built(base.clone(), json!({"env": change}))["Env"].take();
    let given = json!([
        {"name": "PATH", "value": {"expand": "/app:${PATH}"}},
        {"name": "C", "value": {"expand": "$A$PATH"}},
        {"name": "A", "value": "$A"},
        {"name": "N", "value": ""},
    ]);
    assert_eq!(
        env(json!({"append": given})),
        json!(["PATH=/app:/bin", "A=$A", "N=", "C=1/bin"]),
        "in place, in order, expanded with the base's"
    );
    assert_eq!(
        env(json!({"replace": [{"name": "X", "value": {"expand": "$A"}}]})),
        json!(["X=1"])
    );
    assert_eq!(
        built(base.clone(), json!({"env": "unset"})).get("Env"),
        None
    );
    let refused = |given: Value| {
        whole(base.clone(), json!({"config": {"env": {"append": given}}})).unwrap_err()
    };
    assert_eq!(
        refused(json!([{"name": "A=B", "value": ""}])),
        "`config.env[0]` has a bad name: `A=B`"
    );
    assert_eq!(
        refused(json!([{"name": "A", "value": ""}, {"name": "A", "value": ""}])),
        "`config.env` has `A` twice"
    );
}

#[test]
fn another_entrypoint_resets_the_command() {
    let base = json!({"Entrypoint": ["/e"], "Cmd": ["c"], "ArgsEscaped": true});
    let after = |fields: Value| {
        let mut config = built(base.clone(), fields);
        (config["Entrypoint"].take(), config["Cmd"].take())
    };
    assert_eq!(
        after(json!({"entrypoint": {"replace": ["/x"]}})),
        (json!(["/x"]), Value::Null)
    );
    assert_eq!(
        after(json!({"entrypoint": "unset"})),
        (Value::Null, Value::Null)
    );
    assert_eq!(
        after(json!({"entrypoint": {"append": ["-v"]}})),
        (json!(["/e", "-v"]), Value::Null)
    );
    assert_eq!(
        after(json!({"entrypoint": {"replace": ["/x"]}, "cmd": {"append": []}})),
        (json!(["/x"]), json!(["c"]))
    );
    assert_eq!(
        after(json!({"entrypoint": {"replace": ["/x"]}, "cmd": {"replace": ["d"]}})),
        (json!(["/x"]), json!(["d"]))
    );
    assert_eq!(
        after(json!({"cmd": {"replace": ["d"]}})),
        (json!(["/e"]), json!(["d"]))
    );
    assert_eq!(after(json!({"cmd": "unset"})), (json!(["/e"]), Value::Null));
}

#[test]
fn working_directories() {
    let after = |base: &str, given: Value| {
        built(json!({"WorkingDir": base}), json!({"working_dir": given}))["WorkingDir"].take()
    };
    assert_eq!(after("/w", json!({"replace": "/x/./y/"})), "/x/y");
    assert_eq!(after("/w", json!({"replace": "x"})), "/w/x");
    assert_eq!(after("", json!({"replace": "x"})), "/x");
    assert_eq!(after("/w/v", json!({"replace": "../x"})), "/w/x");
    assert_eq!(after("/w", json!({"replace": "/"})), "/");
    assert_eq!(
        whole(
            json!({}),
            json!({"config": {"working_dir": {"replace": ""}}})
        )
        .unwrap_err(),
        "`config.working_dir` is empty"
    );
}

#[test]
fn variables_of_the_result() {
    let config = built(
        json!({"Env": ["HOME=/root"]}),
        json!({
            "env": {"append": [{"name": "APP", "value": {"expand": "$HOME/app"}}]},
            "working_dir": {"replace": {"expand": "$APP"}},
            "user": {"replace": {"expand": "${USER:-1000}"}},
            "labels": {"replace": {"dir": {"expand": "$APP"}, "raw": "$APP"}},
            "volumes": {"replace": [{"expand": "$APP/data"}]},
        }),
    );
    assert_eq!(config["WorkingDir"], "/root/app");
    assert_eq!(config["User"], "1000");
    assert_eq!(config["Labels"], json!({"dir": "/root/app", "raw": "$APP"}));
    assert_eq!(config["Volumes"], json!({"/root/app/data": {}}));
}

#[test]
fn sets_and_maps() {
    let base = json!({
        "ExposedPorts": {"1/tcp": {}}, "Volumes": {"/v": {}}, "Labels": {"a": "1", "b": "2"},
    });
    let config = built(
        base.clone(),
        json!({
            "exposed_ports": {"append": ["80", "53/UDP", "8000-8002", "80/tcp"]},
            "volumes": {"append": ["/w", "/v"]},
            "labels": {"append": {"b": "3", "c": "4"}},
        }),
    );
    assert_eq!(
        config,
        json!({
            "ExposedPorts": {
                "1/tcp": {}, "53/udp": {}, "80/tcp": {}, "8000/tcp": {}, "8001/tcp": {}, "8002/tcp": {},
            },
            "Volumes": {"/v": {}, "/w": {}},
            "Labels": {"a": "1", "b": "3", "c": "4"},
        })
    );
    let config = built(
        base.clone(),
        json!({"exposed_ports": {"replace": ["9"]}, "volumes": "unset", "labels": {"replace": {}}}),
    );
    assert_eq!(config, json!({"ExposedPorts": {"9/tcp": {}}}));
    for (port, reason) in [
        ("x", "it is not a number from 1 to 65535"),
        ("", "it is not a number from 1 to 65535"),
        ("0", "it is not a number from 1 to 65535"),
        ("65536", "it is not a number from 1 to 65535"),
        ("+80", "it is not a number from 1 to 65535"),
        ("80/http", "the protocol is not tcp, udp or sctp"),
        ("90-80", "the range ends before it begins"),
    ] {
        let error = whole(
            base.clone(),
            json!({"config": {"exposed_ports": {"append": [port]}}}),
        );
        assert_eq!(
            error.unwrap_err(),
            format!("`config.exposed_ports`: `{port}` is not a port: {reason}")
        );
    }
}

#[test]
fn dockers_own() {
    let check = json!({
        "test": ["CMD", "/ok"], "interval": 1, "timeout": 2, "start_period": 3, "start_interval": 4,
        "retries": 5,
    });
    let config = built(
        json!({"Shell": ["/bin/sh"], "Healthcheck": {"Test": ["NONE"]}}),
        json!({"healthcheck": {"replace": check}, "shell": {"replace": ["/bin/bash", "-c"]}}),
    );
    assert_eq!(
        config,
        json!({
            "Healthcheck": {
                "Test": ["CMD", "/ok"], "Interval": 1, "Timeout": 2, "StartPeriod": 3,
                "StartInterval": 4, "Retries": 5,
            },
            "Shell": ["/bin/bash", "-c"],
        })
    );
    let config = whole(
        config,
        json!({"config": {"healthcheck": "unset", "shell": "unset"}}),
    );
    assert_eq!(config.unwrap().get("config"), None);
    assert_eq!(
        whole(
            json!({}),
            json!({"config": {"healthcheck": {"replace": {"test": []}}}})
        )
        .unwrap_err(),
        "`config.healthcheck.test` is empty"
    );
}

#[test]
fn author_and_time() {
    let whole = |image| whole(json!({}), image).unwrap();
    let image = whole(json!({"author": {"replace": "me"}, "created": 1}));
    assert_eq!(
        (&image["author"], &image["created"]),
        (&json!("me"), &json!("1970-01-01T00:00:01Z"))
    );
    assert_eq!(whole(json!({"author": "unset"})).get("author"), None);
}

#[test]
fn fragments() {
    let base = json!({"Memory": 1, "Labels": {"a": "1"}, "Cmd": ["c"]});
    let fragment = json!({
        "config": {"Memory": null, "Labels": {"b": "2"}, "Cmd": ["d"], "New": {"x": null, "y": 1}},
        "x-mine": [1],
    });
    let image = whole(base, json!({"fragment": fragment})).unwrap();
    assert_eq!(
        image["config"],
        json!({"Labels": {"a": "1", "b": "2"}, "Cmd": ["d"], "New": {"y": 1}})
    );
    assert_eq!(image["x-mine"], json!([1]));
    for field in MANAGED {
        let mut fragment = Map::new();
        fragment.insert(field.into(), Value::Null);
        assert_eq!(
            whole(json!({}), json!({"fragment": fragment})).unwrap_err(),
            format!("`fragment` cannot set `{field}`")
        );
    }
    assert!(
        whole(json!({}), json!({"fragment": [1]}))
            .unwrap_err()
            .contains("not an object")
    );
}

#[test]
fn a_base_that_is_not_as_it_should_be() {
    let error = whole(json!({"Env": "A=1"}), json!({})).unwrap_err();
    assert_eq!(
        error,
        "base: config has a bad `config.Env`: it is not a list of strings"
    );
}

#[test]
fn windows_takes_names_of_other_case_for_the_same() {
    let given = [Variable {
        name: "PATH".into(),
        value: Text::Literal("C:\\".into()),
    }];
    let words = Words {
        stamps: &Stamps::default(),
        env: &[],
    };
    let after = |windows| {
        env(
            &Change::Append(given.to_vec()),
            vec!["Path=D:\\".into()],
            &words,
            windows,
        )
        .unwrap()
    };
    assert_eq!(after(true), ["PATH=C:\\"]);
    assert_eq!(after(false), ["Path=D:\\", "PATH=C:\\"]);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// Some field of a base, and a request's word for it.
    fn words() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[A-Za-z0-9/$=: -]{0,6}", 0..4)
    }

    proptest! {
        #[test]
        fn appending_nothing_is_inheriting(
            env in words(), command in words(), ports in prop::collection::btree_set(1u16.., 0..3),
            labels in prop::collection::btree_map("[a-z.]{1,4}", "[ -~]{0,4}", 0..3),
        ) {
            let ports: Map<String, Value> =
                ports.iter().map(|port| (format!("{port}/tcp"), json!({}))).collect();
            // What Docker writes: nothing where a list is empty.
            let mut base = Map::new();
            for (name, value, empty) in [
                ("Env", json!(env), env.is_empty()),
                ("Cmd", json!(command), command.is_empty()),
                ("ExposedPorts", json!(ports), ports.is_empty()),
                ("Labels", json!(labels), labels.is_empty()),
            ] {
                if !empty {
                    base.insert(name.into(), value);
                }
            }
            let base = Value::Object(base);
            let nothing = json!({
                "env": {"append": []}, "cmd": {"append": []}, "exposed_ports": {"append": []},
                "labels": {"append": {}},
            });
            prop_assert_eq!(built(base.clone(), nothing), built(base, json!({})));
        }

        #[test]
        fn variables_are_replaced_or_added_never_lost(
            base in prop::collection::btree_map("[A-D]", "[a-z$]{0,3}", 0..4),
            given in prop::collection::btree_map("[A-F]", "[a-z$]{0,3}", 0..4),
        ) {
            let list = |map: &BTreeMap<String, String>| -> Vec<String> {
                map.iter().map(|(name, value)| format!("{name}={value}")).collect()
            };
            let append: Vec<Value> = given
                .iter()
                .map(|(name, value)| json!({"name": name, "value": value}))
                .collect();
            let env = json!({"Env": list(&base)});
            let env = built(env, json!({"env": {"append": append}}))["Env"].take();
            let mut found: Vec<String> = serde_json::from_value(env).unwrap_or_default();
            found.sort();
            let mut want = base;
            want.extend(given);
            prop_assert_eq!(found, list(&want));
        }
    }
}

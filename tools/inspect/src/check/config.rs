//! The fields of a config: their types, and what a runtime takes of them (image specification, config.md).

use oci::Config;
use serde_json::Value;

use crate::store::rule_of;
use crate::{Finding, Place, Rule};

/// Looks at every field that the specification knows.
pub(crate) fn check(config: &Config, place: &Place, layers: usize, findings: &mut Vec<Finding>) {
    let mut note = |rule, at: &str, message: String| {
        findings.push(Finding {
            rule,
            place: place.clone(),
            at: Some(at.to_owned()),
            message,
        });
    };
    let document = config.document();
    match document.get("rootfs").and_then(|rootfs| rootfs.get("type")) {
        Some(kind) if kind == "layers" => {}
        _ => note(
            Rule::Config,
            "rootfs.type",
            "`rootfs.type` is not `layers`".into(),
        ),
    }
    if let Some(created) = document.get("created").filter(|value| !value.is_null()) {
        time(created, "created", &mut note);
    }
    match document.get("author") {
        None | Some(Value::Null | Value::String(_)) => {}
        Some(_) => note(Rule::Config, "author", "`author` is not a string".into()),
    }
    match document.get("config") {
        None | Some(Value::Null | Value::Object(_)) => {}
        Some(_) => note(Rule::Config, "config", "`config` is not an object".into()),
    }
    for name in ["Entrypoint", "Cmd", "Env", "Shell", "OnBuild"] {
        if let Err(error) = config.texts(name) {
            note(rule_of_field(&error), name, error.to_string());
        }
    }
    for name in ["User", "WorkingDir", "StopSignal"] {
        if let Err(error) = config.text(name) {
            note(rule_of_field(&error), name, error.to_string());
        }
    }
    if let Err(error) = config.text_map("Labels") {
        note(rule_of_field(&error), "Labels", error.to_string());
    }
    for name in ["ExposedPorts", "Volumes"] {
        if let Err(error) = config.keys(name) {
            note(rule_of_field(&error), name, error.to_string());
        }
    }
    for variable in config.texts("Env").ok().flatten().unwrap_or_default() {
        match variable.split_once('=') {
            Some((name, _)) if !name.is_empty() && !variable.contains('\0') => {}
            _ => {
                let shown = oci::error::Shown::new(&variable);
                note(
                    Rule::Config,
                    "Env",
                    format!("`{shown}` in `Env` is not NAME=VALUE"),
                );
            }
        }
    }
    for port in config.keys("ExposedPorts").unwrap_or_default() {
        if !is_port(&port) {
            let shown = oci::error::Shown::new(&port);
            note(
                Rule::Config,
                "ExposedPorts",
                format!("`{shown}` in `ExposedPorts` is not a port"),
            );
        }
    }
    match config.text("WorkingDir") {
        Ok(Some(folder)) if !is_absolute(folder, document.get("os")) => {
            let shown = oci::error::Shown::new(folder);
            note(
                Rule::Config,
                "WorkingDir",
                format!("the working directory `{shown}` is not absolute"),
            );
        }
        _ => {}
    }
    match config.history() {
        Err(error) => note(rule_of_field(&error), "history", error.to_string()),
        Ok(steps) => {
            let with_layers = steps.iter().filter(|step| !step.empty_layer).count();
            if !steps.is_empty() && with_layers != layers {
                let message = format!(
                    "the history has {with_layers} steps that made a layer, and there are {layers} layers"
                );
                note(Rule::History, "history", message);
            }
            for (at, step) in steps.iter().enumerate() {
                if let Some(created) = &step.created {
                    let field = format!("history[{at}].created");
                    time(&Value::String(created.clone()), &field, &mut note);
                }
            }
        }
    }
}

/// A document that is JSON, with a field that is not what it must be.
fn rule_of_field(error: &oci::Error) -> Rule {
    match rule_of(error) {
        Rule::Document => Rule::Config,
        other => other,
    }
}

fn time(value: &Value, field: &str, note: &mut impl FnMut(Rule, &str, String)) {
    match value.as_str() {
        Some(text) if is_time(text) => {}
        Some(text) => {
            let shown = oci::error::Shown::new(text);
            note(
                Rule::Created,
                field,
                format!("`{field}` is `{shown}`, which is no time of RFC 3339"),
            );
        }
        None => note(Rule::Config, field, format!("`{field}` is not a string")),
    }
}

/// `PORT`, `PORT/tcp`, `PORT/udp`, `PORT/sctp`; Docker's ranges too.
fn is_port(text: &str) -> bool {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let is_number = |text: &str| text.parse::<u16>().is_ok() && !text.starts_with('+');
    let range = match number.split_once('-') {
        Some((first, last)) => is_number(first) && is_number(last),
        None => is_number(number),
    };
    range && matches!(protocol, "tcp" | "udp" | "sctp")
}

/// Windows has drives.
fn is_absolute(folder: &str, os: Option<&Value>) -> bool {
    let windows = os.is_some_and(|os| os == "windows");
    folder.starts_with('/')
        || windows && (folder.get(1..2) == Some(":") || folder.starts_with('\\'))
}

/// `2006-01-02T15:04:05[.999](Z|±07:00)` (RFC 3339, section 5.6). The specification says so of `created`.
pub(crate) fn is_time(text: &str) -> bool {
    let b = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<u32> {
        let part = b.get(from..to)?;
        part.iter().all(u8::is_ascii_digit).then_some(())?;
        std::str::from_utf8(part).ok()?.parse().ok()
    };
    let within =
        |found: Option<u32>, low: u32, high: u32| found.is_some_and(|n| (low..=high).contains(&n));
    let is = |at: usize, any: &[u8]| b.get(at).is_some_and(|byte| any.contains(byte));
    let head = within(number(0, 4), 0, 9999)
        && is(4, b"-")
        && within(number(5, 7), 1, 12)
        && is(7, b"-")
        && within(number(8, 10), 1, 31)
        && is(10, b"Tt ")
        && within(number(11, 13), 0, 23)
        && is(13, b":")
        && within(number(14, 16), 0, 59)
        && is(16, b":")
        && within(number(17, 19), 0, 60);
    if !head {
        return false;
    }
    let mut at = 19;
    if is(at, b".") {
        at += 1;
        let from = at;
        while b.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        if at == from {
            return false;
        }
    }
    let zulu = is(at, b"Zz") && b.len() == at + 1;
    let offset = is(at, b"+-")
        && within(number(at + 1, at + 3), 0, 23)
        && is(at + 3, b":")
        && within(number(at + 4, at + 6), 0, 59)
        && b.len() == at + 6;
    zulu || offset
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(config: &str) -> Vec<String> {
        let config = Config::read(config.as_bytes()).unwrap();
        let mut findings = Vec::new();
        let place = Place::Config(oci::Digest::of(b"c"));
        check(&config, &place, 1, &mut findings);
        findings
            .iter()
            .map(|finding| format!("{} {}", finding.rule.id(), finding.message))
            .collect()
    }

    #[test]
    fn a_sound_config() {
        let text = r#"{"created":"2024-02-03T04:05:06.7Z","os":"linux","architecture":"amd64",
            "rootfs":{"type":"layers","diff_ids":[]},"history":[{"created":"1970-01-01T00:00:00Z"},{"empty_layer":true}],
            "config":{"Env":["A=","B=c=d"],"ExposedPorts":{"80":{},"81/udp":{},"1-2/tcp":{}},"WorkingDir":"/x","Cmd":null}}"#;
        assert_eq!(found(text), Vec::<String>::new());
    }

    #[test]
    fn each_field() {
        let rootfs = r#""rootfs":{"type":"layers"}"#;
        for (text, expected) in [
            (r#""author":1"#, "config `author` is not a string"),
            (
                r#""created":"yesterday""#,
                "created `created` is `yesterday`, which is no time of RFC 3339",
            ),
            (r#""created":7"#, "config `created` is not a string"),
            (r#""config":7"#, "config `config` is not an object"),
            (
                r#""config":{"Env":["=x"]}"#,
                "config `=x` in `Env` is not NAME=VALUE",
            ),
            (
                r#""config":{"Env":["x"]}"#,
                "config `x` in `Env` is not NAME=VALUE",
            ),
            (
                r#""config":{"Env":"x"}"#,
                "config config has a bad `config.Env`: it is not a list of strings",
            ),
            (
                r#""config":{"ExposedPorts":{"http":{}}}"#,
                "config `http` in `ExposedPorts` is not a port",
            ),
            (
                r#""config":{"WorkingDir":"x"}"#,
                "config the working directory `x` is not absolute",
            ),
            (
                r#""config":{"User":7}"#,
                "config config has a bad `config.User`: it is not a string",
            ),
            (
                r#""history":[{},{}]"#,
                "history the history has 2 steps that made a layer, and there are 1 layers",
            ),
            (
                r#""history":{}"#,
                "config config has a bad `history`: it is not a list",
            ),
        ] {
            let config = format!("{{{rootfs},{text}}}");
            assert_eq!(found(&config), [expected.to_owned()], "{text}");
        }
        assert_eq!(found("{}"), ["config `rootfs.type` is not `layers`"]);
    }

    #[test]
    fn times() {
        for good in [
            "2024-02-03T04:05:06Z",
            "2024-02-03T04:05:06.123456789+01:00",
            "0001-01-01T00:00:00Z",
        ] {
            assert!(is_time(good), "{good}");
        }
        for bad in [
            "",
            "2024-02-03",
            "2024-13-03T04:05:06Z",
            "2024-02-03T04:05:06",
            "2024-02-03T04:05:06.Z",
            "2024-02-03T04:05:06+0100",
            "2024-02-03T04:05:06Zx",
            "+024-02-03T04:05:06Z",
        ] {
            assert!(!is_time(bad), "{bad}");
        }
    }
}

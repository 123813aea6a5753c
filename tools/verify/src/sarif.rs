//! Findings as SARIF 2.1.0, the form that code hosts show beside a change.

use inspect::{Finding, Rule};
use serde_json::{Value, json};

use crate::report::level;

/// Where the rules are told.
const GUIDE: &str = "docs/requests/verify.md";

/// One run, with every rule and a result for each finding.
pub(crate) fn log(image: &str, findings: &[Finding]) -> Value {
    let rules: Vec<Value> = Rule::ALL
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id(),
                "shortDescription": {"text": rule.text()},
                "help": {"text": format!("{} ({})", rule.source(), GUIDE)},
                "defaultConfiguration": {"level": level(rule.level())},
            })
        })
        .collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| result(image, finding))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "verify",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(image: &str, finding: &Finding) -> Value {
    let index = Rule::ALL.iter().position(|rule| *rule == finding.rule);
    let mut name = finding.place.to_string();
    if let Some(at) = &finding.at {
        name = format!("{name}, {at}");
    }
    json!({
        "ruleId": finding.rule.id(),
        "ruleIndex": index.unwrap_or_default(),
        "level": level(finding.rule.level()),
        "message": {"text": finding.to_string()},
        "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": uri(image)}},
            "logicalLocations": [{"fullyQualifiedName": name, "kind": "member"}],
        }],
    })
}

/// A relative reference (RFC 3986): what may not stand in a path is escaped.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/@".contains(&byte);
    path.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use inspect::Place;

    use super::*;

    #[test]
    fn one_result_with_its_rule() {
        let finding = Finding::new(Rule::Tar, Place::Layer(oci::Digest::of(b"x")), "no tar");
        let log = log("a b/c:1", &[finding]);
        let run = &log["runs"][0];
        let result = &run["results"][0];
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], "tar");
        assert_eq!(result["level"], "error");
        let location = &result["locations"][0]["physicalLocation"]["artifactLocation"];
        assert_eq!(location["uri"], "a%20b/c%3A1");
    }
}

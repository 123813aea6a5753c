//! An in-toto statement (in-toto.io/Statement/v1) with the predicate of SLSA provenance 1
//! (slsa.dev/spec/v1.0/provenance).

use oci::{Digest, json as canonical};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::plan::{Plan, hex};
use crate::request::Provenance;

/// How it was built: by the requests that stand in `externalParameters`.
const BUILD_TYPE: &str = "tag:rules_container,2026:requests/v1";

/// The statement.
///
/// # Errors
/// A material with a hash that is none.
pub(super) fn statement(plan: &Plan, provenance: &Provenance) -> Result<Value> {
    let mut requests = Vec::new();
    let mut byproducts = Vec::new();
    for step in &plan.steps {
        let digest = |value: &Value| {
            let bytes = canonical::canonical(value);
            bytes
                .map(|bytes| Digest::of(&bytes).hex())
                .map_err(|error| Error::Unwritable {
                    what: "request",
                    error,
                })
        };
        requests.push(json!({"tool": step.tool, "output": step.output, "request": step.request, "sha256": digest(&step.request)?}));
        byproducts.push(json!({
            "name": format!("{}.receipt", step.output),
            "mediaType": "application/json",
            "digest": {"sha256": digest(&step.receipt)?},
        }));
    }
    let mut dependencies = Vec::new();
    for material in &provenance.materials {
        let mut digest = serde_json::Map::new();
        if let Some(commit) = &material.git_commit {
            hex(commit, commit.len().clamp(40, 64), "a commit")?;
            digest.insert("gitCommit".into(), commit.as_str().into());
        }
        if let Some(sha256) = &material.sha256 {
            hex(sha256, 64, "a SHA-256")?;
            digest.insert("sha256".into(), sha256.as_str().into());
        }
        let mut dependency = json!({"uri": material.uri});
        if !digest.is_empty() {
            dependency["digest"] = digest.into();
        }
        dependencies.push(dependency);
    }
    for base in &plan.bases {
        let name = base.name.clone().unwrap_or_else(|| "base".to_owned());
        dependencies.push(json!({
            "name": name,
            "uri": format!("oci://{name}@{}", base.digest),
            "digest": {(base.digest.algorithm().name()): base.digest.hex()},
        }));
    }
    for (name, digest) in &plan.tools {
        dependencies.push(json!({
            "name": name,
            "uri": format!("tool:{name}"),
            "digest": {(digest.algorithm().name()): digest.hex()},
        }));
    }
    let mut metadata = json!({});
    if let Some(invocation) = &provenance.invocation {
        metadata["invocationId"] = invocation.as_str().into();
    }
    let root = plan.root.digest();
    Ok(json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": plan.name, "digest": {(root.algorithm().name()): root.hex()}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"steps": requests},
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {"id": provenance.builder, "version": {"rules_container": env!("CARGO_PKG_VERSION")}},
                "metadata": metadata,
                "byproducts": byproducts,
            },
        },
    }))
}

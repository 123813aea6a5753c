//! Sealed requests: all that it takes, beside the inputs, to make an image again.

use serde_json::{Value, json};

use crate::plan::Plan;

/// The document.
pub(super) fn document(plan: &Plan) -> Value {
    let steps: Vec<Value> = plan
        .steps
        .iter()
        .map(|step| {
            let mut value = json!({
                "tool": step.tool, "output": step.output, "request": step.request, "receipt": step.receipt,
            });
            for (field, name) in [("receipt_name", &step.receipt_name), ("listing_name", &step.listing_name)] {
                if let Some(name) = name {
                    value[field] = name.as_str().into();
                }
            }
            value
        })
        .collect();
    let tools: Vec<Value> = plan
        .tools
        .iter()
        .map(|(name, digest)| json!({"name": name, "digest": digest.to_string()}))
        .collect();
    json!({
        "kind": "sealed_requests", "version": 1, "subject": plan.root.digest().to_string(),
        "tools": tools, "steps": steps,
    })
}

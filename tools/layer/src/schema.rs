//! The JSON Schemas in `docs/schemas` say what the types say. `UPDATE_GOLDEN=1` writes them anew.
#![allow(
    clippy::disallowed_methods,
    reason = "a test that reads and writes the golden file itself"
)]

use crate::listing::Line;
use crate::request::{Layers, Request};
use schemars::Schema;
use schemars::generate::SchemaSettings;
use std::path::Path;

fn check(name: &str, schema: &Schema) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/schemas")
        .join(format!("{name}.schema.json"));
    let text = format!("{}\n", serde_json::to_string_pretty(schema).unwrap());
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == text,
        "{} is not what the types say: run `cargo xtask schemas`",
        path.display()
    );
}

#[test]
fn schema_of_the_request() {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    check(
        "layer",
        &settings.into_generator().into_root_schema_for::<Request>(),
    );
}

#[test]
fn schema_of_the_request_for_several() {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    check(
        "layers",
        &settings.into_generator().into_root_schema_for::<Layers>(),
    );
}

#[test]
fn schema_of_a_plan_and_its_explanation() {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let generator = || settings.clone().into_generator();
    check(
        "layer_plan",
        &generator().into_root_schema_for::<planner::Plan>(),
    );
    check(
        "layer_explanation",
        &generator().into_root_schema_for::<planner::Explanation>(),
    );
    check(
        "layers_receipt",
        &generator().into_root_schema_for::<oci::receipt::LayersReceipt>(),
    );
}

#[test]
fn schema_of_a_line_of_the_listing() {
    // It is only written: what is left out where it does not apply is not required.
    let settings = SchemaSettings::draft2020_12().for_serialize();
    check(
        "layer_listing",
        &settings.into_generator().into_root_schema_for::<Line>(),
    );
}

//! The JSON Schemas in `docs/schemas` say what the types say.

use golden::check_schema as check;
use schemars::generate::SchemaSettings;

use crate::listing::Line;
use crate::request::{Layers, Request};

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

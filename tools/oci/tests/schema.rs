//! The JSON Schemas in `docs/schemas` say what the types say. `UPDATE_GOLDEN=1` writes them anew.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that reads and writes the golden file itself"
)]

use std::path::Path;

use oci::receipt::{ImageReceipt, LayerReceipt};
use oci::sparse::SparseLayout;
use schemars::{JsonSchema, schema_for};

fn check<T: JsonSchema>(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/schemas")
        .join(format!("{name}.schema.json"));
    let text = format!(
        "{}\n",
        serde_json::to_string_pretty(&schema_for!(T)).unwrap()
    );
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
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
fn schema_of_the_layer_receipt() {
    check::<LayerReceipt>("layer_receipt");
}

#[test]
fn schema_of_the_image_receipt() {
    check::<ImageReceipt>("image_receipt");
}

#[test]
fn schema_of_the_sparse_layout() {
    check::<SparseLayout>("sparse_layout");
}

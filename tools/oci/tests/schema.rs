//! The JSON Schemas in `docs/schemas` say what the types say.

use oci::receipt::{ImageReceipt, LayerReceipt};
use oci::sparse::SparseLayout;
use schemars::schema_for;

#[test]
fn schema_of_the_layer_receipt() {
    golden::check_schema("layer_receipt", &schema_for!(LayerReceipt));
}

#[test]
fn schema_of_the_image_receipt() {
    golden::check_schema("image_receipt", &schema_for!(ImageReceipt));
}

#[test]
fn schema_of_the_sparse_layout() {
    golden::check_schema("sparse_layout", &schema_for!(SparseLayout));
}

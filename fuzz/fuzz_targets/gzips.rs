//! Gzip: what unpacks, unpacks to the same whatever the pieces in which it is read; there is an end to it.
#![no_main]

#[path = "../unpacked.rs"]
mod unpacked;

use libfuzzer_sys::fuzz_target;
use oci::media_type::{Compression, OCI_LAYER_GZIP};

fuzz_target!(|bytes: &[u8]| unpacked::check(bytes, Compression::Gzip, OCI_LAYER_GZIP));

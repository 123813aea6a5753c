//! Zstandard: what unpacks, unpacks to the same whatever the pieces in which it is read; there is an end to it, and to
//! the window that it asks for.
#![no_main]

#[path = "../unpacked.rs"]
mod unpacked;

use libfuzzer_sys::fuzz_target;
use oci::media_type::{Compression, OCI_LAYER_ZSTD};

fuzz_target!(|bytes: &[u8]| unpacked::check(bytes, Compression::Zstd, OCI_LAYER_ZSTD));

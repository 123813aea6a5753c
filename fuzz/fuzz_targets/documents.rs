//! JSON: what is taken has one meaning, and its canonical form is a fixed point. Listings, payloads, envelopes and keys
//! with it.
#![no_main]

use inspect::listing::Line;
use libfuzzer_sys::fuzz_target;
use oci::json::{self, Limits};
use signing::{Envelope, Payload, PrivateKey, PublicKey};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = json::read(bytes, Limits::MANIFEST, "document") {
        // Others take it, too: strict is less than JSON, never more.
        let other: serde_json::Value = serde_json::from_slice(bytes).expect("it is JSON");
        assert_eq!(other, value);
        if let Ok(canonical) = json::canonical(&value) {
            let again = json::read(&canonical, Limits::OURS, "canonical").expect("ours is strict");
            assert_eq!(json::canonical(&again).expect("and canonical"), canonical);
        }
    }
    let _ = serde_json::from_slice::<Line>(bytes);
    if let Ok(payload) = Payload::read(bytes) {
        let written = payload.to_bytes().expect("it can be written");
        assert_eq!(Payload::read(&written), Ok(payload));
    }
    if let Ok(envelope) = Envelope::read(bytes) {
        let written = envelope.to_bytes().expect("it can be written");
        assert_eq!(Envelope::read(&written), Ok(envelope));
    }
    let _ = (PrivateKey::read(bytes).is_ok(), PublicKey::read(bytes));
});

//! `WWW-Authenticate`: a realm that is read is looked up as it stands.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::challenge;

fuzz_target!(|text: &str| {
    if let Ok(list) = challenge::parse(text) {
        for one in list {
            let _ = one.get("realm").and_then(|realm| registry::url::Url::parse(realm).ok());
        }
    }
});

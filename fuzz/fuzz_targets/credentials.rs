//! docker's `config.json` and podman's `auth.json`: a login is for the registry that it is written for,
//! and is never shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::Credentials;

fuzz_target!(|bytes: &[u8]| {
    let credentials = match Credentials::document("config.json", bytes) {
        Ok(credentials) => credentials,
        Err(error) => {
            let _ = format!("{error} {:?} {:?}", error.details(), error.hint());
            return;
        }
    };
    for (registry, path) in [
        ("docker.io", "library/debian"),
        ("registry.example.com", "team/app"),
        ("127.0.0.1:5000", "a"),
    ] {
        let _ = credentials.find(registry, path);
    }
});

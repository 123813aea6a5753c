//! Certificates for tests: an authority, and what it signs. `NAME.key` and `NAME.pem` lie in the test's folder.

use std::path::Path;

use crate::outsiders;

/// An authority, which nobody else signed.
#[track_caller]
pub fn authority(folder: &Path, name: &str) {
    request(folder, name, &["-subj", &format!("/CN={name}")]);
}

/// A certificate that the authority `ca` signed, with an extension as `subjectAltName=IP:127.0.0.1`.
#[track_caller]
pub fn certificate(folder: &Path, name: &str, extension: &str) {
    let not_for_others = "basicConstraints=critical,CA:FALSE";
    let signed = ["-subj", "/CN=test", "-CA", "ca.pem", "-CAkey", "ca.key"];
    let extensions = ["-addext", extension, "-addext", not_for_others];
    request(folder, name, &[&signed[..], &extensions].concat());
}

#[track_caller]
fn request(folder: &Path, name: &str, words: &[&str]) {
    let [key, pem] = ["key", "pem"].map(|end| format!("{name}.{end}"));
    let new = [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-keyout", &key, "-out",
        &pem,
    ];
    outsiders::run(folder, "openssl", &[&new[..], words].concat());
}

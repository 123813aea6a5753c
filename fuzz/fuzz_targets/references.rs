//! References, digests, tags, platforms: what is read is written as it can be read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oci::platform::Selector;
use oci::reference::{Reference, is_tag};
use oci::{Digest, Platform};

fuzz_target!(|text: &str| {
    for read in [Reference::parse, Reference::normalized] {
        let Ok(reference) = read(text) else { continue };
        let written = reference.to_string();
        assert_eq!(read(&written).ok().as_ref(), Some(&reference), "`{text}` became `{written}`");
        // Paths and URLs are built from these.
        assert!(!reference.path.contains("..") && !reference.path.starts_with('/'));
        assert!(reference.path.len() <= 255);
        if let Some(tag) = &reference.tag {
            assert!(is_tag(tag));
        }
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
    }
    if let Ok(platform) = Platform::parse(text) {
        let normal = platform.normalized();
        assert_eq!(normal.normalized(), normal);
    }
    let _ = Selector::parse(text);
});

//! `Content-Range`, `Range`, `Content-Length`, `Retry-After`, `Warning`: one field a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::headers;

fuzz_target!(|text: &str| {
    let fields: Vec<&str> = text.lines().collect();
    if let Some(range) = headers::content_range(fields.iter().copied()) {
        assert!(range.first <= range.last);
        assert!(range.size.is_none_or(|size| range.last < size));
    }
    let _ = headers::content_length(fields.iter().copied());
    for field in &fields {
        let _ = headers::uploaded(field);
        let _ = headers::retry_after(field, fields.first().copied());
        if let Some(warning) = headers::warning(field) {
            assert!(!warning.chars().any(char::is_control));
        }
    }
});

//! URLs that a registry names: one a line, each relative to the one before.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::url::Url;

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let Some(Ok(mut url)) = lines.next().map(Url::parse) else {
        return;
    };
    for line in lines {
        let Ok(next) = url.join(line) else { continue };
        // What is gone to is what was looked at.
        let again = Url::parse(&next.origin().to_string());
        assert!(again.is_ok_and(|again| again.origin() == next.origin()), "{line}");
        url = next;
    }
});

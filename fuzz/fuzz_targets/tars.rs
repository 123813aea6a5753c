//! Tars: whatever a layer is made of, entries come in one pass, each with its own content, and nothing is guessed
//! after damage.
#![no_main]

use inspect::listing::{Line, clean};
use inspect::tape::{Stream, Tape};
use libfuzzer_sys::fuzz_target;
use oci::media_type::OCI_LAYER;
use oci::{Descriptor, MediaType};

fuzz_target!(|bytes: &[u8]| {
    let mut tape = Tape::new(Stream(bytes));
    let mut entries = 0;
    let mut buffer = [0; 100];
    loop {
        let before = tape.position();
        let entry = match tape.entry() {
            Ok(Some(entry)) => entry,
            Ok(None) => {
                if let Ok(end) = tape.finish() {
                    assert!(end.zero_blocks * 512 + end.other_bytes <= bytes.len() as u64);
                }
                break;
            }
            Err(_) => break,
        };
        entries += 1;
        assert!(
            entry.at >= before && entry.at % 512 == 0,
            "entries stand at blocks, one after the other"
        );
        assert!(
            entries <= bytes.len() / 512,
            "an entry has a block of its own"
        );
        let _ = (
            entry.kind(),
            entry.mode(),
            entry.uid(),
            entry.gid(),
            entry.mtime(),
            entry.device(),
            entry.format(),
        );
        let line = Line::of(&entry, None);
        assert_eq!(
            clean(line.path.as_bytes()),
            clean(&clean(line.path.as_bytes()))
        );
        let mut had = 0;
        loop {
            match tape.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => had += read as u64,
                Err(_) => return,
            }
        }
        assert_eq!(had, entry.size, "what was read is what was said");
    }
    // As a layer of an image: the same, with hashes.
    let descriptor = Descriptor::of(MediaType::known(OCI_LAYER), bytes);
    if let Ok(lines) = inspect::listing::of_layer(bytes, &descriptor) {
        assert_eq!(lines.len(), entries);
    }
});

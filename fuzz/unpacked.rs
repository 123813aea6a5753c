//! What holds of every decoder.

use std::io::Read;

use inspect::unpack::{sniff, unpack};
use oci::media_type::Compression;
use oci::{Descriptor, MediaType};

/// How much of what something unpacks to is looked at.
const MOST: u64 = 4 << 20;

/// Reads all of it, at once and in small pieces that come in small pieces.
pub fn check(bytes: &[u8], compression: Compression, media_type: &'static str) {
    let _ = sniff(bytes);
    let mut whole = Vec::new();
    let Ok(mut reader) = unpack(bytes, compression).map(|reader| reader.take(MOST)) else {
        return;
    };
    let first = reader.read_to_end(&mut whole).is_ok();
    let mut again = Vec::new();
    let mut second = true;
    if let Ok(reader) = unpack(Pieces(bytes), compression) {
        let mut reader = reader.take(MOST);
        let mut piece = [0; 7];
        loop {
            match reader.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => again.extend_from_slice(&piece[..read]),
                Err(_) => {
                    second = false;
                    break;
                }
            }
        }
    }
    if first != second {
        // A frame that says a size and ends with an empty block: libzstd compares the two only where it has all of
        // the frame at once (`corpus/zstds/size`). No byte is another one for that, and layers have digests.
        assert!(
            compression == Compression::Zstd && second,
            "whether it is sound does not depend on the pieces"
        );
        assert!(
            again.starts_with(&whole),
            "what it is does not depend on the pieces"
        );
    }
    if first {
        assert!(whole == again, "what it is does not depend on the pieces");
    }
    let descriptor = Descriptor::of(MediaType::known(media_type), bytes);
    let _ = inspect::listing::of_layer(bytes, &descriptor);
}

/// Bytes that come three at a time.
struct Pieces<'a>(&'a [u8]);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(3);
        self.0.read(&mut buffer[..most])
    }
}

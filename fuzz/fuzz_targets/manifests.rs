//! Manifests, indexes, configs, receipts: whatever a registry says, and one document is never two things.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oci::media_type::{DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use oci::receipt::{ImageReceipt, LayerReceipt};
use oci::sparse::SparseLayout;
use oci::{Config, Index, Manifest, MediaType};

fuzz_target!(|bytes: &[u8]| {
    let mut kinds = 0;
    for media_type in [OCI_MANIFEST, DOCKER_MANIFEST] {
        if let Ok(manifest) = Manifest::read(bytes, &MediaType::known(media_type)) {
            kinds |= 1;
            if let Ok(written) = manifest.to_bytes() {
                assert!(Manifest::read(&written, &manifest.media_type).is_ok());
            }
        }
    }
    for media_type in [OCI_INDEX, DOCKER_INDEX] {
        if let Ok(index) = Index::read(bytes, &MediaType::known(media_type)) {
            kinds |= 2;
            if let Ok(written) = index.to_bytes() {
                assert!(Index::read(&written, &index.media_type).is_ok());
            }
        }
    }
    // CVE-2021-41190.
    assert!(kinds != 3, "a document is both manifest and index");
    if let Ok(config) = Config::read(bytes) {
        let _ = (config.platform(), config.diff_ids(), config.history());
    }
    let _ = ImageReceipt::read(bytes);
    let _ = LayerReceipt::read(bytes);
    let _ = SparseLayout::read(bytes);
});

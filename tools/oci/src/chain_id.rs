//! Chain IDs (image specification, config.md, "Layer ChainID"): the identity of a stack of layers,
//! as runtimes name it.

use crate::Digest;

/// The chain ID of each layer, the lowest first, for the diff_ids of the layers in the same order.
///
/// The lowest layer's is its diff_id; the next is the SHA-256 of the one below, a blank, and its
/// own diff_id.
pub fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let mut chain: Vec<Digest> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        chain.push(match chain.last() {
            None => *diff_id,
            Some(below) => Digest::of(format!("{below} {diff_id}").as_bytes()),
        });
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_itself_and_more_are_hashed() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let c = Digest::of(b"c");
        let ab = Digest::of(format!("{a} {b}").as_bytes());
        let abc = Digest::of(format!("{ab} {c}").as_bytes());
        assert_eq!(chain_ids(&[]), []);
        assert_eq!(chain_ids(&[a, b, c]), [a, ab, abc]);
        // Frozen: computed with sha256sum.
        assert_eq!(
            ab.to_string(),
            "sha256:51c0c8ace48498d6f5fee6b0592cc06f2da0f3cbe09c5a34a97dce85c3889676"
        );
    }
}

//! Whether files have the same content: for inputs that want one path, and for hard links by
//! content.

use crate::error::Result;
use crate::item::{Content, Item, ModeRule, Node};
use crate::open::{Input, open};
use crate::plan::Plan;
use oci::{Algorithm, Digest, Hasher};
use std::collections::BTreeMap;

/// Whether two files that want one path have the same content.
///
/// # Errors
/// [`Error::Input`] and what else reading a file brings.
pub(crate) fn content(plan: &Plan, a: (&Item, &Content), b: (&Item, &Content)) -> Result<bool> {
    if a.1 == b.1 {
        return Ok(true);
    }
    let (mut x, mut y) = (open(plan, a.0, a.1)?, open(plan, b.0, b.1)?);
    if x.size() != y.size() {
        return Ok(false);
    }
    Ok(digest(&mut x)? == digest(&mut y)?)
}

/// Makes hard links of files that are not empty and equal in content, mode and metadata.
///
/// # Errors
/// As [`content`].
pub(crate) fn link_equal_files(plan: &mut Plan) -> Result<()> {
    // Only files that could be equal are read: those of one size.
    let mut by_size: BTreeMap<(u64, ModeRule, u32), Vec<usize>> = BTreeMap::new();
    for (index, item) in plan.items.iter().enumerate() {
        let Node::File(content) = &item.node else {
            continue;
        };
        let input = open(plan, item, content)?;
        let mode = match item.mode {
            // Equal content has one mode by content, but not by bit.
            ModeRule::ByBit => ModeRule::Given(input.mode_by_bit()),
            rule => rule,
        };
        if input.size() > 0 {
            by_size
                .entry((input.size(), mode, item.metadata))
                .or_default()
                .push(index);
        }
    }
    for candidates in by_size
        .into_values()
        .filter(|candidates| candidates.len() > 1)
    {
        let mut by_digest: BTreeMap<Digest, Vec<usize>> = BTreeMap::new();
        for index in candidates {
            let item = &plan.items[index];
            let Node::File(content) = &item.node else {
                continue;
            };
            let digest = digest(&mut open(plan, item, content)?)?;
            by_digest.entry(digest).or_default().push(index);
        }
        for equal in by_digest.into_values() {
            if let [first, rest @ ..] = &equal[..]
                && !rest.is_empty()
            {
                plan.link(*first, rest.to_vec());
            }
        }
    }
    Ok(())
}

fn digest(input: &mut Input<'_>) -> Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; 128 << 10];
    loop {
        let count = input.read(&mut buffer)?;
        if count == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(&buffer[..count]);
    }
}

//! Whether files have the same content: for inputs that want one path, and for hard links by
//! content.

use crate::elf;
use crate::error::Result;
use crate::item::{Content, Item, Node};
use crate::open::{Input, open};
use crate::plan::Plan;
use files::Opener;
use oci::{Algorithm, Digest, Hasher};
use std::collections::BTreeMap;

/// In what two files that want one path differ, be it content or mode.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) and what else reading a file brings.
pub(crate) fn difference(
    plan: &Plan,
    a: (&Item, &Content),
    b: (&Item, &Content),
) -> Result<Option<&'static str>> {
    if a.1 == b.1 && a.0.mode == b.0.mode {
        return Ok(None);
    }
    let opener = &mut Opener::default();
    let mut x = open(plan, a.0, a.1, opener)?;
    let mut y = open(plan, b.0, b.1, opener)?;
    if x.size() != y.size() {
        return Ok(Some("content"));
    }
    let (x, y) = (read(&mut x, a.0)?, read(&mut y, b.0)?);
    Ok(if x.0 != y.0 {
        Some("content")
    } else if x.1 != y.1 {
        Some("mode")
    } else {
        None
    })
}

/// Makes hard links of files that are not empty and equal in content, mode and metadata.
///
/// # Errors
/// As [`difference`].
pub(crate) fn link_equal_files(plan: &mut Plan) -> Result<()> {
    // Only files that could be equal are read: those of one size.
    let mut opener = Opener::default();
    let mut by_size: BTreeMap<(u64, u32), Vec<usize>> = BTreeMap::new();
    for (index, item) in plan.items.iter().enumerate() {
        let Node::File(content) = &item.node else {
            continue;
        };
        let size = open(plan, item, content, &mut opener)?.size();
        if size > 0 {
            by_size
                .entry((size, item.metadata))
                .or_default()
                .push(index);
        }
    }
    for candidates in by_size
        .into_values()
        .filter(|candidates| candidates.len() > 1)
    {
        let mut equal: BTreeMap<(Digest, u16), Vec<usize>> = BTreeMap::new();
        for index in candidates {
            let item = &plan.items[index];
            let Node::File(content) = &item.node else {
                continue;
            };
            let key = read(&mut open(plan, item, content, &mut opener)?, item)?;
            equal.entry(key).or_default().push(index);
        }
        for equal in equal.into_values() {
            if let [first, rest @ ..] = &equal[..]
                && !rest.is_empty()
            {
                plan.link(*first, rest.to_vec());
            }
        }
    }
    plan.straighten();
    Ok(())
}

/// The digest of a file's content, and its mode.
fn read(input: &mut Input<'_>, item: &Item) -> Result<(Digest, u16)> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; 128 << 10];
    let mut head = Vec::with_capacity(elf::ENOUGH);
    loop {
        let count = input.read(&mut buffer)?;
        if count == 0 {
            let mode = item.mode.resolve(&head, input.mode_by_bit());
            return Ok((hasher.finish(), mode));
        }
        let wanted = elf::ENOUGH - head.len();
        head.extend_from_slice(&buffer[..count.min(wanted)]);
        hasher.update(&buffer[..count]);
    }
}

//! The plan as people and tests see it: `--plan` prints it.

use crate::item::{Content, Item, ModeRule, Node};
use crate::plan::Plan;
use crate::request::{Codec, Request};
use data_encoding::BASE64;
use oci::RawPath;
use serde::Serialize;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use ustar::Metadata;

/// A plan in JSON.
#[derive(Serialize)]
pub(crate) struct Shown<'a> {
    kind: &'static str,
    version: u32,
    origin: &'a str,
    codec: Codec,
    entries: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    path: RawPath,
    #[serde(rename = "type")]
    kind: &'static str,
    /// In octal, or the rule by which it will be found.
    mode: String,
    uid: u64,
    gid: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    uname: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    gname: &'a str,
    mtime: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtime_nanoseconds: Option<u32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    xattrs: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<RawPath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<From>,
    /// Which entry of the request it comes from.
    from: String,
}

/// Where the content of a file comes from.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum From {
    Source(RawPath),
    /// Bytes in the request.
    Inline {
        size: u64,
    },
    Archive {
        source: RawPath,
        offset: u64,
        size: u64,
    },
}

impl<'a> Shown<'a> {
    /// The plan of a request.
    pub(crate) fn new(plan: &'a Plan, request: &'a Request) -> Self {
        Self {
            kind: "layer_plan",
            version: 1,
            origin: &request.origin,
            codec: request.codec,
            entries: plan.items.iter().map(|item| entry(plan, item)).collect(),
        }
    }
}

fn entry<'a>(plan: &'a Plan, item: &'a Item) -> Entry<'a> {
    let Metadata {
        uid,
        gid,
        uname,
        gname,
        mtime,
        mtime_nanoseconds,
        xattrs,
    } = &plan.metadata[item.metadata as usize];
    let content = match &item.node {
        Node::File(Content::Path(path)) => {
            Some(From::Source(RawPath::new(path.as_os_str().as_bytes())))
        }
        Node::File(Content::Inline(bytes)) => Some(From::Inline {
            size: bytes.len() as u64,
        }),
        Node::File(Content::Slice {
            archive,
            offset,
            size,
            ..
        }) => Some(From::Archive {
            source: plan.archives[*archive as usize].name().clone(),
            offset: *offset,
            size: *size,
        }),
        _ => None,
    };
    let link = match &item.node {
        Node::Symlink(target) | Node::HardlinkPath(target) => Some(RawPath::new(&**target)),
        Node::Hardlink(to) => Some(RawPath::new(&*plan.items[*to as usize].path)),
        _ => None,
    };
    let device = match &item.node {
        Node::CharacterDevice(major, minor) | Node::BlockDevice(major, minor) => {
            Some(format!("{major}:{minor}"))
        }
        _ => None,
    };
    Entry {
        path: RawPath::new(&*item.path),
        kind: item.node.header_type().name(),
        mode: match item.mode {
            ModeRule::Given(mode) => format!("{mode:04o}"),
            ModeRule::ByContent => "by_content".to_owned(),
            ModeRule::ByBit => "by_bit".to_owned(),
        },
        uid: *uid,
        gid: *gid,
        uname,
        gname,
        mtime: *mtime,
        mtime_nanoseconds: (*mtime_nanoseconds != 0).then_some(*mtime_nanoseconds),
        xattrs: xattrs
            .iter()
            .map(|(name, value)| (&**name, BASE64.encode(value)))
            .collect(),
        link,
        device,
        content,
        from: plan.label(item),
    }
}

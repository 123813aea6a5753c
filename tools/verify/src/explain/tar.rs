//! Two tars: order, entries, headers, contents, padding. Each tar is read once; small texts that differ are
//! read a second time.

use std::collections::BTreeMap;
use std::io::Read;

use inspect::listing::{Line, clean, hash};
use inspect::tape::{Entry, Fault, Stream, Tape};
use oci::{Algorithm, Hasher, RawPath};

use super::cause::TOLD;
use super::{Cause, Kind};

/// The bytes of a header.
const BLOCK: u64 = 512;

/// The most entries that are kept: a bomb of empty files is small, and each takes memory.
const ENTRIES: usize = 2_000_000;

/// One entry, as far as it is compared.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) line: Line,
    /// What only the tar itself tells; none of it where the item is of a listing.
    form: Option<Form>,
}

#[derive(Clone, PartialEq, Eq)]
struct Form {
    path: Vec<u8>,
    keys: Vec<Vec<u8>>,
    before: Vec<u8>,
    format: &'static str,
    /// The digest of its headers.
    headers: String,
    /// How many bytes they are.
    size: u64,
    /// Whether the padding before it had other bytes than zeros.
    odd: bool,
}

/// A tar, read to its end.
pub(super) struct Contents {
    pub(super) items: Vec<Item>,
    /// What follows the last entry; nothing is known of it where there is only a listing.
    end: Option<(u64, u64)>,
}

impl Contents {
    /// Of a listing.
    pub(super) fn listed(lines: Vec<Line>) -> Self {
        let item = |line| Item { line, form: None };
        Contents {
            items: lines.into_iter().map(item).collect(),
            end: None,
        }
    }

    /// The lines alone.
    pub(super) fn lines(&self) -> Vec<Line> {
        self.items.iter().map(|item| item.line.clone()).collect()
    }
}

/// Reads a tar.
///
/// # Errors
/// It is damaged.
pub(super) fn read(reader: impl Read) -> Result<Contents, Fault> {
    let mut tape = Tape::new(Stream(reader));
    let mut items: Vec<Item> = Vec::new();
    while let Some(entry) = tape.entry()? {
        if items.len() == ENTRIES {
            let why = format!("it has more than {ENTRIES} entries, which are not compared");
            return Err(Fault::Malformed { at: entry.at, why });
        }
        let odd = tape.odd_padding();
        let sha256 = hash(&mut tape, &entry)?;
        items.push(Item {
            line: Line::of(&entry, sha256),
            form: Some(form(&entry, odd)),
        });
    }
    let odd = tape.odd_padding();
    let end = tape.finish()?;
    Ok(Contents {
        items,
        end: Some((end.zero_blocks, end.other_bytes + u64::from(odd))),
    })
}

fn form(entry: &Entry, odd: bool) -> Form {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(&entry.headers);
    Form {
        path: entry.path.clone(),
        keys: entry.keys.clone(),
        before: entry.before.clone(),
        format: entry.format(),
        headers: hasher.finish().hex(),
        size: entry.headers.len() as u64,
        odd,
    }
}

/// The content of some files of a tar, each of at most `limit` bytes.
///
/// # Errors
/// It is damaged.
pub(super) fn contents(
    reader: impl Read,
    wanted: &[RawPath],
    limit: u64,
) -> Result<BTreeMap<RawPath, Vec<u8>>, Fault> {
    let mut tape = Tape::new(Stream(reader));
    let mut found = BTreeMap::new();
    while let Some(entry) = tape.entry()? {
        let path = RawPath::new(clean(&entry.path));
        if entry.size > limit || entry.kind() != Some(ustar::Type::File) || !wanted.contains(&path)
        {
            continue;
        }
        let mut bytes = vec![0; usize::try_from(entry.size).unwrap_or_default()];
        let mut have = 0;
        while have < bytes.len() {
            have += tape.read(&mut bytes[have..])?;
        }
        found.insert(path, bytes);
    }
    Ok(found)
}

/// Causes of one kind become one, which tells the first.
struct Gathered(BTreeMap<Kind, Cause>);

impl Gathered {
    fn add(
        &mut self,
        cause: Kind,
        at: impl std::fmt::Display,
        first: impl std::fmt::Display,
        second: impl std::fmt::Display,
        bytes: u64,
    ) {
        match self.0.get_mut(&cause) {
            Some(known) => {
                known.count += 1;
                known.bytes += bytes;
            }
            None => drop(self.0.insert(
                cause,
                Cause::new(cause, at).between(first, second).of(bytes),
            )),
        }
    }
}

/// A file of both sides with other content.
pub(super) struct Changed {
    pub(super) path: RawPath,
    pub(super) sizes: [u64; 2],
    pub(super) hashes: [String; 2],
}

/// What makes two tars differ, and the files whose content does.
pub(super) fn compare(first: &Contents, second: &Contents) -> (Vec<Cause>, Vec<Changed>) {
    let mut gathered = Gathered(BTreeMap::new());
    let mut changed = Vec::new();
    // A path that comes twice is matched in its order.
    let mut places: BTreeMap<&RawPath, Vec<usize>> = BTreeMap::new();
    for (at, item) in second.items.iter().enumerate().rev() {
        places.entry(&item.line.path).or_default().push(at);
    }
    let mut order = Vec::new();
    for item in &first.items {
        let Some(at) = places.get_mut(&item.line.path).and_then(Vec::pop) else {
            let what = (item.line.size.unwrap_or_default() + BLOCK, &item.line);
            gathered.add(
                Kind::TarRemoved,
                shown(&what.1.path),
                &what.1.kind,
                "nothing",
                what.0,
            );
            continue;
        };
        order.push(at);
        entry(item, &second.items[at], &mut gathered, &mut changed);
    }
    let mut added: Vec<usize> = places.into_values().flatten().collect();
    added.sort_unstable();
    for at in added {
        let line = &second.items[at].line;
        let bytes = line.size.unwrap_or_default() + BLOCK;
        gathered.add(
            Kind::TarAdded,
            shown(&line.path),
            "nothing",
            &line.kind,
            bytes,
        );
    }
    if let Some(at) = order.windows(2).position(|two| two[0] > two[1]) {
        let path = |at: usize| shown(&second.items[at].line.path);
        let moved = order.windows(2).filter(|two| two[0] > two[1]).count() as u64;
        let text = format!("{} before {}", path(order[at]), path(order[at + 1]));
        let other = format!("{} before {}", path(order[at + 1]), path(order[at]));
        let mut cause = Cause::new(Kind::TarOrder, "")
            .between(text, other)
            .of(moved * BLOCK);
        cause.count = moved;
        gathered.0.insert(Kind::TarOrder, cause);
    }
    if let (Some(one), Some(two)) = (first.end, second.end)
        && one != two
    {
        let text = |(blocks, other): (u64, u64)| match other {
            0 => format!("{blocks} blocks of zeros at the end"),
            other => format!("{blocks} blocks of zeros at the end, {other} other bytes"),
        };
        let bytes = one.0.abs_diff(two.0) * BLOCK + one.1.abs_diff(two.1);
        gathered.add(Kind::TarPadding, "", text(one), text(two), bytes);
    }
    (gathered.0.into_values().collect(), changed)
}

fn shown(path: &RawPath) -> String {
    format!("`{path}`")
}

fn entry(first: &Item, second: &Item, out: &mut Gathered, changed: &mut Vec<Changed>) {
    let (a, b) = (&first.line, &second.line);
    let at = shown(&a.path);
    let before = out.0.values().map(|cause| cause.count).sum::<u64>();
    let option = |text: &Option<RawPath>| text.as_ref().map_or("nothing".to_owned(), shown);
    if a.kind != b.kind {
        out.add(Kind::TarType, &at, &a.kind, &b.kind, BLOCK);
    }
    if a.mode != b.mode {
        out.add(Kind::TarMode, &at, &a.mode, &b.mode, BLOCK);
    }
    if (a.uid, a.gid) != (b.uid, b.gid) {
        let text = |line: &Line| format!("{}:{}", line.uid, line.gid);
        out.add(Kind::TarOwner, &at, text(a), text(b), BLOCK);
    }
    if (&a.uname, &a.gname) != (&b.uname, &b.gname) {
        let text = |line: &Line| format!("`{}:{}`", line.uname, line.gname);
        out.add(Kind::TarOwnerName, &at, text(a), text(b), BLOCK);
    }
    if (a.mtime, a.mtime_nanoseconds) != (b.mtime, b.mtime_nanoseconds) {
        let text = |line: &Line| match line.mtime_nanoseconds {
            0 => line.mtime.to_string(),
            nanoseconds => format!("{}.{nanoseconds:09}", line.mtime),
        };
        out.add(Kind::TarTime, &at, text(a), text(b), BLOCK);
    }
    if a.link != b.link {
        out.add(Kind::TarLink, &at, option(&a.link), option(&b.link), BLOCK);
    }
    if a.device != b.device {
        let text = |device: &Option<String>| device.clone().unwrap_or_else(|| "nothing".into());
        out.add(
            Kind::TarDevice,
            &at,
            text(&a.device),
            text(&b.device),
            BLOCK,
        );
    }
    if a.xattrs != b.xattrs {
        let text = |line: &Line| {
            let all: Vec<String> = line
                .xattrs
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("[{}]", all.join(", "))
        };
        let (one, two) = (text(a), text(b));
        let bytes = one.len().max(two.len()) as u64;
        out.add(Kind::TarXattrs, &at, one, two, bytes);
    }
    if a.sha256 != b.sha256 && a.kind == "file" && b.kind == "file" {
        changed.push(Changed {
            path: a.path.clone(),
            sizes: [a.size.unwrap_or_default(), b.size.unwrap_or_default()],
            hashes: [
                a.sha256.clone().unwrap_or_default(),
                b.sha256.clone().unwrap_or_default(),
            ],
        });
        return;
    }
    let told = out.0.values().map(|cause| cause.count).sum::<u64>() > before;
    if let (Some(one), Some(two)) = (&first.form, &second.form) {
        forms(&at, one, two, told, out);
    }
}

/// What only the headers tell. Where something is told already, headers differ for that.
fn forms(at: &str, one: &Form, two: &Form, told: bool, out: &mut Gathered) {
    if one.odd != two.odd {
        let text = |form: &Form| {
            if form.odd {
                "other bytes than zeros before it"
            } else {
                "zeros before it"
            }
        };
        out.add(Kind::TarPadding, at, text(one), text(two), BLOCK);
    }
    if one.headers == two.headers {
        return;
    }
    let bytes = one.size.max(two.size);
    let mut found = told;
    if one.path != two.path {
        let text = |form: &Form| shown(&RawPath::new(form.path.clone()));
        out.add(Kind::TarPathForm, at, text(one), text(two), bytes);
        found = true;
    }
    let long = |form: &Form| {
        form.before
            .iter()
            .filter(|flag| matches!(flag, b'L' | b'K'))
            .count()
    };
    if one.format != two.format || long(one) != long(two) {
        let text = |form: &Form| match long(form) {
            0 => form.format.to_owned(),
            _ => format!("{}, long names in headers of their own", form.format),
        };
        out.add(Kind::TarFormat, at, text(one), text(two), bytes);
        found = true;
    }
    if one.keys != two.keys && !told {
        let text = |form: &Form| {
            let keys: Vec<String> = form
                .keys
                .iter()
                .map(|key| RawPath::new(key.clone()).to_string())
                .collect();
            format!("[{}]", keys.join(", "))
        };
        out.add(Kind::TarPaxKeys, at, text(one), text(two), bytes);
        found = true;
    }
    if !found {
        let text = |form: &Form| form.headers[..12].to_owned();
        out.add(Kind::TarHeader, at, text(one), text(two), bytes);
    }
}

/// Causes of files whose content differs: the first few one by one, the rest as one.
pub(super) fn told(
    changed: &[Changed],
    texts: &mut dyn FnMut(&Changed) -> Option<Vec<String>>,
) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (at, one) in changed.iter().enumerate() {
        let largest = one.sizes[0].max(one.sizes[1]);
        if at >= TOLD {
            if let Some(last) = causes.last_mut() {
                let last: &mut Cause = last;
                last.count += 1;
                last.bytes += largest;
            }
            continue;
        }
        let text = |side: usize| {
            format!(
                "{} bytes, sha256 {}",
                one.sizes[side],
                &one.hashes[side][..one.hashes[side].len().min(12)]
            )
        };
        let lines = texts(one);
        let kind = match lines {
            Some(_) => Kind::ContentText,
            None => Kind::ContentBytes,
        };
        let mut cause = Cause::new(kind, shown(&one.path))
            .between(text(0), text(1))
            .of(largest);
        cause.lines = lines.unwrap_or_default();
        causes.push(cause);
    }
    causes
}

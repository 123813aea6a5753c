//! From the plan to bytes: headers and content in the plan's order, then the receipt.
//!
//! Each file is read once; both digests come about on the way. Nothing is under its name before all
//! of it is there.

use crate::ahead::{self, Content};
use crate::elf;
use crate::error::{Error, Result};
use crate::item::{Item, ModeRule, Node};
use crate::listing::Line;
use crate::open::Input;
use crate::plan::Plan;
use crate::request::Request;
use crate::sink::{Sink, Written};
use action::Outputs;
use files::OutFile;
use oci::receipt::{Codec, ElfMachine, LayerReceipt, LayerReceiptKind};
use oci::{Algorithm, Digest, Hasher, RawPath};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use ustar::parse::LARGEST_RECORDS;
use ustar::{BLOCK, END, Header, padding};

/// Lines of the listing are handed over in pieces of this many bytes.
const LISTING_BUFFER: usize = 256 << 10;

/// What is written besides the blob and the receipt.
#[derive(Default)]
pub(crate) struct Reports {
    /// One JSON line for each tar entry.
    pub(crate) listing: Option<PathBuf>,
    /// One line for each of the request's `unused`.
    pub(crate) unused: Option<PathBuf>,
}

/// Writes the blob, the receipt and the reports.
///
/// # Errors
/// [`Error::Input`], [`Error::Changed`], [`Error::Archive`] for what is read; [`Error::Files`] for
/// what is written.
pub(crate) fn write(
    plan: &Plan,
    request: &Request,
    outputs: &Outputs,
    reports: Reports,
) -> Result<()> {
    // All are begun first: an output that exists is found before any work is done.
    let kept = !outputs.out.as_os_str().is_empty();
    let place = match &outputs.receipt {
        // Only the receipt is wanted: the blob lies beside it while it is made, and never gets a name.
        Some(receipt) if !kept => receipt.with_extension("blob"),
        _ => outputs.out.clone(),
    };
    let blob = match place.as_path() == Path::new("-") {
        true => OutFile::standard_output()?,
        false => OutFile::create(&place)?,
    };
    let request_file = match outputs.named.get("request") {
        None => None,
        Some(path) => {
            let mut file = OutFile::create(path)?;
            file.put(&outputs.text)?;
            Some(file)
        }
    };
    let receipt = outputs
        .receipt
        .as_deref()
        .map(OutFile::create)
        .transpose()?;
    let listing = outputs
        .or_named(reports.listing, "listing")
        .as_deref()
        .map(OutFile::create)
        .transpose()?;
    let unused = match &reports.unused {
        None => None,
        Some(path) => {
            let mut file = OutFile::create(path)?;
            file.put(&unused_lines(request))?;
            Some(file)
        }
    };

    let mut writer = Writer {
        plan,
        sink: Sink::new(request.codec, blob),
        header: Vec::new(),
        listing: listing.map(|file| Listing {
            file,
            lines: Vec::new(),
        }),
        linked: linked(plan),
        modes: BTreeMap::new(),
        machines: BTreeMap::new(),
    };
    let digests = writer.listing.is_some();
    ahead::for_each(plan, digests, |index, item, content| {
        writer.entry(index, item, content)
    })?;
    let (written, listing, machines) = writer.finish()?;

    let receipt = match receipt {
        None => None,
        Some(mut file) => {
            let receipt = receipt_of(plan, request, &written, machines);
            let bytes = receipt
                .to_bytes()
                .map_err(|source| Error::Receipt { source })?;
            file.put(&bytes)?;
            Some(file)
        }
    };
    // The blob last: where it is, all is.
    Ok(files::commit_all(
        (request_file
            .into_iter()
            .chain(listing)
            .chain(unused)
            .chain(receipt))
        .chain(kept.then_some(written.file)),
    )?)
}

/// The request's `unused`, one a line. A name that has a newline has no line: it counts as used.
fn unused_lines(request: &Request) -> Vec<u8> {
    let mut lines = Vec::new();
    for path in &request.unused {
        let name = path.as_bytes();
        if !name.contains(&b'\n') {
            lines.extend_from_slice(name);
            lines.push(b'\n');
        }
    }
    lines
}

/// The items that hard links lead to: their modes must be remembered.
fn linked(plan: &Plan) -> BTreeSet<u32> {
    let target = |item: &Item| match item.node {
        Node::Hardlink(to) => Some(to),
        _ => None,
    };
    plan.items.iter().filter_map(target).collect()
}

struct Writer<'a> {
    plan: &'a Plan,
    sink: Sink,
    header: Vec<u8>,
    listing: Option<Listing>,
    linked: BTreeSet<u32>,
    /// The modes of linked items, known once they are written.
    modes: BTreeMap<u32, u16>,
    machines: BTreeMap<&'static str, (u64, RawPath)>,
}

struct Listing {
    file: OutFile,
    /// Lines not yet handed to the file.
    lines: Vec<u8>,
}

impl Writer<'_> {
    fn entry(&mut self, index: u32, item: &Item, content: Content<'_>) -> Result<()> {
        match content {
            Content::None => {
                let mode = match (item.mode, &item.node) {
                    (_, Node::Hardlink(to)) => self.modes.get(to).copied().unwrap_or_default(),
                    (ModeRule::Given(mode), _) => mode,
                    // Only files have these, and they have content.
                    (ModeRule::ByContent | ModeRule::ByBit, _) => 0o644,
                };
                if self.linked.contains(&index) {
                    self.modes.insert(index, mode);
                }
                self.header(item, mode, 0)?;
                self.list(
                    item,
                    mode,
                    0,
                    matches!(item.node, Node::Marker).then(|| Digest::of(b"")),
                    None,
                )
            }
            Content::Whole {
                bytes,
                digest,
                mode_by_bit,
            } => {
                let size = bytes.len() as u64;
                let head = &bytes[..bytes.len().min(elf::ENOUGH)];
                let (mode, machine) = self.file(index, item, size, head, mode_by_bit)?;
                self.sink.put(bytes)?;
                self.pad(size)?;
                self.list(item, mode, size, digest, machine)
            }
            Content::Stream(input) => self.stream(index, item, input),
        }
    }

    /// Writes a file that is read now, into place.
    fn stream(&mut self, index: u32, item: &Item, mut input: Input<'_>) -> Result<()> {
        let size = input.size();
        let mut head = [0; elf::ENOUGH];
        let mut known = 0;
        while known < head.len() {
            match input.read(&mut head[known..])? {
                0 => break,
                count => known += count,
            }
        }
        let head = &head[..known];
        let (mode, machine) = self.file(index, item, size, head, input.mode_by_bit())?;
        let mut hasher = self
            .listing
            .is_some()
            .then(|| Hasher::new(Algorithm::Sha256));
        if let Some(hasher) = &mut hasher {
            hasher.update(head);
        }
        self.sink.put(head)?;
        loop {
            let space = self.sink.space();
            let count = input.read(space)?;
            if count == 0 {
                break;
            }
            if let Some(hasher) = &mut hasher {
                hasher.update(&space[..count]);
            }
            self.sink.advance(count)?;
        }
        self.pad(size)?;
        self.list(item, mode, size, hasher.map(Hasher::finish), machine)
    }

    /// Writes the header of a file; gives its mode, and its machine if it is an ELF file.
    fn file(
        &mut self,
        index: u32,
        item: &Item,
        size: u64,
        head: &[u8],
        mode_by_bit: u16,
    ) -> Result<(u16, Option<&'static str>)> {
        let mode = item.mode.resolve(head, mode_by_bit);
        if self.linked.contains(&index) {
            self.modes.insert(index, mode);
        }
        let machine = elf::machine(head);
        if let Some(machine) = machine {
            let first = || (0, RawPath::new(&*item.path));
            self.machines.entry(machine).or_insert_with(first).0 += 1;
        }
        self.header(item, mode, size)?;
        Ok((mode, machine))
    }

    fn header(&mut self, item: &Item, mode: u16, size: u64) -> Result<()> {
        self.header.clear();
        let records = header_of(self.plan, item, mode, size).encode(&mut self.header);
        if records > LARGEST_RECORDS {
            return Err(Error::Header {
                path: RawPath::new(&*item.path),
                entry: self.plan.label(item),
                records,
            });
        }
        Ok(self.sink.put(&self.header)?)
    }

    fn pad(&mut self, size: u64) -> Result<()> {
        Ok(self.sink.put(&[0; BLOCK][..padding(size)])?)
    }

    fn list(
        &mut self,
        item: &Item,
        mode: u16,
        size: u64,
        content: Option<Digest>,
        machine: Option<&'static str>,
    ) -> Result<()> {
        let Some(listing) = &mut self.listing else {
            return Ok(());
        };
        let line = Line::new(&header_of(self.plan, item, mode, size), content, machine);
        serde_json::to_writer(&mut listing.lines, &line)
            .map_err(|source| Error::Listing { source })?;
        listing.lines.push(b'\n');
        if listing.lines.len() > LISTING_BUFFER {
            listing.file.put(&listing.lines)?;
            listing.lines.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(Written, Option<OutFile>, Vec<ElfMachine>)> {
        self.sink.put(&END)?;
        let listing = match self.listing {
            None => None,
            Some(mut listing) => {
                listing.file.put(&listing.lines)?;
                Some(listing.file)
            }
        };
        let machine = |(machine, (count, first)): (&str, _)| ElfMachine {
            machine: machine.to_owned(),
            count,
            first,
        };
        Ok((
            self.sink.finish()?,
            listing,
            self.machines.into_iter().map(machine).collect(),
        ))
    }
}

fn header_of<'a>(plan: &'a Plan, item: &'a Item, mode: u16, size: u64) -> Header<'a> {
    let (link, device): (&[u8], _) = match &item.node {
        Node::Symlink(target) | Node::HardlinkPath(target) => (target, (0, 0)),
        Node::Hardlink(to) => (&plan.items[*to as usize].path, (0, 0)),
        Node::CharacterDevice(major, minor) | Node::BlockDevice(major, minor) => {
            (&[], (*major, *minor))
        }
        Node::File(_) | Node::Directory | Node::Fifo | Node::Marker => (&[], (0, 0)),
    };
    Header {
        path: &item.path,
        kind: item.node.header_type(),
        mode,
        metadata: &plan.metadata[item.metadata as usize],
        size,
        link,
        device,
    }
}

fn receipt_of(
    plan: &Plan,
    request: &Request,
    written: &Written,
    machines: Vec<ElfMachine>,
) -> LayerReceipt {
    LayerReceipt {
        kind: LayerReceiptKind::LayerReceipt,
        version: LayerReceipt::VERSION,
        origin: request.origin.clone(),
        media_type: request.codec.media_type(),
        digest: written.digest,
        size: written.size,
        diff_id: written.diff_id,
        unpacked_size: Some(written.unpacked_size),
        codec: Some(Codec {
            name: request.codec.name().to_owned(),
            level: request.codec.level().map(i32::from),
        }),
        annotations: request.annotations.clone(),
        history: request.history.clone(),
        sources: Vec::new(),
        entries: Some(plan.items.len() as u64),
        elf_machines: machines,
    }
}

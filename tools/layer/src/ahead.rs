//! Reads small files ahead, in parallel, and hands them over in order.
//!
//! A small file is mostly waiting: for the kernel, and, where it is not cached, for the disk. So a
//! few threads open and read the next chunks of items while the layer is written. Large files are
//! only opened; they are read where they are written, into place.
//!
//! Invariant: what is handed over is the same whatever the number of threads; memory is bounded by
//! the chunks under way.

use crate::error::Result;
use crate::item::{Item, Node};
use crate::open::{Input, open};
use crate::plan::Plan;
use files::Opener;
use oci::Digest;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// Items of a chunk.
const CHUNK: usize = 128;
/// Files of at most this many bytes are read ahead: a chunk of them takes at most 4 MiB.
const SMALL: u64 = 32 << 10;
/// Threads that read. More help where the disk is slow to answer, and cost little where it is not.
const READERS: usize = 4;
/// Chunks under way: at most 32 MiB.
const WINDOW: usize = 2 * READERS;
/// Below this many items threads cost more than they bring.
const FEW: usize = 2 * CHUNK;

/// The content of an item, ready to be written.
pub(crate) enum Content<'a> {
    /// The item has none.
    None,
    /// All of it.
    Whole {
        bytes: &'a [u8],
        /// Its SHA-256, if one was asked for.
        digest: Option<Digest>,
        mode_by_bit: u16,
    },
    /// A file that is to be read now.
    Stream(Input<'a>),
}

/// Calls `each` for every item of the plan, in order, with its content.
///
/// # Errors
/// The first error, in the order of the items, of opening, reading or of `each`.
pub(crate) fn for_each(
    plan: &Plan,
    digests: bool,
    mut each: impl FnMut(u32, &Item, Content<'_>) -> Result<()>,
) -> Result<()> {
    let chunks = plan.items.len().div_ceil(CHUNK);
    let mut take = |chunk: Chunk<'_>| -> Result<Vec<u8>> {
        for (index, loaded) in chunk.loaded {
            let content = match loaded? {
                Loaded::None => Content::None,
                Loaded::Whole {
                    range,
                    digest,
                    mode_by_bit,
                } => Content::Whole {
                    bytes: &chunk.bytes[range],
                    digest,
                    mode_by_bit,
                },
                Loaded::Stream(input) => Content::Stream(input),
            };
            let number =
                u32::try_from(index).expect("four thousand million items do not fit in memory");
            each(number, &plan.items[index], content)?;
        }
        Ok(chunk.bytes)
    };
    if plan.items.len() <= FEW {
        let mut spare = Vec::new();
        for chunk in 0..chunks {
            spare = take(load(plan, chunk, digests, spare))?;
        }
        return Ok(());
    }
    let (jobs, queue) = sync_channel::<(usize, SyncSender<Chunk<'_>>)>(WINDOW);
    let queue = &Mutex::new(queue);
    // Buffers to use again: fresh memory costs a page fault every 4 KiB.
    let spares = &Mutex::new(Vec::new());
    // `jobs` is dropped at the end of this closure, which ends the readers.
    thread::scope(move |scope| {
        for _ in 0..READERS {
            scope.spawn(move || {
                while let Ok(Ok((chunk, sender))) = queue.lock().map(|queue| queue.recv()) {
                    // Nobody takes it where an error has ended the run.
                    let spare = spares.lock().ok().and_then(|mut spares| spares.pop());
                    let _ = sender.send(load(plan, chunk, digests, spare.unwrap_or_default()));
                }
            });
        }
        let mut pending = VecDeque::new();
        let mut next = 0;
        loop {
            while pending.len() < WINDOW && next < chunks {
                let (sender, receiver) = sync_channel(1);
                jobs.send((next, sender))
                    .expect("the readers live as long as this closure");
                pending.push_back(receiver);
                next += 1;
            }
            let Some(receiver) = pending.pop_front() else {
                return Ok(());
            };
            let spare = take(
                receiver
                    .recv()
                    .expect("a reader sends its chunk or ends the process"),
            )?;
            if let Ok(mut spares) = spares.lock() {
                spares.push(spare);
            }
        }
    })
}

/// Consecutive items with the small files among them.
struct Chunk<'a> {
    bytes: Vec<u8>,
    loaded: Vec<(usize, Result<Loaded<'a>>)>,
}

enum Loaded<'a> {
    None,
    Whole {
        range: Range<usize>,
        digest: Option<Digest>,
        mode_by_bit: u16,
    },
    Stream(Input<'a>),
}

fn load(plan: &Plan, chunk: usize, digests: bool, spare: Vec<u8>) -> Chunk<'_> {
    let items = chunk * CHUNK..plan.items.len().min((chunk + 1) * CHUNK);
    let mut loader = Loader {
        plan,
        digests,
        bytes: spare,
        used: 0,
        opener: Opener::default(),
    };
    let loaded = items
        .map(|index| (index, loader.item(&plan.items[index])))
        .collect();
    Chunk {
        bytes: loader.bytes,
        loaded,
    }
}

/// Reads the files of a chunk into one buffer.
struct Loader<'a> {
    plan: &'a Plan,
    digests: bool,
    /// What of it is not `used` is of no meaning.
    bytes: Vec<u8>,
    used: usize,
    opener: Opener,
}

impl<'a> Loader<'a> {
    fn item(&mut self, item: &'a Item) -> Result<Loaded<'a>> {
        let content = match &item.node {
            Node::File(content) => content,
            _ => return Ok(Loaded::None),
        };
        let mut input = open(self.plan, item, content, &mut self.opener)?;
        if input.size() > SMALL {
            return Ok(Loaded::Stream(input));
        }
        let size = usize::try_from(input.size()).expect("it is small");
        let range = self.used..self.used + size;
        if self.bytes.len() <= range.end {
            self.bytes.resize(range.end + 1, 0);
        }
        input.read_whole(&mut self.bytes[range.start..=range.end])?;
        self.used = range.end;
        let digest = self.digests.then(|| Digest::of(&self.bytes[range.clone()]));
        Ok(Loaded::Whole {
            range,
            digest,
            mode_by_bit: input.mode_by_bit(),
        })
    }
}

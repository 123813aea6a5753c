//! Where the tar's bytes go: hashed for the diff_id as they come, cut into blocks, compressed in
//! parallel, written in order, hashed for the digest as they go.
//!
//! Memory is bounded by the blocks under way, whatever the layer's size. The number of threads
//! decides how many those are and nothing else.

use crate::request::Codec;
use files::OutFile;
use oci::{Algorithm, Digest, Hasher};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, sync_channel};

/// At most this many bytes are under way between tar and blob.
const MEMORY: usize = 96 << 20;

/// Bytes are hashed in pieces that stay in the cache between being read and being hashed.
const PIECE: usize = 128 << 10;

/// A blob that is being written.
pub(crate) struct Sink {
    codec: Codec,
    /// The block that is being filled: `filled` of its bytes are taken.
    block: Vec<u8>,
    filled: usize,
    diff_id: Hasher,
    unpacked: u64,
    pending: VecDeque<Receiver<Compressed>>,
    most_pending: usize,
    /// Buffers to use again: fresh memory costs a page fault every 4 KiB.
    spare: Vec<Compressed>,
    digest: Hasher,
    written: u64,
    file: OutFile,
}

/// A block that has been compressed, and the buffer that it came in.
struct Compressed {
    block: Vec<u8>,
    bytes: Vec<u8>,
}

/// What a whole blob is.
pub(crate) struct Written {
    pub(crate) file: OutFile,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) diff_id: Digest,
    pub(crate) unpacked_size: u64,
}

impl Sink {
    pub(crate) fn new(codec: Codec, file: OutFile) -> Self {
        let size = codec.block_size();
        let most_pending = match codec {
            Codec::None => 0,
            // Two for each thread keep all busy; each may hold its input and as much output.
            _ => (2 * rayon::current_num_threads()).clamp(2, MEMORY / (2 * size)),
        };
        Self {
            codec,
            block: vec![0; size],
            filled: 0,
            diff_id: Hasher::new(Algorithm::Sha256),
            unpacked: 0,
            pending: VecDeque::new(),
            most_pending,
            spare: Vec::new(),
            digest: Hasher::new(Algorithm::Sha256),
            written: 0,
            file,
        }
    }

    /// Room for the next bytes, never empty: fill some of it from the front, then
    /// [`advance`](Self::advance).
    pub(crate) fn space(&mut self) -> &mut [u8] {
        let end = self.block.len().min(self.filled + PIECE);
        &mut self.block[self.filled..end]
    }

    /// Takes the first `count` bytes of [`space`](Self::space).
    pub(crate) fn advance(&mut self, count: usize) -> files::Result<()> {
        self.diff_id
            .update(&self.block[self.filled..self.filled + count]);
        self.filled += count;
        self.unpacked += count as u64;
        if self.filled == self.block.len() {
            self.next_block()
        } else {
            Ok(())
        }
    }

    /// Takes bytes.
    pub(crate) fn put(&mut self, mut bytes: &[u8]) -> files::Result<()> {
        while !bytes.is_empty() {
            let space = self.space();
            let count = space.len().min(bytes.len());
            space[..count].copy_from_slice(&bytes[..count]);
            self.advance(count)?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self) -> files::Result<Written> {
        if self.filled > 0 {
            self.next_block()?;
        }
        while !self.pending.is_empty() {
            self.drain_one()?;
        }
        let diff_id = self.diff_id.finish();
        let digest = match self.codec {
            Codec::None => diff_id,
            _ => self.digest.finish(),
        };
        Ok(Written {
            file: self.file,
            digest,
            size: self.written,
            diff_id,
            unpacked_size: self.unpacked,
        })
    }

    /// Hands over the block, and begins a new one.
    fn next_block(&mut self) -> files::Result<()> {
        if self.codec == Codec::None {
            // One hash serves as both.
            self.file.put(&self.block[..self.filled])?;
            self.written += self.filled as u64;
            self.filled = 0;
            return Ok(());
        }
        if self.pending.len() == self.most_pending {
            self.drain_one()?;
        }
        let spare = self.spare.pop().unwrap_or_else(|| Compressed {
            block: vec![0; self.codec.block_size()],
            bytes: Vec::new(),
        });
        let block = std::mem::replace(&mut self.block, spare.block);
        let (codec, filled, mut bytes) = (self.codec, self.filled, spare.bytes);
        let (sender, receiver) = sync_channel(1);
        rayon::spawn(move || {
            codec.compress(&block[..filled], &mut bytes);
            // Where nobody waits any more the run has failed, and the block is of no use.
            let _ = sender.send(Compressed { block, bytes });
        });
        self.pending.push_back(receiver);
        self.filled = 0;
        Ok(())
    }

    /// Writes the oldest block under way.
    fn drain_one(&mut self) -> files::Result<()> {
        let oldest = self
            .pending
            .pop_front()
            .expect("asked only where some are pending");
        let compressed = oldest
            .recv()
            .expect("a job sends its block or ends the process");
        self.digest.update(&compressed.bytes);
        self.file.put(&compressed.bytes)?;
        self.written += compressed.bytes.len() as u64;
        self.spare.push(compressed);
        Ok(())
    }
}

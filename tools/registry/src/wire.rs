//! Plain connections, over which a file goes without passing through this process: sendfile(2).
//!
//! The HTTP crate asks a body for its bytes, puts them into its buffer, and has the connection send so much of
//! that buffer. A body that is a file says only *how many* bytes there are, and leaves the buffer as it is; the
//! connection then sends as many of the file. Both happen on the thread that sends the request, one after the
//! other, so that what is under way is kept for the thread ([`UNDER_WAY`]).
//!
//! It is for HTTP without TLS and without a proxy: all else encrypts or wraps what is in the buffer.
//!
//! Invariant: bytes of the buffer are sent exactly where no file's are due.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Error, Timeout};

/// So much of a file is sent at once.
const PIECE: usize = 256 << 10;

/// So much is received at once: files take large pieces at less cost, and two of them fit into a cache.
const INPUT: usize = 512 << 10;

thread_local! {
    /// The file that this thread is sending.
    static UNDER_WAY: RefCell<Option<Parcel>> = const { RefCell::new(None) };
}

/// A file on its way.
#[derive(Debug)]
struct Parcel {
    file: File,
    at: u64,
    /// How many bytes the HTTP crate was told of that have not been sent.
    due: usize,
    /// Why it could not be read: that is no fault of the network.
    failed: Option<io::Error>,
}

/// A body that says how many bytes there are, and gives none.
pub(crate) struct Promise<'a> {
    left: u64,
    seen: &'a dyn Fn(u64),
}

impl<'a> Promise<'a> {
    /// From `at` on, `length` bytes of a file are sent by this thread's next request, instead of what this
    /// gives; `seen` is told of each piece.
    pub(crate) fn new(file: File, at: u64, length: u64, seen: &'a dyn Fn(u64)) -> Self {
        UNDER_WAY.with_borrow_mut(|parcel| {
            *parcel = Some(Parcel {
                file,
                at,
                due: 0,
                failed: None,
            });
        });
        Promise { left: length, seen }
    }

    /// Why the file could not be read, if so.
    pub(crate) fn failed(&mut self) -> Option<io::Error> {
        UNDER_WAY.with_borrow_mut(|parcel| parcel.take().and_then(|parcel| parcel.failed))
    }
}

impl Read for Promise<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let promised = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        UNDER_WAY.with_borrow_mut(|parcel| {
            if let Some(parcel) = parcel {
                parcel.due += promised;
            }
        });
        self.left -= promised as u64;
        (self.seen)(promised as u64);
        Ok(promised)
    }
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        UNDER_WAY.set(None);
    }
}

impl Parcel {
    /// Sends what was promised.
    fn send(&mut self, stream: &TcpStream, amount: usize) -> io::Result<()> {
        if amount != self.due {
            return Err(io::Error::other(
                "more or less is asked for than was promised",
            ));
        }
        while self.due > 0 {
            match some(stream, &self.file, &mut self.at, self.due) {
                Ok(0) => {
                    self.failed = Some(io::ErrorKind::UnexpectedEof.into());
                    return Err(io::Error::other("what is to be sent can't be read"));
                }
                Ok(sent) => self.due -= sent,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Sends some bytes of a file; how many. The file's own place does not move.
#[cfg(target_os = "linux")]
fn some(stream: &TcpStream, file: &File, at: &mut u64, most: usize) -> io::Result<usize> {
    use rustix::io::Errno;
    match rustix::fs::sendfile(stream, file, Some(at), most) {
        // A file system that can't.
        Err(Errno::INVAL | Errno::NOSYS) => copied(stream, file, at, most),
        sent => Ok(sent?),
    }
}

#[cfg(not(target_os = "linux"))]
fn some(stream: &TcpStream, file: &File, at: &mut u64, most: usize) -> io::Result<usize> {
    copied(stream, file, at, most)
}

fn copied(mut stream: &TcpStream, file: &File, at: &mut u64, most: usize) -> io::Result<usize> {
    use std::os::unix::fs::FileExt;
    let mut buffer = vec![0; most.min(PIECE)];
    let read = file.read_at(&mut buffer, *at)?;
    stream.write_all(&buffer[..read])?;
    *at += read as u64;
    Ok(read)
}

/// Makes plain connections, and leaves others to `other`.
#[derive(Debug)]
pub(crate) struct Wires<C>(pub(crate) C);

impl<C: Connector<Out = Box<dyn Transport>>> Connector for Wires<C> {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        if details.needs_tls() || details.config.proxy().is_some() {
            return self.0.connect(details, chained);
        }
        let stream = connect(details)?;
        stream.set_nodelay(true)?;
        Ok(Some(Box::new(Wire {
            stream,
            buffers: LazyBuffers::new(INPUT, PIECE),
            read: None,
            write: None,
        })))
    }
}

/// Tries the addresses one after the other; each has its part of the time that is left.
fn connect(details: &ConnectionDetails<'_>) -> Result<TcpStream, Error> {
    let start = std::time::Instant::now();
    let mut last = Error::HostNotFound;
    for (tried, address) in details.addrs.iter().enumerate() {
        let stream = match details.timeout.not_zero() {
            None => TcpStream::connect(address),
            Some(all) => {
                let left = (*all).saturating_sub(start.elapsed());
                let others = u32::try_from(details.addrs.len() - tried).unwrap_or(u32::MAX);
                let part = (left / others).max(Duration::from_millis(10));
                TcpStream::connect_timeout(address, part)
            }
        };
        match stream {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                last = Error::Timeout(Timeout::Connect);
            }
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

/// A plain connection.
#[derive(Debug)]
struct Wire {
    stream: TcpStream,
    buffers: LazyBuffers,
    /// The patience that the socket is set to have.
    read: Option<Duration>,
    write: Option<Duration>,
}

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = timeout.for_write();
        let patience = timeout.not_zero().map(|time| *time);
        if patience != self.write {
            self.stream.set_write_timeout(patience)?;
            self.write = patience;
        }
        let stream = &self.stream;
        let promised = UNDER_WAY.with_borrow_mut(|parcel| {
            let parcel = parcel.as_mut().filter(|parcel| parcel.due > 0)?;
            Some(parcel.send(stream, amount))
        });
        let sent = match promised {
            Some(sent) => sent,
            None => (&self.stream).write_all(&self.buffers.output()[..amount]),
        };
        sent.map_err(|error| in_time(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        let patience = timeout.not_zero().map(|time| *time);
        if patience != self.read {
            self.stream.set_read_timeout(patience)?;
            self.read = patience;
        }
        let read = loop {
            match (&self.stream).read(self.buffers.input_append_buf()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.map_err(|error| in_time(error, timeout))?,
            }
        };
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        // A server that has said something unasked, or has gone, is none to say something to.
        let silent = self.stream.set_nonblocking(true).is_ok()
            && matches!(self.stream.peek(&mut [0]), Err(e) if e.kind() == io::ErrorKind::WouldBlock);
        silent && self.stream.set_nonblocking(false).is_ok()
    }
}

/// The error of a call that did not end in time, where it is that.
fn in_time(error: io::Error, timeout: NextTimeout) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout(timeout.reason),
        _ => error.into(),
    }
}

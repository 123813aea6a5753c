//! HTTP/1.1 as far as a registry needs it. Each connection has a thread, requests are noted in the
//! order in which they are complete.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `GET` and so on.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// What follows the question mark, or nothing.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The first field of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// A value of the query, with percent-encoding undone.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.parameters(name).into_iter().next()
    }

    /// All values of the query by one name.
    pub fn parameters(&self, name: &str) -> Vec<String> {
        parameters(&self.query, name)
    }

    /// All values of the form in the body by one name.
    pub fn form(&self, name: &str) -> Option<String> {
        parameters(&String::from_utf8_lossy(&self.body), name).pop()
    }

    /// `METHOD path`, for comparing.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

fn parameters(text: &str, name: &str) -> Vec<String> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| unescape(value))
        .collect()
}

fn unescape(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let hex: Vec<u8> = bytes.by_ref().take(2).collect();
                let hex = String::from_utf8_lossy(&hex).into_owned();
                out.push(u8::from_str_radix(&hex, 16).unwrap_or(b'?'));
            }
            byte => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What is said.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Whole(Vec<u8>),
    /// These bytes, of so many that are announced, and then the connection ends.
    Cut(Vec<u8>, u64),
    /// The same, but the connection stays silent for so long before it ends.
    Stall(Vec<u8>, u64, Duration),
    /// For ever.
    Endless,
    /// One byte each time.
    Drip(Vec<u8>, Duration),
    /// Everything as it stands, header and all, and then the connection ends.
    Raw(Vec<u8>),
    /// Nothing at all is said; the connection ends.
    Nothing,
    /// Nothing is said, and the connection stays.
    Silence(Duration),
}

impl Answer {
    /// A status without a body.
    pub fn new(status: u16) -> Self {
        Answer {
            status,
            headers: Vec::new(),
            body: Body::Whole(Vec::new()),
        }
    }

    /// An error as registries write it.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#);
        Answer::new(status)
            .with("Content-Type", "application/json")
            .body(body)
    }

    /// And this header field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// And this body.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Whole(bytes.into());
        self
    }

    /// The bytes of a whole body.
    pub fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Whole(bytes) => bytes,
            _ => &[],
        }
    }

    /// Only these bytes of as many as are announced.
    #[must_use]
    pub fn cut(mut self, bytes: impl Into<Vec<u8>>, announced: u64) -> Self {
        self.body = Body::Cut(bytes.into(), announced);
        self
    }

    /// Only these bytes of as many as are announced, and then silence.
    #[must_use]
    pub fn stall(mut self, bytes: impl Into<Vec<u8>>, announced: u64, time: Duration) -> Self {
        self.body = Body::Stall(bytes.into(), announced, time);
        self
    }

    /// A body without an end.
    #[must_use]
    pub fn endless(mut self) -> Self {
        self.body = Body::Endless;
        self
    }

    /// These bytes, one each time.
    #[must_use]
    pub fn drip(mut self, bytes: impl Into<Vec<u8>>, each: Duration) -> Self {
        self.body = Body::Drip(bytes.into(), each);
        self
    }

    /// The connection ends without a word.
    pub fn nothing() -> Self {
        Answer {
            body: Body::Nothing,
            ..Answer::new(0)
        }
    }

    /// Not a word for so long, then the connection ends.
    pub fn silence(time: Duration) -> Self {
        Answer {
            body: Body::Silence(time),
            ..Answer::new(0)
        }
    }

    /// These bytes and no others.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Answer {
            body: Body::Raw(bytes.into()),
            ..Answer::new(0)
        }
    }

    /// Writes it; returns whether the connection may go on.
    fn write(&self, stream: &mut TcpStream, head: bool) -> io::Result<bool> {
        let announced = match &self.body {
            Body::Whole(bytes) | Body::Drip(bytes, _) => Some(bytes.len() as u64),
            Body::Cut(_, announced) | Body::Stall(_, announced, _) => Some(*announced),
            Body::Endless => None,
            Body::Raw(bytes) => {
                stream.write_all(bytes)?;
                return Ok(false);
            }
            Body::Nothing => return Ok(false),
            Body::Silence(time) => {
                std::thread::sleep(*time);
                return Ok(false);
            }
        };
        let mut text = format!("HTTP/1.1 {} -\r\n", self.status);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let says_length =
            |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-length");
        if let Some(announced) = announced
            && !self.headers.iter().any(says_length)
            && self.status != 204
        {
            text.push_str(&format!("Content-Length: {announced}\r\n"));
        }
        text.push_str("\r\n");
        stream.write_all(text.as_bytes())?;
        if head {
            return Ok(true);
        }
        match &self.body {
            Body::Whole(bytes) => stream.write_all(bytes).map(|()| true),
            Body::Cut(bytes, _) => stream.write_all(bytes).map(|()| false),
            Body::Stall(bytes, _, time) => {
                stream.write_all(bytes)?;
                std::thread::sleep(*time);
                Ok(false)
            }
            Body::Drip(bytes, each) => {
                for byte in bytes {
                    stream.write_all(&[*byte])?;
                    std::thread::sleep(*each);
                }
                Ok(true)
            }
            _ => loop {
                stream.write_all(&[b'x'; 4096])?;
            },
        }
    }
}

type Handler = dyn Fn(&Request) -> Answer + Send + Sync;

/// A server; it ends with this value.
pub struct Server {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// There is no free port.
    pub fn start(handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let log = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let handler: Arc<Handler> = Arc::new(handler);
        let (noted, stopped) = (log.clone(), stop.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (handler, noted) = (handler.clone(), noted.clone());
                std::thread::spawn(move || {
                    // A client that goes away is no failure of the server's.
                    let _ = serve(stream, &*handler, &noted);
                });
            }
        });
        Server { address, log, stop }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// What has come until now.
    pub fn requests(&self) -> Vec<Request> {
        self.log
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }

    /// `METHOD path` of all that has come until now.
    pub fn lines(&self) -> Vec<String> {
        self.requests().iter().map(Request::line).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // The listener wakes up, and sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, handler: &Handler, log: &Mutex<Vec<Request>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader)? {
        log.lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .push(request.clone());
        let answer = handler(&request);
        if !answer.write(&mut writer, request.method == "HEAD")? {
            break;
        }
    }
    writer.shutdown(Shutdown::Both)
}

fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        ..Request::default()
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end();
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        let field = (name.to_ascii_lowercase(), value.trim().to_owned());
        request.headers.push(field);
    }
    let length = request.header("content-length").unwrap_or("0");
    let length: u64 = length.parse().unwrap_or(0);
    reader.take(length).read_to_end(&mut request.body)?;
    if (request.body.len() as u64) < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(request))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_and_noted() {
        let server = Server::start(|request| Answer::new(200).body(request.query.clone()));
        let mut stream = TcpStream::connect(server.host()).unwrap();
        stream
            .write_all(b"POST /a/b?x=1%2F2&y=z HTTP/1.1\r\nHost: h\r\nX-A: b\r\nContent-Length: 3\r\n\r\nabc")
            .unwrap();
        // An answer may come in pieces.
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\nx=1%2F2&y=z") {
            let mut piece = [0; 200];
            let read = stream.read(&mut piece).unwrap();
            assert_ne!(read, 0, "{}", String::from_utf8_lossy(&text));
            text.extend_from_slice(&piece[..read]);
        }
        let requests = server.requests();
        assert_eq!(requests[0].line(), "POST /a/b");
        assert_eq!(requests[0].parameter("x").as_deref(), Some("1/2"));
        assert_eq!(
            (requests[0].header("x-a"), &requests[0].body[..]),
            (Some("b"), &b"abc"[..])
        );
    }
}

//! Sending blobs: each rung of the ladder, and what makes one go to the next.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use common::{anonymous, digest, text};
use registry::{Arrival, Error, Mount};
use scripted::{Answer, Request, Server, Store};

const MIB: usize = 1 << 20;

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n / 251 + n) as u8).collect()
}

fn send(server: &Server, mount: &Mount, content: &Vec<u8>) -> Result<Arrival, Error> {
    anonymous(server, "a").upload(&digest(content), content.len() as u64, mount, content)
}

fn methods(server: &Server) -> String {
    let methods: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.method)
        .collect();
    methods.join(" ")
}

#[track_caller]
fn arrives(store: &Store, server: &Server, size: usize) {
    let content = content(size);
    match send(server, &Mount::No, &content) {
        Ok(arrival) => assert_eq!(arrival, Arrival::Sent),
        Err(error) => panic!("{}\n{}", text(&error), methods(server)),
    }
    assert_eq!(store.blob("a", &digest(&content)).unwrap(), content);
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn one_put_where_it_goes() {
    for size in [0, 1, 300_000] {
        let store = Store::new();
        let server = store.serve();
        arrives(&store, &server, size);
        assert_eq!(methods(&server), "POST PUT");
    }
}

#[test]
fn mounts() {
    let store = Store::new();
    let blob = content(10);
    store.add_blob("b", &blob);
    let server = store.serve();
    let from = Mount::From("b".into());
    assert_eq!(send(&server, &from, &blob).unwrap(), Arrival::Mounted);
    assert_eq!(methods(&server), "POST");
    assert_eq!(server.requests()[0].parameter("from").as_deref(), Some("b"));
    assert_eq!(store.blob("a", &digest(&blob)).unwrap(), blob);
    // Without a source.
    let store = Store::new();
    store.add_blob("b", &blob);
    let server = store.serve();
    assert_eq!(
        send(&server, &Mount::Anonymous, &blob).unwrap(),
        Arrival::Mounted
    );
    // A registry that does not mount gives a session, which is used.
    let store = Store::new();
    store.set_mounts(false);
    let server = store.serve();
    assert_eq!(send(&server, &from, &blob).unwrap(), Arrival::Sent);
    assert_eq!(methods(&server), "POST PUT");
    assert_eq!(store.open_uploads(), 0);
    // One that refuses to, instead.
    for status in [400, 403, 404, 405] {
        let store = Store::new();
        store
            .set_fault(move |request| request.query.contains("mount").then(|| Answer::new(status)));
        let server = store.serve();
        assert_eq!(send(&server, &from, &blob).unwrap(), Arrival::Sent);
        assert_eq!(methods(&server), "POST POST PUT");
    }
}

/// Proxies with a limit of 100 MB are the reason for chunks.
#[test]
fn chunks_where_one_put_is_too_large() {
    let store = Store::new();
    store.set_largest(Some(3 * MIB));
    let server = store.serve();
    arrives(&store, &server, 10 * MIB);
    let chunks: Vec<usize> = server
        .requests()
        .iter()
        .filter(|request| request.method == "PATCH")
        .map(|request| request.body.len())
        .collect();
    // The whole, a half, a quarter; and that goes.
    assert_eq!(chunks[..3], [10 * MIB, 8 * MIB, 4 * MIB]);
    assert!(
        chunks[3..].iter().all(|chunk| *chunk <= 3 * MIB),
        "{chunks:?}"
    );
}

#[test]
fn chunks_are_as_large_as_the_registry_wants() {
    let store = Store::new();
    store.set_minimum(20 << 20);
    store.set_fault(|request| {
        (request.method == "PUT" && !request.body.is_empty()).then(|| Answer::new(413))
    });
    let server = store.serve();
    arrives(&store, &server, 45 << 20);
    let chunks: Vec<usize> = server
        .requests()
        .iter()
        .filter(|request| request.method == "PATCH")
        .map(|request| request.body.len() >> 20)
        .collect();
    assert_eq!(chunks, [20, 20, 5]);
}

/// Fails the nth request of a method in some way, once.
fn once(store: &Store, method: &'static str, nth: u32, fault: Answer) {
    let count = AtomicU32::new(0);
    store.set_fault(move |request| {
        let hit = request.method == method && count.fetch_add(1, Ordering::Relaxed) == nth;
        hit.then(|| fault.clone())
    });
}

#[test]
fn a_put_that_breaks_off_goes_on_in_chunks() {
    for fault in [
        Answer::nothing(),
        Answer::new(500),
        Answer::new(503),
        Answer::new(416),
    ] {
        let store = Store::new();
        once(&store, "PUT", 0, fault);
        let server = store.serve();
        arrives(&store, &server, 300_000);
        assert_eq!(methods(&server), "POST PUT HEAD GET PATCH PUT");
    }
}

#[test]
fn chunks_that_break_off_go_on_where_the_registry_is() {
    let store = Store::new();
    let puts = AtomicU32::new(0);
    let patches = AtomicU32::new(0);
    store.set_fault(move |request| match request.method.as_str() {
        "PUT" if puts.fetch_add(1, Ordering::Relaxed) == 0 => Some(Answer::new(413)),
        "PATCH" if patches.fetch_add(1, Ordering::Relaxed) == 1 => Some(Answer::nothing()),
        _ => None,
    });
    let server = store.serve();
    arrives(&store, &server, 40 * MIB);
    let ranges: Vec<_> = server
        .requests()
        .iter()
        .filter_map(|request| request.header("content-range").map(str::to_owned))
        .collect();
    let range = |first: usize, end: usize| format!("{}-{}", first * MIB, end * MIB - 1);
    assert_eq!(
        ranges,
        [range(0, 16), range(16, 32), range(16, 32), range(32, 40)]
    );
}

#[test]
fn a_session_that_is_lost_is_begun_anew() {
    let store = Store::new();
    let puts = AtomicU32::new(0);
    store.set_fault(move |request| match request.method.as_str() {
        "PUT" if puts.fetch_add(1, Ordering::Relaxed) == 0 => Some(Answer::nothing()),
        "GET" => Some(Answer::error(404, "BLOB_UPLOAD_UNKNOWN", "gone")),
        _ => None,
    });
    let server = store.serve();
    arrives(&store, &server, 300_000);
    assert_eq!(methods(&server), "POST PUT HEAD GET DELETE POST PATCH PUT");
}

#[test]
fn an_answer_that_is_lost_is_not_a_blob_that_is_lost() {
    let store = Store::new();
    let blob = content(300_000);
    let (inner, lost) = (store.clone(), AtomicU32::new(0));
    let again = blob.clone();
    store.set_fault(move |request| {
        let hit = request.method == "PUT" && lost.fetch_add(1, Ordering::Relaxed) == 0;
        hit.then(|| {
            inner.add_blob("a", &again);
            Answer::nothing()
        })
    });
    let server = store.serve();
    assert_eq!(send(&server, &Mount::No, &blob).unwrap(), Arrival::Sent);
    assert_eq!(methods(&server), "POST PUT HEAD");
}

#[test]
fn giving_up_cancels() {
    let store = Store::new();
    store.set_fault(|request| {
        matches!(request.method.as_str(), "PUT" | "PATCH").then(|| Answer::new(500))
    });
    let server = store.serve();
    let error = send(&server, &Mount::No, &content(1000)).unwrap_err();
    assert!(error.is_environment(), "{error}");
    assert_eq!(store.open_uploads(), 0);
    let sent = server
        .requests()
        .iter()
        .filter(|request| request.method == "PATCH")
        .count();
    assert!((1..4).contains(&sent), "{sent}");
    // A refusal is final at once.
    let store = Store::new();
    store
        .set_fault(|request| (request.method == "PUT").then(|| Answer::error(403, "DENIED", "no")));
    let server = store.serve();
    let error = send(&server, &Mount::No, &content(1000)).unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error}");
    assert_eq!(methods(&server), "POST PUT DELETE");
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn what_the_registry_says_of_its_progress_is_checked() {
    for range in ["0-99999999", "5-9", "nonsense"] {
        let store = Store::new();
        store.set_fault(move |request| match request.method.as_str() {
            "PUT" if !request.body.is_empty() => Some(Answer::new(413)),
            "PATCH" => Some(Answer::new(202).with("Range", range)),
            _ => None,
        });
        let server = store.serve();
        let error = send(&server, &Mount::No, &content(1000)).unwrap_err();
        assert!(
            error.to_string().contains("`Range` is none of this upload"),
            "{error}"
        );
    }
    // One that never gets on does not hold us for ever.
    let store = Store::new();
    store.set_fault(|request| match request.method.as_str() {
        "PUT" if !request.body.is_empty() => Some(Answer::new(413)),
        "PATCH" => Some(Answer::new(202).with("Range", "0-0")),
        _ => None,
    });
    let server = store.serve();
    let error = send(&server, &Mount::No, &content(1000)).unwrap_err();
    assert!(
        text(&error).contains("the registry stays at 0 bytes"),
        "{}",
        text(&error)
    );
}

#[test]
fn a_registry_that_stores_something_else() {
    let store = Store::new();
    let other = digest(b"other").to_string();
    store.set_fault(move |request| {
        let answer = || Answer::new(201).with("Docker-Content-Digest", other.clone());
        (request.method == "PUT").then(answer)
    });
    let server = store.serve();
    let error = send(&server, &Mount::No, &content(10)).unwrap_err();
    assert!(matches!(error, Error::WrongDigest { .. }), "{error}");
    store.set_fault(|request| (request.method == "PUT").then(|| Answer::new(202)));
    let error = send(&server, &Mount::No, &content(10)).unwrap_err();
    assert!(
        error.to_string().contains("does not say that it is stored"),
        "{error}"
    );
}

/// A 401 in the middle of an upload: a new token, and the same bytes once more.
#[test]
fn a_token_that_ends_in_the_middle() {
    let puts = Arc::new(AtomicUsize::new(0));
    let count = puts.clone();
    let store = Store::new();
    store.set_fault(move |request: &Request| match request.path.as_str() {
        "/token" => Some(Answer::new(200).body(r#"{"token":"t"}"#)),
        _ if request.method == "PUT" && count.fetch_add(1, Ordering::Relaxed) == 0 => {
            Some(Answer::new(401).with("WWW-Authenticate", "Bearer realm=/token"))
        }
        _ => None,
    });
    let server = store.serve();
    arrives(&store, &server, 300_000);
    assert_eq!(methods(&server), "POST PUT GET PUT");
}

/// A journal in memory.
#[derive(Default)]
struct Memory(std::sync::Mutex<Option<registry::Progress>>);

impl registry::Journal for Memory {
    fn load(&self) -> Option<registry::Progress> {
        self.0.lock().unwrap().clone()
    }
    fn save(&self, progress: &registry::Progress) {
        *self.0.lock().unwrap() = Some(progress.clone());
    }
    fn clear(&self) {
        *self.0.lock().unwrap() = None;
    }
}

/// Three chunks.
const LARGE: usize = 40 << 20;

fn send_kept(server: &Server, content: &Vec<u8>, kept: &Memory) -> Result<Arrival, Error> {
    let size = content.len() as u64;
    anonymous(server, "a").upload_with(&digest(content), size, &Mount::No, content, Some(kept))
}

/// The bytes of all chunks that were sent.
fn patched(server: &Server) -> usize {
    let requests = server.requests();
    let chunks = requests.iter().filter(|one| one.method == "PATCH");
    chunks.map(|one| one.body.len()).sum()
}

#[test]
fn another_run_goes_on_where_the_last_one_stopped() {
    let (store, kept, content) = (Store::new(), Memory::default(), content(LARGE));
    let server = store.serve();
    // After the first chunk the registry is gone.
    let chunks = AtomicU32::new(0);
    store.set_fault(move |request| {
        let counts = request.method == "PATCH" && chunks.fetch_add(1, Ordering::Relaxed) == 0;
        (!counts && chunks.load(Ordering::Relaxed) > 0).then(|| Answer::new(503))
    });
    assert!(send_kept(&server, &content, &kept).is_err());
    assert!(kept.0.lock().unwrap().is_some());
    assert_eq!(store.open_uploads(), 1, "what may go on is not cancelled");
    store.set_fault(|_| None);
    let server = store.serve();
    // The other run knows the registry by its address, which is in the journal.
    let mut progress = kept.0.lock().unwrap().clone().unwrap();
    let (_, rest) = progress.location.split_once("/v2/").unwrap();
    progress.location = format!("http://{}/v2/{rest}", server.host());
    *kept.0.lock().unwrap() = Some(progress);
    assert_eq!(send_kept(&server, &content, &kept).unwrap(), Arrival::Sent);
    assert_eq!(patched(&server), LARGE - (16 << 20));
    assert_eq!(store.blob("a", &digest(&content)).unwrap(), content);
    assert_eq!(
        (store.open_uploads(), kept.0.lock().unwrap().clone()),
        (0, None)
    );
}

#[test]
fn a_journal_that_leads_nowhere_does_no_harm() {
    let content = content(LARGE);
    for location in [
        "http://HOST/v2/a/blobs/uploads/77?step=0",
        "http://HOST/",
        "http://10.0.0.1/v2/a/blobs/uploads/1",
        "http://169.254.169.254/latest",
        "no location",
        "",
    ] {
        let (store, kept) = (Store::new(), Memory::default());
        let server = store.serve();
        *kept.0.lock().unwrap() = Some(registry::Progress {
            location: location.replace("HOST", &server.host()),
            minimum: 0,
        });
        assert_eq!(send_kept(&server, &content, &kept).unwrap(), Arrival::Sent);
        assert_eq!(store.blob("a", &digest(&content)).unwrap(), content);
        assert_eq!(patched(&server), LARGE);
    }
}

#[test]
fn a_session_of_another_blob_is_begun_anew() {
    let (store, kept, content) = (Store::new(), Memory::default(), content(LARGE));
    let server = store.serve();
    let url = format!("http://{}/v2/a/blobs/uploads/", server.host());
    let raw = |method: &str, path: String, body: &[u8]| {
        store.answer(&scripted::Request {
            method: method.into(),
            query: path
                .split_once('?')
                .map_or(String::new(), |(_, query)| query.into()),
            path: path.split('?').next().unwrap().into(),
            body: body.into(),
            ..scripted::Request::default()
        })
    };
    raw("POST", "/v2/a/blobs/uploads/".into(), b"");
    raw(
        "PATCH",
        "/v2/a/blobs/uploads/1?step=0".into(),
        b"other bytes",
    );
    kept.0.lock().unwrap().replace(registry::Progress {
        location: format!("{url}1?step=1"),
        minimum: 0,
    });
    assert_eq!(send_kept(&server, &content, &kept).unwrap(), Arrival::Sent);
    assert_eq!(store.blob("a", &digest(&content)).unwrap(), content);
}

#[test]
fn what_is_refused_is_not_kept() {
    let (store, kept, content) = (Store::new(), Memory::default(), content(LARGE));
    store.set_fault(|request| {
        (request.method == "PATCH").then(|| Answer::error(403, "DENIED", "no"))
    });
    let server = store.serve();
    assert!(send_kept(&server, &content, &kept).is_err());
    assert_eq!(
        (store.open_uploads(), kept.0.lock().unwrap().clone()),
        (0, None)
    );
    // Small blobs go with one request and need no journal.
    let (store, small) = (Store::new(), content[..1000].to_vec());
    let server = store.serve();
    send_kept(&server, &small, &kept).unwrap();
    assert_eq!(methods(&server), "POST PUT");
}

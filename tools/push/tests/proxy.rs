//! A proxy that the environment names: used where a request says so, and where `NO_PROXY` does not say
//! otherwise.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by a panic"
)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use common::{World, to};
use scripted::Store;

/// A proxy that knows `CONNECT` and nothing else; what it was asked to connect to.
struct Proxy {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let noted = noted.clone();
                std::thread::spawn(move || connect(&stream, &noted));
            }
        });
        Proxy { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn connect(client: &TcpStream, noted: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    noted.lock().unwrap().push(first.trim().to_owned());
    let target = first.strip_prefix("CONNECT ")?.split(' ').next()?;
    let server = TcpStream::connect(target).ok()?;
    (&mut &*client).write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut up, mut down) = (server.try_clone().ok()?, server);
    let mut back = client.try_clone().ok()?;
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut down, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    std::io::copy(&mut reader, &mut up).ok()?;
    up.shutdown(Shutdown::Both).ok()
}

#[test]
fn the_environments_proxy_is_used_where_a_request_says_so() {
    let (store, world, proxy) = (Store::new(), World::new(), Proxy::start());
    let server = store.serve();
    world.layout("image", &[b"layer"]);
    let url = format!("http://{}", proxy.address);
    let other = "http://127.0.0.1:1".to_owned();
    let connect = format!("CONNECT {} HTTP/1.1", server.host());
    let run = |tag: &str, more: &str, environment: &[(&str, &str)]| {
        world.request(&[("image", to(&server, tag, "1"))], more);
        let mut command = world.command(&["request.json"]);
        let output = command.envs(environment.iter().copied()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    let told = r#""access":{"proxy_from_environment":true}"#;
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        let done = run(
            &format!("by/{}", name.to_lowercase()),
            told,
            &[(name, &url)],
        );
        assert_eq!(done, (Some(0), String::new()), "{name}");
        let asked = proxy.asked();
        assert!(
            !asked.is_empty() && asked.iter().all(|one| *one == connect),
            "{name}: {asked:?}"
        );
    }
    // Nobody told us to.
    let done = run("not/told", "", &[("HTTP_PROXY", &url), ("ALL_PROXY", &url)]);
    assert_eq!((done.0, proxy.asked()), (Some(0), Vec::new()), "{}", done.1);
    // Hosts that it is not for.
    for except in ["127.0.0.1", "example.com,127.0.0.1", "*"] {
        let done = run(
            "except/it",
            told,
            &[("HTTP_PROXY", &other), ("NO_PROXY", except)],
        );
        assert_eq!(
            (done.0, proxy.asked()),
            (Some(0), Vec::new()),
            "{except}: {}",
            done.1
        );
    }
    // One that is not there is an error of the network, and nobody is gone to directly.
    let before = server.requests().len();
    let done = run("gone/away", told, &[("HTTP_PROXY", &other)]);
    assert_eq!(
        (done.0, server.requests().len()),
        (Some(3), before),
        "{}",
        done.1
    );
}

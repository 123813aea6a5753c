//! How many requests are under way with one host.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod common;

use std::io::{self, Read};
use std::num::NonZeroU8;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{MANIFEST, digest, login, manifest, settings};
use registry::{Arrival, Content, Credentials, Mount, Registries, Repository, Settings, Target};
use scripted::{Answer, Auth, Server, Store};

/// Settings that let so many requests be under way with each of these servers.
fn at_once(servers: &[&Server], most: u8) -> Settings {
    let mut settings = settings();
    for server in servers {
        let host = settings.hosts.entry(server.host()).or_default();
        host.plain_http = true;
        host.requests_at_once = NonZeroU8::new(most);
    }
    settings
}

/// A registry that takes its time, and knows how many requests it has had at once.
fn counting(store: &Store) -> Arc<AtomicUsize> {
    let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    store.set_fault(move |_| {
        let count = now.fetch_add(1, Ordering::SeqCst) + 1;
        seen.fetch_max(count, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(10));
        now.fetch_sub(1, Ordering::SeqCst);
        None
    });
    most
}

/// What eight threads do with a registry: look, fetch, send.
fn work(repository: &Repository) {
    std::thread::scope(|scope| {
        for n in 0..8u8 {
            scope.spawn(move || {
                let content = vec![n; 100];
                let wanted = digest(&content);
                assert!(!repository.has_blob(&wanted, 100).unwrap());
                repository
                    .upload(&wanted, 100, &Mount::No, &content)
                    .unwrap();
                let mut came = Vec::new();
                let mut stream = repository.blob(&wanted, 100);
                stream.read_to_end(&mut came).unwrap();
                assert_eq!(came, content);
                repository.manifest(&Target::Tag("t".into()), None).unwrap();
            });
        }
    });
}

fn store() -> Store {
    let store = Store::new();
    store.add_manifest("a", Some("t"), MANIFEST, &manifest());
    store
}

#[test]
fn a_host_has_no_more_requests_than_it_takes() {
    for (limit, expected) in [(1, 1..=1), (3, 2..=3)] {
        let store = store();
        let most = counting(&store);
        let server = store.serve();
        let settings = at_once(&[&server], limit);
        let registries = Registries::new(settings, Credentials::anonymous());
        work(&registries.repository(&server.host(), "a").unwrap());
        let most = most.load(Ordering::SeqCst);
        assert!(expected.contains(&most), "{most} at once, of {limit}");
    }
    // Without a limit there are more: the count counts.
    let store = store();
    let most = counting(&store);
    let server = store.serve();
    let registries = Registries::new(settings(), Credentials::anonymous());
    work(&registries.repository(&server.host(), "a").unwrap());
    assert!(most.load(Ordering::SeqCst) > 3);
}

/// Who waits for a token waits for nobody's place, and a registry may be its own token service.
#[test]
fn tokens_do_not_count() {
    let store = store();
    store.set_auth(Auth::Token("u".into(), "hunter2".into()));
    let server = store.serve();
    let credentials = login(&server, "u", "hunter2");
    let registries = Registries::new(at_once(&[&server], 1), credentials);
    work(&registries.repository(&server.host(), "a").unwrap());
}

/// A blob of one repository, on its way to another of the same registry.
struct SentOn(Repository, Vec<u8>);

impl Content for SentOn {
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        assert_eq!(offset, 0);
        let (digest, size) = (digest(&self.1), self.1.len() as u64);
        Ok(Box::new(self.0.blob(&digest, size)))
    }
}

#[test]
fn what_is_sent_on_within_a_registry_counts_once() {
    let store = store();
    let content = vec![7; 200_000];
    let wanted = store.add_blob("a", &content);
    let server = store.serve();
    let registries = Registries::new(at_once(&[&server], 1), Credentials::anonymous());
    let from = registries.repository(&server.host(), "a").unwrap();
    let to = registries.repository(&server.host(), "b").unwrap();
    let size = content.len() as u64;
    let arrival = to.upload(&wanted, size, &Mount::No, &SentOn(from, content.clone()));
    assert_eq!(arrival.unwrap(), Arrival::Sent);
    assert_eq!(store.blob("b", &wanted).unwrap(), content);
}

/// The limit of a host behind a redirect is that host's, whoever leads there.
#[test]
fn storage_has_a_limit_of_its_own() {
    let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let storage = Server::start(move |_| {
        let count = now.fetch_add(1, Ordering::SeqCst) + 1;
        seen.fetch_max(count, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(10));
        now.fetch_sub(1, Ordering::SeqCst);
        Answer::new(200).body(*b"x")
    });
    let leads = || {
        let to = format!("http://{}/x", storage.host());
        Server::start(move |_| Answer::new(307).with("Location", to.clone()))
    };
    let (one, two) = (leads(), leads());
    let registries = Registries::new(at_once(&[&storage], 1), Credentials::anonymous());
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (registries, server) = (&registries, if n % 2 == 0 { &one } else { &two });
            scope.spawn(move || {
                let repository = registries.repository(&server.host(), "a").unwrap();
                let mut bytes = Vec::new();
                let mut stream = repository.blob(&digest(b"x"), 1);
                stream.read_to_end(&mut bytes).unwrap();
            });
        }
    });
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

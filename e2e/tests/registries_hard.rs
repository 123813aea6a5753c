//! What goes wrong around `pull` and `push` against a real registry: they are killed, disks are full or
//! can't be written, tokens come from an issuer, storage is on another host, a terminal looks on.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use e2e::registries::{
    Running, blobs, free_port, layout, ours, outsider, pull, push, registry, succeeded, wait_for,
    well, write,
};
use e2e::{blob, outsiders, programs};
use serde_json::{Value, json};

/// A wire with a counter, in both directions.
struct Wire {
    host: String,
    up: Arc<AtomicU64>,
    down: Arc<AtomicU64>,
}

impl Wire {
    fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (up, down) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (target, counts) = (target.to_owned(), (up.clone(), down.clone()));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&target) else {
                    continue;
                };
                let pair = || (client.try_clone().unwrap(), server.try_clone().unwrap());
                let ((a, b), (c, d)) = (pair(), pair());
                let (up, down) = counts.clone();
                std::thread::spawn(move || carry(a, b, &up));
                std::thread::spawn(move || carry(d, c, &down));
            }
        });
        Wire { host, up, down }
    }

    /// Bytes that have gone up and down since the last time.
    fn take(&self) -> (u64, u64) {
        (
            self.up.swap(0, Ordering::SeqCst),
            self.down.swap(0, Ordering::SeqCst),
        )
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, count: &AtomicU64) {
    let mut buffer = [0; 65536];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        count.fetch_add(read as u64, Ordering::SeqCst);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Numbers that look like chance, the same each time.
fn chance(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

/// Runs one of our programs and kills it after so many milliseconds. Returns whether it had ended.
fn kill(folder: &Path, tool: &str, words: &[&str], after: u64) -> bool {
    let mut child = Command::new(programs::path(tool))
        .args(words)
        .current_dir(folder)
        .env_clear()
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(after));
    let ended = child
        .try_wait()
        .unwrap()
        .is_some_and(|status| status.success());
    let _ = child.kill();
    child.wait().unwrap();
    ended
}

/// The sizes of all files below a folder.
fn weight(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let weigh = |entry: fs::DirEntry| match entry.metadata().unwrap() {
        about if about.is_dir() => weight(&entry.path()),
        about => about.len(),
    };
    entries.map(|entry| weigh(entry.unwrap())).sum()
}

const SIZE: usize = 24 << 20;

#[test]
fn a_pull_that_is_killed_at_twenty_points() {
    if !outsiders::can(
        "a pull from docker-registry that is killed",
        &["docker-registry"],
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_running, host) = registry(folder, "", "");
    let wire = Wire::to(&host);
    layout(folder, "image", SIZE);
    succeeded(&push(folder, &host, &json!({})));
    write(&folder.join("settings.json"), "{}");
    let name = format!("app={}/team/app:1", wire.host);
    well(
        folder,
        "pull",
        &["lock", &name, "--settings", "settings.json"],
    );
    let request = json!({"kind": "pull", "version": 1, "origin": "//e2e:pull", "from": {"store": "store"},
        "image": {"locked": {"lock": "images.lock.json", "name": "app"}}});
    write(&folder.join("pull.json"), &request.to_string());
    wire.take();
    let (mut state, mut whole) = (0x5EED_u64, 0);
    for round in 0..20 {
        let out = format!("out-{round}");
        if kill(
            folder,
            "pull",
            &["pull.json", "--out", &out],
            chance(&mut state, 120),
        ) {
            whole += 1;
        }
        // An output is there whole or not at all.
        if folder.join(&out).exists() {
            well(folder, "pull", &["verify", &out]);
        }
        if whole == 2 {
            // All is in the store: begin again.
            fs::remove_dir_all(folder.join("store")).unwrap();
            whole = 0;
        }
    }
    // What was on its way to one that was killed is not this one's.
    std::thread::sleep(Duration::from_millis(500));
    wire.take();
    let had = weight(&folder.join("store"));
    well(folder, "pull", &["pull.json", "--out", "out"]);
    let (_, down) = wire.take();
    let all = weight(&folder.join("image/blobs"));
    assert!(
        down <= all - had.min(all) + 100_000,
        "{down} of {all} came, {had} were there"
    );
    well(folder, "pull", &["verify", "out"]);
    assert_eq!(blobs(folder, "out"), blobs(folder, "image"));
}

/// The blobs that `docker-registry` has of a repository.
fn stored(folder: &Path, host: &str, repository: &str) -> Vec<PathBuf> {
    let port = host.rsplit_once(':').unwrap().1;
    let layers =
        format!("store-{port}/docker/registry/v2/repositories/{repository}/_layers/sha256");
    let Ok(entries) = fs::read_dir(folder.join(layers)) else {
        return Vec::new();
    };
    let whole = entries
        .flatten()
        .filter(|entry| entry.path().join("link").exists());
    whole.map(|entry| entry.file_name().into()).collect()
}

#[test]
fn a_push_that_is_killed_at_twenty_points() {
    if !outsiders::can(
        "a push to docker-registry that is killed",
        &["docker-registry"],
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_running, host) = registry(folder, "", "");
    let wire = Wire::to(&host);
    let digest = layout(folder, "image", SIZE);
    let mut state = 0xF00D_u64;
    for journal in [false, true] {
        let repository = format!("killed/app-{journal}");
        let mut request = json!({"kind": "push", "version": 1, "origin": "//e2e:push",
            "images": [{"layout": "image",
                "to": [{"repository": format!("{}/{repository}", wire.host), "tags": ["1"]}]}]});
        if journal {
            request["journal"] = "journal".into();
        }
        write(&folder.join("killed.json"), &request.to_string());
        for _ in 0..20 {
            kill(folder, "push", &["killed.json"], chance(&mut state, 60));
        }
        // What is under way in the registry ends.
        std::thread::sleep(Duration::from_millis(300));
        let there = stored(folder, &host, &repository);
        let size = |name: &PathBuf| {
            fs::metadata(folder.join("image/blobs/sha256").join(name))
                .unwrap()
                .len()
        };
        let missing: u64 = blobs(folder, "image")
            .iter()
            .filter(|name| !there.contains(name) && !digest.ends_with(name.to_str().unwrap()))
            .map(size)
            .sum();
        wire.take();
        well(folder, "push", &["killed.json"]);
        let (up, _) = wire.take();
        assert!(
            up <= missing + 100_000,
            "{up} were sent where {missing} were missing"
        );
        pull(folder, &format!("{host}/{repository}:1"), &json!({}));
        assert_eq!(blobs(folder, "out"), blobs(folder, "image"));
    }
}

/// Mounts a file system in memory, of so many bytes; it goes with the test's mount namespace.
fn mounted(folder: &Path, name: &str, options: &str) -> Option<PathBuf> {
    let at = folder.join(name);
    fs::create_dir(&at).unwrap();
    let words = ["-t", "tmpfs", "-o", options, "tmpfs", at.to_str().unwrap()];
    let done = Command::new("mount")
        .args(words)
        .stderr(Stdio::null())
        .status();
    done.is_ok_and(|status| status.success()).then_some(at)
}

#[test]
fn full_disks_and_folders_that_cannot_be_written() {
    let check = "a pull onto a full disk and one that can't be written";
    if !outsiders::can(check, &["docker-registry", "mount", "umount"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (Some(small), Some(fixed)) = (
        mounted(folder, "small", "size=8m"),
        mounted(folder, "fixed", "ro,size=1m"),
    ) else {
        outsiders::without(check, "a mount namespace of our own");
        return;
    };
    let (_running, host) = registry(folder, "", "");
    layout(folder, "image", SIZE);
    succeeded(&push(folder, &host, &json!({})));
    write(&folder.join("settings.json"), "{}");
    let name = format!("app={host}/team/app:1");
    well(
        folder,
        "pull",
        &["lock", &name, "--settings", "settings.json"],
    );
    let request = |from: Value| {
        let request = json!({"kind": "pull", "version": 1, "origin": "//e2e:pull", "from": from,
            "image": {"locked": {"lock": "images.lock.json", "name": "app"}}});
        write(&folder.join("pull.json"), &request.to_string());
    };
    let fails = |out: &str, word: &str| {
        let output = ours(folder, "pull", &["pull.json", "--out", out]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(word), "{said}");
        assert!(!folder.join(out).exists());
    };
    request(json!({}));
    fails("small/out", "No space left on device");
    assert_eq!(fs::read_dir(&small).unwrap().count(), 0, "nothing stays");
    fails("fixed/out", "Read-only file system");
    // A store that is full keeps what it has, and is of use again when there is space.
    request(json!({"store": "small/store"}));
    fails("out", "No space left on device");
    request(json!({"store": "fixed/store"}));
    fails("out", "Read-only file system");
    outsider(
        folder,
        "mount",
        &["-o", "remount,size=64m", small.to_str().unwrap()],
    );
    request(json!({"store": "small/store"}));
    well(folder, "pull", &["pull.json", "--out", "out"]);
    well(folder, "pull", &["verify", "out"]);
    // The same of what `push` writes.
    outsider(
        folder,
        "mount",
        &["-o", "remount,size=40m", small.to_str().unwrap()],
    );
    for (into, word) in [
        ("small/a.tar", "No space left"),
        ("fixed/a.tar", "Read-only"),
    ] {
        let request = json!({"kind": "push", "version": 1, "origin": "//e2e:push",
            "images": [{"layout": "image", "into": [{"oci_archive": {"path": into}}]}]});
        write(&folder.join("push.json"), &request.to_string());
        let output = ours(folder, "push", &["push.json"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(3) && said.contains(word),
            "{said}"
        );
        assert!(!folder.join(into).exists());
    }
    for at in [small, fixed] {
        outsider(folder, "umount", &["-l", at.to_str().unwrap()]);
    }
}

/// A JSON web token (RFC 7519) for what a scope asks for.
fn token(folder: &Path, scopes: &[String], may_push: bool) -> String {
    let base64 = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes);
    let der = Command::new("openssl")
        .args(["x509", "-in", "issuer.pem", "-outform", "DER"])
        .current_dir(folder)
        .output()
        .unwrap();
    let chain = [data_encoding::BASE64.encode(&der.stdout)];
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let access: Vec<Value> = scopes
        .iter()
        .filter_map(|scope| {
            let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
            let actions: Vec<&str> = actions
                .split(',')
                .filter(|one| may_push || *one == "pull")
                .collect();
            Some(json!({"type": "repository", "name": name, "actions": actions}))
        })
        .collect();
    let header = json!({"typ": "JWT", "alg": "RS256", "x5c": chain});
    let claims = json!({"iss": "issuer", "sub": "u", "aud": "registry", "nbf": now - 60, "iat": now - 60,
        "exp": now + 300, "jti": "1", "access": access});
    let text = [header, claims]
        .map(|part| base64(part.to_string().as_bytes()))
        .join(".");
    let mut child = Command::new("openssl")
        .args(["dgst", "-sha256", "-sign", "issuer.key"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let signature = child.wait_with_output().unwrap().stdout;
    format!("{text}.{}", base64(&signature))
}

#[test]
fn tokens_of_an_issuer() {
    if !outsiders::can(
        "a registry with tokens of an issuer",
        &["docker-registry", "openssl"],
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    outsider(
        folder,
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "issuer.key",
            "-out",
            "issuer.pem",
            "-days",
            "30",
            "-subj",
            "/CN=issuer",
        ],
    );
    let keys = folder.to_owned();
    let issuer = scripted::Server::start(move |request| {
        // `u` and `hunter2` may push; nobody may pull; others are refused.
        let may_push = match request.header("authorization") {
            None => false,
            Some("Basic dTpodW50ZXIy") => true,
            Some(_) => return scripted::Answer::error(401, "UNAUTHORIZED", "who are you"),
        };
        assert_eq!(request.parameter("service").as_deref(), Some("registry"));
        let token = token(&keys, &request.parameters("scope"), may_push);
        scripted::Answer::new(200).body(json!({"token": token, "expires_in": 300}).to_string())
    });
    let auth = format!(
        "auth: {{token: {{realm: \"http://{}/token\", service: registry, issuer: issuer, rootcertbundle: {}/issuer.pem}}}}\n",
        issuer.host(),
        folder.display()
    );
    let (_running, host) = registry(folder, "", &auth);
    layout(folder, "image", 100_000);
    let credentials = |password: &str| {
        let auths = json!({"auths": {host.clone(): {"username": "u", "password": password}}});
        write(&folder.join("auth.json"), &auths.to_string());
        json!({"credentials": {"file": folder.join("auth.json")}})
    };
    // Nobody may look, and not push.
    let output = push(folder, &host, &json!({}));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("none: no credentials are given"), "{said}");
    let output = push(folder, &host, &credentials("hunter3"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("who are you") && !said.contains("hunter3"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1), "{said}");
    let access = credentials("hunter2");
    let before = issuer.requests().len();
    succeeded(&push(folder, &host, &access));
    // One token for each kind of thing that is done, and not for each request.
    let fetched = issuer.requests().len() - before;
    assert!(fetched <= 4, "{fetched} tokens");
    pull(folder, &format!("{host}/team/app:1"), &access);
    pull(folder, &format!("{host}/team/app:1"), &json!({}));
    assert_eq!(blobs(folder, "out"), blobs(folder, "image"));
    // A mount needs the right to read the source, too.
    let request = json!({"kind": "push", "version": 1, "origin": "//e2e:push", "access": access,
        "images": [{"layout": "image", "to": [{"repository": format!("{host}/team/app")},
            {"repository": format!("{host}/team/other"), "tags": ["1"]}]}]});
    write(&folder.join("mount.json"), &request.to_string());
    well(folder, "push", &["mount.json", "--receipt", "receipt.json"]);
    let receipt: Value =
        serde_json::from_slice(&fs::read(folder.join("receipt.json")).unwrap()).unwrap();
    let other = &receipt["repositories"][1];
    assert_eq!(other["bytes_sent"], 0, "{other}");
}

/// GHSA-h3wm-jjqf-8jm2 (oras): storage behind a redirect asks for a certificate, and gets none: ours is for
/// the registry.
#[test]
fn ghsa_h3wm_a_client_certificate_stays_at_home() {
    let tools = ["docker-registry", "openssl", "/usr/sbin/nginx"];
    if !outsiders::can("a client certificate is not shown elsewhere", &tools) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = |words: &[&str]| drop(outsider(folder, "openssl", words));
    run(&[
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
        "-days", "30", "-subj", "/CN=ca",
    ]);
    for (name, extension) in [
        ("server", "subjectAltName=IP:127.0.0.1\n"),
        ("client", "extendedKeyUsage=clientAuth\n"),
    ] {
        write(&folder.join("ext"), extension);
        let [key, csr, pem] = ["key", "csr", "pem"].map(|end| format!("{name}.{end}"));
        run(&[
            "req", "-newkey", "rsa:2048", "-nodes", "-keyout", &key, "-out", &csr, "-subj",
            "/CN=test",
        ]);
        run(&[
            "x509",
            "-req",
            "-in",
            &csr,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "30",
            "-extfile",
            "ext",
            "-out",
            &pem,
        ]);
    }
    let (_running, host) = registry(folder, "  relativeurls: true\n", "");
    let (home, away) = (free_port(), free_port());
    let at = folder.display();
    let tls = format!(
        "ssl_certificate {at}/server.pem; ssl_certificate_key {at}/server.key; ssl_client_certificate {at}/ca.pem;"
    );
    let config = format!(
        "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log; user root;\nevents {{}}\n\
         http {{ client_max_body_size 0; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy;\n\
         fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
         log_format who '$ssl_client_verify $request_method';\n\
         server {{ listen 127.0.0.1:{home} ssl; {tls} ssl_verify_client on; access_log {at}/home.log who;\n\
         location / {{ proxy_pass http://{host}; proxy_set_header Host $http_host; }}\n\
         location ~ /blobs/sha256 {{ if ($request_method = GET) {{ return 307 https://127.0.0.1:{away}$request_uri; }}\n\
         proxy_pass http://{host}; proxy_set_header Host $http_host; }} }}\n\
         server {{ listen 127.0.0.1:{away} ssl; {tls} ssl_verify_client optional; access_log {at}/away.log who;\n\
         location / {{ proxy_pass http://{host}; }} }} }}\n"
    );
    write(&folder.join("nginx.conf"), &config);
    let config = folder.join("nginx.conf").display().to_string();
    let child = Command::new("/usr/sbin/nginx")
        .args(["-c", &config, "-e", "/dev/null"])
        .spawn()
        .unwrap();
    let _nginx = Running(child);
    wait_for(away);
    layout(folder, "image", 100_000);
    let name = format!("127.0.0.1:{home}");
    let path = |name: &str| folder.join(name).display().to_string();
    let access = json!({"hosts": {name.clone(): {"ca_file": path("ca.pem"),
        "client_certificate": path("client.pem"), "client_key": path("client.key")}}});
    succeeded(&push(folder, &name, &access));
    pull(folder, &format!("{name}/team/app:1"), &access);
    let log = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let (home, away) = (log("home.log"), log("away.log"));
    assert!(
        home.lines().count() > 5 && home.lines().all(|line| line.starts_with("SUCCESS ")),
        "{home}"
    );
    assert!(
        away.lines().count() >= 3 && away.lines().all(|line| line == "NONE GET"),
        "{away}"
    );
}

#[test]
fn a_bar_on_a_terminal_and_silence_elsewhere() {
    if !outsiders::can("a terminal looks on", &["docker-registry", "script"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_running, host) = registry(folder, "", "");
    let digest = layout(folder, "image", SIZE);
    // The helpers check that there is silence where there is no terminal.
    succeeded(&push(folder, &host, &json!({})));
    pull(folder, &format!("{host}/team/app:1"), &json!({}));
    let command = format!("{} pull.json --out seen", programs::path("pull").display());
    let seen = Command::new("script")
        .args(["-qefc", &command, "/dev/null"])
        .current_dir(folder)
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&seen.stdout);
    assert!(seen.status.success(), "{text}");
    assert!(
        text.contains("/team/app:1  ") && text.contains(" B of 2") && text.contains(" MiB"),
        "{text}"
    );
    let bytes = fs::read(folder.join("seen/blobs").join(digest.replace(':', "/"))).unwrap();
    assert_eq!(blob::digest(&bytes), digest);
}

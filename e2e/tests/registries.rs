//! Real registries and other people's clients: what `push` writes they read, and what they write `pull`
//! reads. `docker-registry` is plain, with passwords, with TLS and client certificates, and behind nginx.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use e2e::certificates::{authority, certificate};
use e2e::registries::{
    Running, blobs, free_port, layout, ours, outsider, pull, push, registry, succeeded, wait_for,
    well, write,
};
use e2e::{blob, outsiders, programs, tree};
use serde_json::{Value, json};

#[test]
fn clients_read_what_push_writes_and_pull_reads_what_they_write() {
    let tools = ["docker-registry", "skopeo", "crane", "oras"];
    if !outsiders::can("skopeo, crane and oras share registries with us", &tools) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_running, host) = registry(folder, "", "");
    let digest = layout(folder, "image", 100_000);
    succeeded(&push(folder, &host, &json!({})));
    let name = format!("{host}/team/app:1");
    // They read ours.
    assert_eq!(
        outsider(folder, "crane", &["digest", "--insecure", &name]).trim(),
        digest
    );
    outsider(
        folder,
        "crane",
        &["validate", "--insecure", "--remote", &name],
    );
    let manifest = outsider(
        folder,
        "oras",
        &["manifest", "fetch", "--plain-http", &name],
    );
    assert_eq!(blob::digest(manifest.as_bytes()), digest);
    let (from, to) = (format!("docker://{name}"), "oci:theirs:1");
    outsider(
        folder,
        "skopeo",
        &[
            "--insecure-policy",
            "copy",
            "-q",
            "--src-tls-verify=false",
            &from,
            to,
        ],
    );
    assert_eq!(blobs(folder, "theirs"), blobs(folder, "image"));
    // Once more, nothing is written.
    succeeded(&push(folder, &host, &json!({})));
    // We read ours, and theirs: as OCI and in Docker's types.
    pull(folder, &name, &json!({}));
    assert_eq!(blobs(folder, "out"), blobs(folder, "image"));
    for (format, tag) in [("oci", "2"), ("v2s2", "3")] {
        let to = format!("docker://{host}/team/other:{tag}");
        let format = ["-f", format];
        outsider(
            folder,
            "skopeo",
            &[
                "--insecure-policy",
                "copy",
                "-q",
                format[0],
                format[1],
                "--dest-tls-verify=false",
                "oci:image",
                &to,
            ],
        );
        pull(folder, &format!("{host}/team/other:{tag}"), &json!({}));
        let theirs = outsider(
            folder,
            "crane",
            &[
                "manifest",
                "--insecure",
                &format!("{host}/team/other:{tag}"),
            ],
        );
        let digest = blob::digest(theirs.trim_end_matches('\n').as_bytes());
        let path = folder.join("out/blobs").join(digest.replace(':', "/"));
        assert!(path.exists(), "{digest} was not kept as it is");
    }
    // An index that crane made of two images.
    let (base, list) = (format!("{host}/team/app:1"), format!("{host}/team/list:1"));
    outsider(
        folder,
        "crane",
        &["copy", "--insecure", &base, &format!("{host}/team/list:a")],
    );
    outsider(
        folder,
        "crane",
        &[
            "index",
            "append",
            "--insecure",
            "-m",
            &format!("{host}/team/list:a"),
            "-t",
            &list,
        ],
    );
    pull(folder, &list, &json!({}));
    let index: Value =
        serde_json::from_slice(&fs::read(folder.join("out/index.json")).unwrap()).unwrap();
    assert_eq!(
        index["manifests"][0]["digest"],
        outsider(folder, "crane", &["digest", "--insecure", &list]).trim()
    );
}

/// Removes what a registry of [`registry`] has of a repository, but for some blobs.
fn forget(folder: &Path, host: &str, repository: &str, but: &[&str]) {
    let port = host.rsplit_once(':').unwrap().1;
    let root = format!("store-{port}/docker/registry/v2/repositories/{repository}");
    for kind in ["_layers", "_manifests/revisions"] {
        let known = folder.join(&root).join(kind).join("sha256");
        for entry in fs::read_dir(known).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if !but.iter().any(|digest| digest.ends_with(&name)) {
                fs::remove_dir_all(entry.path()).unwrap();
            }
        }
    }
}

/// The rules of Go's module proxies with two registries, neither of which has all of the image: the list
/// holds for each blob by itself.
#[test]
fn mirrors() {
    if !outsiders::can("mirrors among real registries", &["docker-registry"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_origin, origin) = registry(folder, "", "");
    let (_mirror, mirror) = registry(folder, "", "");
    write(&folder.join("htpasswd"), "u:x\n");
    let auth = format!(
        "auth: {{htpasswd: {{realm: test, path: {}/htpasswd}}}}\n",
        folder.display()
    );
    let (_closed, closed) = registry(folder, "", &auth);
    layout(folder, "image", 100_000);
    let request = json!({"kind": "push", "version": 1, "origin": "//e2e:push", "images": [{"layout": "image",
        "to": [{"repository": format!("{origin}/team/app"), "tags": ["1"]},
            {"repository": format!("{origin}/secret/app"), "tags": ["1"]},
            {"repository": format!("{mirror}/team/app")}, {"repository": format!("{mirror}/hub/team/app")}]}]});
    write(&folder.join("push.json"), &request.to_string());
    well(folder, "push", &["push.json"]);
    write(&folder.join("settings.json"), "{}");
    for name in ["team", "secret"] {
        let image = format!("{name}={origin}/{name}/app:1");
        well(
            folder,
            "pull",
            &["lock", &image, "--settings", "settings.json"],
        );
    }
    // A layout that has the second layer alone, and one that has all.
    let lock = fs::read(folder.join("images.lock.json")).unwrap();
    let lock: Value = serde_json::from_slice(&lock).unwrap();
    let image = &lock["images"]["team"]["manifests"][0];
    let digest = |value: &Value| value["digest"].as_str().unwrap().to_owned();
    let (manifest, config) = (digest(image), digest(&image["config"]));
    let (first, second) = (digest(&image["layers"][0]), digest(&image["layers"][1]));
    for out in ["whole", "part"] {
        well(
            folder,
            "pull",
            &[
                "vendor",
                "team",
                "--out",
                out,
                "--settings",
                "settings.json",
            ],
        );
    }
    for gone in [&manifest, &config, &first] {
        fs::remove_file(folder.join("part/blobs").join(gone.replace(':', "/"))).unwrap();
    }
    // The registry itself has only the second layer, and the mirror all else.
    forget(folder, &origin, "team/app", &[&second]);
    for repository in ["team/app", "hub/team/app"] {
        forget(folder, &mirror, repository, &[&manifest, &config, &first]);
    }
    let direct = format!("GET manifest `{manifest}` of `{origin}/team/app`: it is not there");
    let lost = format!("GET blob {second} of `{mirror}/team/app`: it is not there");
    let part = fs::canonicalize(folder.join("part")).unwrap();
    let part = part.display();
    let nobody = free_port();
    let list = |list: &str| {
        list.replace("ORIGIN", &origin)
            .replace("MIRROR", &format!("http://{mirror}"))
            .replace("CLOSED", &format!("http://{closed}"))
            .replace("TLS", &format!("https://{closed}"))
            .replace("NOBODY", &format!("http://127.0.0.1:{nobody}"))
            .replace("PART", &format!("file://{part}"))
    };
    let well_known = blobs(folder, "image");
    for (name, mirrors, private, expected) in [
        // What is not there leads on, for each blob.
        ("team", "MIRROR,direct", "", Ok(())),
        ("team", "MIRROR|direct", "", Ok(())),
        ("team", "MIRROR/hub/,direct", "", Ok(())),
        ("team", ",MIRROR,,direct,nonsense:", "", Ok(())),
        ("team", "MIRROR/hub,MIRROR,direct", "", Ok(())),
        ("team", "MIRROR", "", Err(lost.as_str())),
        ("team", "direct", "", Err(&direct)),
        ("team", "", "", Err(&direct)),
        ("team", "direct,MIRROR", "", Err(&direct)),
        ("team", "off", "", Err("ends with `off`")),
        ("team", "MIRROR,off", "", Err(&lost)),
        ("team", "MIRROR,off,direct", "", Err("ends with `off`")),
        // Layouts, and registries beside them.
        ("team", "PART,MIRROR", "", Ok(())),
        ("team", "MIRROR,PART", "", Ok(())),
        ("team", "MIRROR,PART,off", "", Ok(())),
        ("team", "file:whole", "", Ok(())),
        ("team", "file:whole,off", "", Ok(())),
        ("team", "PART,direct", "", Err(&direct)),
        ("team", "PART", "", Err("does not have manifest")),
        // A refusal is not absence.
        (
            "team",
            "CLOSED,MIRROR,direct",
            "",
            Err("the registry refuses"),
        ),
        ("team", "CLOSED|MIRROR,direct", "", Ok(())),
        (
            "team",
            "MIRROR,CLOSED,direct",
            "",
            Err("the registry refuses"),
        ),
        ("team", "MIRROR,CLOSED|direct", "", Ok(())),
        // Neither is a place that can't be spoken to.
        ("team", "TLS|MIRROR,direct", "", Ok(())),
        ("team", "TLS,MIRROR,direct", "", Err("no whole answer")),
        ("team", "NOBODY|MIRROR|direct", "", Ok(())),
        // The mirror has no image of that name; and nobody asks it about one that is private.
        ("team", "MIRROR/{registry},file:whole", "", Ok(())),
        ("secret", "MIRROR,direct", "", Ok(())),
        ("secret", "CLOSED,off", "*/secret", Ok(())),
        ("secret", "CLOSED,off", "ORIGIN/secret/app", Ok(())),
        ("secret", "off", "other.example,ORIGIN", Ok(())),
        (
            "secret",
            "CLOSED,off",
            "secret",
            Err("the registry refuses"),
        ),
        ("secret", "CLOSED,off", "none", Err("the registry refuses")),
        (
            "team",
            "CLOSED,off",
            "*/secret",
            Err("the registry refuses"),
        ),
        ("team", "MIRROR,PART", "*/team", Err(&direct)),
    ] {
        let _ = fs::remove_dir_all(folder.join("out"));
        let from = json!({"mirrors": list(mirrors), "private": list(private)});
        let request = json!({"kind": "pull", "version": 1, "origin": "//e2e:pull", "from": from,
            "image": {"locked": {"lock": "images.lock.json", "name": name}}});
        write(&folder.join("pull.json"), &request.to_string());
        let output = ours(folder, "pull", &["pull.json", "--out", "out"]);
        let said = String::from_utf8_lossy(&output.stderr);
        match expected {
            Ok(()) => {
                assert!(
                    output.status.success() && said.is_empty(),
                    "{mirrors}: {said}"
                );
                assert_eq!(blobs(folder, "out"), well_known, "{mirrors}");
            }
            Err(words) => {
                assert!(!output.status.success(), "{mirrors}");
                assert!(said.contains(words), "{mirrors}: not {words}: {said}");
                assert!(!folder.join("out").exists(), "{mirrors}");
            }
        }
    }
    well(folder, "pull", &["verify", "whole"]);
}

#[test]
fn passwords() {
    if !outsiders::can("a registry with passwords", &["docker-registry"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // `u` and `hunter2`, by bcrypt.
    let line = "u:$2b$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.\n";
    write(&folder.join("htpasswd"), line);
    let auth = format!(
        "auth: {{htpasswd: {{realm: test, path: {}/htpasswd}}}}\n",
        folder.display()
    );
    let (_running, host) = registry(folder, "", &auth);
    layout(folder, "image", 1000);
    let output = push(folder, &host, &json!({}));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("none: no credentials are given"), "{said}");
    let entry = |password: &str| {
        let auths = json!({"auths": {host.clone(): {"username": "u", "password": password}}});
        write(&folder.join("auth.json"), &auths.to_string());
        json!({"credentials": {"file": folder.join("auth.json")}})
    };
    let output = push(folder, &host, &entry("hunter3"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("auth.json, entry") && !said.contains("hunter3"),
        "{said}"
    );
    let access = entry("hunter2");
    succeeded(&push(folder, &host, &access));
    pull(folder, &format!("{host}/team/app:1"), &access);
}

#[test]
fn tls() {
    if !outsiders::can(
        "a registry with TLS and client certificates",
        &["docker-registry", "openssl"],
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    authority(folder, "ca");
    certificate(
        folder,
        "server",
        "subjectAltName=IP:127.0.0.1,DNS:localhost",
    );
    certificate(folder, "client", "extendedKeyUsage=clientAuth");
    layout(folder, "image", 1000);
    let at = |name: &str| folder.join(name).display().to_string();
    let tls = format!(
        "  tls:\n    certificate: {}\n    key: {}\n",
        at("server.pem"),
        at("server.key")
    );
    let host_settings = |host: &str, settings: Value| json!({"hosts": {host: settings}});
    // Literal loopback gets plain HTTP, but not where it has settings.
    let (_running, host) = registry(folder, &tls, "");
    let output = push(folder, &host, &host_settings(&host, json!({})));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains(
            "hint: if it has a certificate of your own authority, give that as `ca_file`"
        ),
        "{said}"
    );
    let access = host_settings(&host, json!({"ca_file": at("ca.pem")}));
    succeeded(&push(folder, &host, &access));
    pull(folder, &format!("{host}/team/app:1"), &access);
    // One that wants to see a certificate of ours.
    let client = format!("{tls}    clientcas: [{}]\n", at("ca.pem"));
    let (_running, host) = registry(folder, &client, "");
    let access = host_settings(&host, json!({"ca_file": at("ca.pem")}));
    assert_eq!(push(folder, &host, &access).status.code(), Some(3));
    let access = host_settings(
        &host,
        json!({"ca_file": at("ca.pem"), "client_certificate": at("client.pem"), "client_key": at("client.key")}),
    );
    succeeded(&push(folder, &host, &access));
    pull(folder, &format!("{host}/team/app:1"), &access);
}

/// The limit of 100 MB that proxies in front of registries have, made small.
#[test]
fn behind_a_proxy_with_a_limit() {
    if !outsiders::can(
        "a registry behind nginx",
        &["docker-registry", "/usr/sbin/nginx"],
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_running, host) = registry(folder, "  relativeurls: true\n", "");
    let port = free_port();
    let config = format!(
        // One process: a worker would outlive a master that is killed.
        "daemon off; master_process off; pid {0}/pid; error_log {0}/error.log; user root;\nevents {{}}\n\
         http {{ access_log off; client_max_body_size 5m; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy;\n\
         fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;\n\
         server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{host}; proxy_set_header Host $http_host; }} }} }}\n",
        folder.display()
    );
    write(&folder.join("nginx.conf"), &config);
    let config = folder.join("nginx.conf").display().to_string();
    let child = Command::new("/usr/sbin/nginx")
        .args(["-c", &config, "-e", "/dev/null"])
        .spawn()
        .unwrap();
    let _nginx = Running(child);
    wait_for(port);
    layout(folder, "image", 30 << 20);
    let host = format!("127.0.0.1:{port}");
    succeeded(&push(folder, &host, &json!({})));
    pull(folder, &format!("{host}/team/app:1"), &json!({}));
    assert_eq!(blobs(folder, "out"), blobs(folder, "image"));
}

/// What is there of a push that was killed is not sent again, and the next one ends well.
#[test]
fn a_push_that_is_killed_goes_on() {
    if !outsiders::can(
        "a push to docker-registry that is killed",
        &["docker-registry"],
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_running, host) = registry(folder, "", "");
    layout(folder, "image", 20 << 20);
    succeeded(&push(folder, &host, &json!({})));
    for round in 0..5u64 {
        let request = json!({"kind": "push", "version": 1, "origin": "//e2e:push",
            "images": [{"layout": "image", "to": [{"repository": format!("{host}/killed/app"), "tags": ["1"]}]}]});
        write(&folder.join("killed.json"), &request.to_string());
        let mut child = Command::new(programs::path("push"))
            .arg("killed.json")
            .current_dir(folder)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(5 + 20 * round));
        let _ = child.kill();
        child.wait().unwrap();
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!(said, "");
    }
    well(folder, "push", &["killed.json"]);
    pull(folder, &format!("{host}/killed/app:1"), &json!({}));
    assert!(tree::read(&folder.join("out")).len() > 5);
}

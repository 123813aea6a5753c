//! Real registries and other people's clients: what `push` writes they read, and what they write `pull`
//! reads. `docker-registry` is plain, with passwords, with TLS and client certificates, and behind nginx.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use e2e::registries::{
    Running, blobs, free_port, layout, outsider, pull, push, registry, succeeded, wait_for, well,
    write,
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

/// A certificate and key for a name, signed by `ca`.
fn certificate(folder: &Path, name: &str, extension: &str) {
    write(&folder.join("ext"), extension);
    let run = |words: &[&str]| drop(outsider(folder, "openssl", words));
    let (key, request, certificate) = (
        format!("{name}.key"),
        format!("{name}.csr"),
        format!("{name}.pem"),
    );
    run(&[
        "req", "-newkey", "rsa:2048", "-nodes", "-keyout", &key, "-out", &request, "-subj",
        "/CN=test",
    ]);
    run(&[
        "x509",
        "-req",
        "-in",
        &request,
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
        &certificate,
    ]);
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
    outsider(
        folder,
        "openssl",
        &[
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-days", "30", "-subj", "/CN=ca",
        ],
    );
    certificate(
        folder,
        "server",
        "subjectAltName=IP:127.0.0.1,DNS:localhost\n",
    );
    certificate(folder, "client", "extendedKeyUsage=clientAuth\n");
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

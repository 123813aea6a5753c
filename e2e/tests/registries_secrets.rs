//! Who we are to a real registry: tokens of an issuer, and a client certificate that is for the registry alone.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use e2e::certificates::{authority, certificate};
use e2e::outsiders;
use e2e::registries::{
    Running, blobs, free_port, layout, pull, push, registry, succeeded, wait_for, well, write,
};
use serde_json::{Value, json};

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
    authority(folder, "issuer");
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
    authority(folder, "ca");
    certificate(folder, "server", "subjectAltName=IP:127.0.0.1");
    certificate(folder, "client", "extendedKeyUsage=clientAuth");
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

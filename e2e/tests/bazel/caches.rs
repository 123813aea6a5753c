//! Other output bases, modes and caches: the same bytes, and nothing made twice.

use std::fs;
use std::path::Path;

use e2e::bazel::{self, Bazel};

use crate::golden_files::{BUILD, images, layers};
use crate::{ONE, scratch, user, workspace};

/// Another output base, another workspace folder, optimised, many jobs, mapped paths: the same bytes.
/// Then a disk cache serves a clean output base, and another target platform, with nothing run.
#[test]
fn the_same_bytes_everywhere() {
    if !bazel::can("what Bazel rules make is the same in any output base and mode") {
        return;
    }
    let _one = ONE.lock();
    let here = user();
    here.succeed(&BUILD);
    let (want, want_images) = (layers(&here), images(&here));
    drop(here);

    let folder = scratch();
    let other = Bazel::new(&workspace(), &folder.path().join("root")).with_programs();
    let cache = format!("--disk_cache={}", folder.path().join("cache").display());
    let build = |options: &[&str]| {
        let said = other.succeed(&[&["build", BUILD[4]], options].concat());
        assert_eq!(layers(&other), want, "{options:?}");
        bazel::processes(&said).to_owned()
    };
    build(&[
        BUILD[1],
        BUILD[2],
        BUILD[3],
        "-c",
        "opt",
        "--jobs=16",
        "--copt=-O3",
    ]);
    assert_eq!(images(&other), want_images);
    let strip = "--experimental_output_paths=strip";
    let apart = "--experimental_platform_in_output_dir";
    let first = build(&[BUILD[3], strip, apart, &cache, "--platforms=//:linux_amd64"]);
    assert!(first.contains("linux-sandbox"), "{first}");
    // Layers do not know what they are for: they are there already.
    let log = folder.path().join("log.json");
    let log_option = format!("--execution_log_json_file={}", log.display());
    build(&[
        BUILD[3],
        strip,
        apart,
        &cache,
        "--platforms=//:linux_arm64",
        &log_option,
    ]);
    let ran: Vec<String> = bazel::spawns(&log)
        .into_iter()
        .filter(|spawn| !spawn.cached && spawn.mnemonic == "ContainerLayer")
        .map(|spawn| spawn.target)
        .collect();
    assert_eq!(ran, [""; 0]);
    other.succeed(&["clean"]);
    let clean = build(&[BUILD[3], strip, apart, &cache, "--platforms=//:linux_amd64"]);
    assert!(clean.contains("disk cache hit"), "{clean}");
    assert!(!clean.contains("linux-sandbox"), "{clean}");
}

/// A cache over HTTP, nginx with WebDAV: what one machine's output base put there serves another's.
#[test]
fn a_cache_over_http_serves_another_machine() {
    let check = "a cache over HTTP serves what Bazel rules make";
    if !(bazel::can(check) && e2e::outsiders::can(check, &["nginx"])) {
        return;
    }
    let _one = ONE.lock();
    let folder = scratch();
    let nginx = Nginx::start(&folder.path().join("nginx"));
    let cache = format!("--remote_cache=http://127.0.0.1:{}", nginx.port);
    let build = |base: &str, jobs: &str| {
        let root = folder.path().join(base);
        let bazel = Bazel::new(&workspace(), &root).with_programs();
        let said =
            bazel.succeed(&[&BUILD[..], &[&cache, "--remote_download_outputs=all", jobs]].concat());
        (
            bazel::processes(&said).to_owned(),
            layers(&bazel),
            images(&bazel),
        )
    };
    let (ran, want_layers, want_images) = build("one", "--jobs=1");
    assert!(ran.contains("linux-sandbox"), "{ran}");
    let (ran, layers, images) = build("another", "--jobs=16");
    assert!(
        ran.contains("remote cache hit") && !ran.contains("linux-sandbox"),
        "{ran}"
    );
    assert_eq!((layers, images), (want_layers, want_images));
}

/// nginx as a cache of Bazel's: PUT, GET and HEAD of `/ac/*` and `/cas/*`.
struct Nginx {
    process: std::process::Child,
    port: u16,
}

impl Nginx {
    fn start(folder: &Path) -> Self {
        fs::create_dir_all(folder.join("data")).unwrap();
        // Free a moment ago; nginx itself cannot say which port it would take.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let here = folder.display();
        let config = format!(
            "user root; daemon off; master_process off; pid {here}/pid; error_log stderr warn;\n\
             events {{ worker_connections 512; }}\n\
             http {{ access_log off; client_body_temp_path {here}/body; client_max_body_size 0;\n\
             server {{ listen 127.0.0.1:{port}; location ~ ^/(ac|cas)/ {{ root {here}/data;\n\
             dav_methods PUT; create_full_put_path on; dav_access user:rw group:r all:r; }} }} }}\n"
        );
        fs::write(folder.join("conf"), config).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let process = std::process::Command::new("nginx")
            .arg("-c")
            .arg(folder.join("conf"))
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let nginx = Nginx { process, port };
        for _ in 0..100 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return nginx;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("nginx: {}", fs::read_to_string(folder.join("log")).unwrap());
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

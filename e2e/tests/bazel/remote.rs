//! Remote execution on a real engine, `buildbox-casd` with its runner in bubblewrap: there the root of the
//! file system is the action's inputs and nothing else, each of them looks like 0755, and there is no network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use e2e::bazel::{self, Bazel, Spawn};
use e2e::outsiders;

use crate::golden_files::{BUILD, images, layers};
use crate::{ONE, scratch, user, workspace};

/// All actions run there; from a clean output base all of them are cached; and the bytes are those of
/// this machine.
#[test]
fn the_same_bytes_from_remote_execution() {
    let check = "remote execution of the actions of Bazel rules";
    if !(bazel::can(check) && outsiders::can(check, &["bwrap"])) {
        return;
    }
    let Some(buildbox) = std::env::var_os("RULES_CONTAINER_BUILDBOX") else {
        outsiders::without(check, "buildbox (RULES_CONTAINER_BUILDBOX)");
        return;
    };
    // A program that needs libraries finds none there.
    if std::env::var_os("RULES_CONTAINER_TOOLS").is_none() {
        outsiders::without(check, "static programs (RULES_CONTAINER_TOOLS)");
        return;
    }
    let _one = ONE.lock();
    let here = user();
    here.succeed(&BUILD);
    let want = (layers(&here), images(&here));
    drop(here);

    let folder = scratch();
    let engine = Engine::start(Path::new(&buildbox), folder.path());
    let executor = format!("--remote_executor=grpc://127.0.0.1:{}", engine.port);
    let log = folder.path().join("log.json");
    let log_option = format!("--execution_log_json_file={}", log.display());
    let build = |base: &str| -> Vec<Spawn> {
        let bazel = Bazel::new(&workspace(), &folder.path().join(base)).with_programs();
        let options = [
            &executor,
            // What a fixture makes with a shell, and what has to be here.
            "--spawn_strategy=remote,linux-sandbox",
            "--remote_default_exec_properties=OSFamily=linux",
            "--remote_default_exec_properties=ISA=x86-64",
            "--noremote_local_fallback",
            "--remote_download_outputs=all",
            &log_option,
        ];
        bazel.succeed(&[&BUILD[..], &options].concat());
        assert_eq!((layers(&bazel), images(&bazel)), want);
        let spawns = bazel::spawns(&log).into_iter();
        spawns
            .filter(|spawn| spawn.mnemonic.starts_with("Container"))
            .collect()
    };
    let ran = build("one");
    assert!(ran.len() > 30, "{}", ran.len());
    let elsewhere = |runner: &str, spawns: &[Spawn]| {
        let others: Vec<_> = spawns.iter().filter(|one| one.runner != runner).collect();
        assert!(others.is_empty(), "{others:?}");
    };
    elsewhere("remote", &ran);
    elsewhere("remote cache hit", &build("two"));
}

/// The engine, for as long as this lives.
struct Engine {
    process: Child,
    port: u16,
}

impl Engine {
    fn start(buildbox: &Path, folder: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut path = vec![buildbox.to_owned()];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        let log: PathBuf = folder.join("casd.log");
        let file = fs::File::create(&log).unwrap();
        let process = Command::new(buildbox.join("buildbox-casd"))
            .arg(format!("--bind=127.0.0.1:{port}"))
            .arg(format!(
                "--buildbox-run={}",
                buildbox.join("buildbox-run").display()
            ))
            .arg("--jobs=2")
            .arg(folder.join("casd"))
            .env("PATH", std::env::join_paths(path).unwrap())
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        let engine = Engine { process, port };
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return engine;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("buildbox-casd: {}", fs::read_to_string(log).unwrap());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

//! A Docker engine of a test's own: it keeps all in a folder, has no network, and ends with the test.

use crate::outsiders;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// What it needs on `PATH`.
pub const TOOLS: [&str; 4] = ["dockerd", "docker", "containerd", "runc"];

/// An engine that runs.
pub struct Docker {
    folder: PathBuf,
    daemon: Child,
}

impl Docker {
    /// Starts one that keeps its files below `folder`, with `options` of `dockerd`.
    ///
    /// # Panics
    /// It does not answer within a minute.
    pub fn start(folder: &Path, options: &[&str]) -> Self {
        let said = File::create(folder.join("dockerd.log")).unwrap();
        // Not the machine's settings.
        std::fs::write(folder.join("daemon.json"), "{}").unwrap();
        let below = |name: &str| folder.join(name).display().to_string();
        let daemon = Command::new("dockerd")
            .args(["--data-root", &below("data"), "--exec-root", &below("exec")])
            .args([
                "--pidfile",
                &below("pid"),
                "--config-file",
                &below("daemon.json"),
            ])
            .args(["-H", &format!("unix://{}", below("sock"))])
            .args(["--bridge=none", "--iptables=false", "--ip6tables=false"])
            .arg("--storage-driver=vfs")
            .args(options)
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn()
            .unwrap();
        let mut docker = Self {
            folder: folder.to_owned(),
            daemon,
        };
        for _ in 0..240 {
            let asked = docker.command(&["version"]).output().unwrap();
            if asked.status.success() {
                return docker;
            }
            assert!(
                docker.daemon.try_wait().unwrap().is_none(),
                "dockerd ended: {}",
                std::fs::read_to_string(folder.join("dockerd.log")).unwrap()
            );
            thread::sleep(Duration::from_millis(250));
        }
        panic!("dockerd does not answer");
    }

    /// Where its client finds it, as `DOCKER_HOST` has it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.folder.join("sock").display())
    }

    /// What a successful `docker` prints.
    #[track_caller]
    pub fn run(&self, words: &[&str]) -> String {
        let host = self.host();
        let words = [&["--host", &host], words].concat();
        String::from_utf8(outsiders::run(&self.folder, "docker", &words)).unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut docker = Command::new("docker");
        docker.args(["--host", &self.host()]).args(words);
        docker
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // Asked to end, it ends its containerd too.
        let asked = Command::new("kill")
            .arg(self.daemon.id().to_string())
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.daemon.kill();
        }
        let _ = self.daemon.wait();
    }
}

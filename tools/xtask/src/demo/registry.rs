//! The demo's last part: the image goes to a registry and comes back, the same to the last byte.
//!
//! Without a registry of the user's own there is one in memory, on loopback, for as long as it takes. The
//! user's own is asked first whether it is there, and whether it speaks TLS.

use super::screen::{Screen, size};
use crate::command::Error;
use scripted::{Server, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The repository that the image goes to.
const REPOSITORY: &str = "rules-container/demo";

/// Where the image goes.
pub(crate) struct Destination {
    host: String,
    /// How it is reached, as requests say it.
    access: Value,
    /// What keeps the one in memory.
    own: Option<Server>,
}

impl Destination {
    /// A registry that ends with this value.
    pub(crate) fn in_memory() -> Self {
        let server = Store::new().serve();
        Destination {
            host: server.host(),
            // Without anybody's logins and proxy.
            access: json!({}),
            own: Some(server),
        }
    }

    /// The user's own.
    ///
    /// # Errors
    /// Nobody answers there.
    pub(crate) fn at(host: &str) -> Result<Self, Error> {
        let nobody = |error: std::io::Error| -> Error {
            format!(
                "no registry answers at {host}: {error}\n\
                 start one there, as `docker-registry serve` does, or leave `--registry` out: then there is one in memory"
            )
            .into()
        };
        let plain = speaks_plain_http(host).map_err(nobody)?;
        let hosts = json!({host: {"plain_http": plain}});
        Ok(Destination {
            host: host.to_owned(),
            access: json!({"hosts": hosts, "credentials": "lookup"}),
            own: None,
        })
    }
}

/// Asks a host for `/v2/` without TLS. A server with TLS closes the connection, or says that it is a bad
/// request.
fn speaks_plain_http(host: &str) -> std::io::Result<bool> {
    let port = match host.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => "",
        _ => ":443",
    };
    let patience = Duration::from_secs(5);
    let mut last = std::io::Error::other("the name leads nowhere");
    for address in format!("{host}{port}").to_socket_addrs()? {
        let mut stream = match TcpStream::connect_timeout(&address, patience) {
            Ok(stream) => stream,
            Err(error) => {
                last = error;
                continue;
            }
        };
        stream.set_read_timeout(Some(patience))?;
        let question = format!("GET /v2/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let mut said = Vec::new();
        let _ = stream.write_all(question.as_bytes());
        let _ = stream.take(12).read_to_end(&mut said);
        return Ok(said.starts_with(b"HTTP/1.") && !said.ends_with(b" 400"));
    }
    Err(last)
}

/// Pushes `image` to a registry, once and again, and pulls it back.
///
/// # Errors
/// A program fails, more is sent than has to be, or what comes back differs.
pub(crate) fn there_and_back(
    screen: &Screen,
    tools: &Path,
    work: &Path,
    image: &Path,
    to: &Destination,
) -> Result<(), Error> {
    screen.heading("To a registry, and back");
    let (host, access) = (&to.host, &to.access);
    let kind = match to.own {
        Some(_) => "in memory",
        None => "yours",
    };
    screen.line("registry", &format!("{host}, {kind}"));
    let folder = work.join("registry");
    fs::create_dir(&folder)?;
    let run = Run {
        folder: &folder,
        tools,
    };
    let reference = format!("{host}/{REPOSITORY}");
    let push = json!({"kind": "push", "version": 1, "origin": "demo", "access": access,
        "images": [{"layout": image, "to": [{"repository": reference, "tags": ["latest"]}]}]});
    for (word, receipt) in [("sent", "first.json"), ("sent again", "second.json")] {
        let start = Instant::now();
        run.tool("push", &push, &["--receipt", receipt])?;
        let seconds = start.elapsed().as_secs_f64();
        let done = run.read(receipt)?;
        let done = &done["repositories"][0];
        let sent = done["bytes_sent"].as_u64().unwrap_or_default();
        let blobs = done["sent"].as_array().map_or(0, Vec::len);
        let text = format!("{} in {blobs} blobs  {seconds:.2} s", size(sent));
        screen.line(word, &text);
        if receipt == "second.json" && (sent, blobs) != (0, 0) {
            return Err("the registry had it all, and it was sent again".into());
        }
    }
    let start = Instant::now();
    let lock = format!("demo={reference}:latest");
    let settings = json!({"access": access}).to_string();
    fs::write(folder.join("settings.json"), settings)?;
    run.command("pull", &["lock", &lock, "--settings", "settings.json"])?;
    let pull = json!({"kind": "pull", "version": 1, "origin": "demo", "from": {"access": access},
        "image": {"locked": {"lock": "images.lock.json", "name": "demo"}}});
    run.tool("pull", &pull, &["--out", "back"])?;
    let seconds = start.elapsed().as_secs_f64();
    let (there, back) = (blobs(image)?, blobs(&folder.join("back"))?);
    if there.keys().ne(back.keys()) {
        return Err("other blobs came back than went".into());
    }
    for (digest, path) in &there {
        if fs::read(path)? != fs::read(&back[digest])? {
            return Err(format!("the blob {digest} came back changed").into());
        }
    }
    let text = format!(
        "{} blobs, compared byte by byte  {seconds:.2} s",
        there.len()
    );
    screen.line("pulled back", &text);
    fs::remove_dir_all(&folder)?;
    Ok(())
}

struct Run<'a> {
    folder: &'a Path,
    tools: &'a Path,
}

impl Run<'_> {
    fn tool(&self, tool: &str, request: &Value, words: &[&str]) -> Result<(), Error> {
        let name = format!("{tool}.request.json");
        fs::write(self.folder.join(&name), request.to_string())?;
        self.command(tool, &[&[name.as_str()], words].concat())
    }

    fn command(&self, tool: &str, words: &[&str]) -> Result<(), Error> {
        let status = Command::new(self.tools.join(tool))
            .args(words)
            .current_dir(self.folder)
            .status()?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("{tool}: {status}").into()),
        }
    }

    fn read(&self, name: &str) -> Result<Value, Error> {
        Ok(serde_json::from_slice(&fs::read(self.folder.join(name))?)?)
    }
}

/// The blobs of a layout, by their names.
fn blobs(layout: &Path) -> Result<BTreeMap<String, PathBuf>, Error> {
    let mut blobs = BTreeMap::new();
    for entry in fs::read_dir(layout.join("blobs/sha256"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        blobs.insert(name, entry.path());
    }
    Ok(blobs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_registry_is_asked_before_anything_is_made() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        drop(listener);
        let error = Destination::at(&host).err().unwrap().to_string();
        assert!(
            error.starts_with(&format!(
                "no registry answers at {host}: Connection refused"
            )),
            "{error}"
        );
        assert!(error.contains("or leave `--registry` out"), "{error}");
        let error = Destination::at("no.such.host.invalid:5000").err().unwrap();
        assert!(
            error
                .to_string()
                .starts_with("no registry answers at no.such.host")
        );
        // One that is there, by its address and by its name; and what servers with TLS say.
        let server = Store::new().serve();
        let port = server.host().rsplit_once(':').unwrap().1.to_owned();
        for host in [server.host(), format!("localhost:{port}")] {
            let access = Destination::at(&host).unwrap().access;
            assert_eq!(access["hosts"][&host]["plain_http"], true);
        }
        let secret = Server::start(|_| scripted::Answer::new(400));
        let access = Destination::at(&secret.host()).unwrap().access;
        assert_eq!(access["hosts"][&secret.host()]["plain_http"], false);
    }
}

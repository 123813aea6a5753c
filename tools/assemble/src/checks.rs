//! What is looked at in an image beyond what has to be right: whether the program that it starts
//! is there, and whether its files are for its machine.

use oci::receipt::LayerReceipt;
use oci::{Config, Platform};

use crate::error::Error;
use crate::tree::{Node, Tree};

/// Where programs are looked for if the image does not say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The machines of ELF files that run on an architecture, its own first: kernels of 64 bits run
/// programs of 32 bits too.
fn machines(architecture: &str) -> Option<&'static [&'static str]> {
    Some(match architecture {
        "386" => &["i386"],
        "amd64" => &["x86_64", "i386"],
        "arm" => &["arm"],
        "arm64" => &["aarch64", "arm"],
        "loong64" => &["loongarch64"],
        "mips" => &["mips"],
        "mips64" => &["mips64", "mips"],
        "mips64le" => &["mips64el", "mipsel"],
        "mipsle" => &["mipsel"],
        "ppc64" => &["ppc64", "ppc"],
        "ppc64le" => &["ppc64le"],
        "riscv64" => &["riscv64"],
        "s390x" => &["s390x"],
        _ => return None,
    })
}

/// Files of a layer that are for another machine than the platform's.
pub(crate) fn machine(receipt: &LayerReceipt, platform: &Platform) -> Option<Error> {
    let machines = machines(&platform.normalized().architecture)?;
    let wrong = receipt
        .elf_machines
        .iter()
        .find(|found| !machines.contains(&found.machine.as_str()))?;
    Some(Error::Machine {
        origin: receipt.origin.as_str().into(),
        machine: wrong.machine.as_str().into(),
        platform: platform.to_string().into(),
        count: wrong.count,
        first: wrong.first.to_string(),
    })
}

/// A program to be started that is not there or cannot be.
///
/// # Errors
/// A config whose fields are not what they should be.
pub(crate) fn command(
    config: &Config,
    platform: &Platform,
    tree: &Tree,
) -> Result<Option<Error>, oci::Error> {
    if platform.os == "windows" {
        return Ok(None);
    }
    let first = |name| {
        let words = config.texts(name)?;
        Ok::<_, oci::Error>(words.and_then(|words| words.into_iter().next()))
    };
    let Some(command) = first("Entrypoint")?.or(first("Cmd")?) else {
        return Ok(None);
    };
    let looked: Vec<String> = if command.starts_with('/') {
        vec![command.clone()]
    } else if command.contains('/') {
        let folder = config.text("WorkingDir")?.unwrap_or("/");
        vec![format!("{}/{command}", folder.trim_end_matches('/'))]
    } else {
        let env = config.texts("Env")?.unwrap_or_default();
        let path = env
            .iter()
            .rev()
            .find_map(|variable| variable.strip_prefix("PATH="));
        let folders = path
            .filter(|path| !path.is_empty())
            .unwrap_or(PATH)
            .split(':');
        folders
            .map(|folder| format!("{}/{command}", folder.trim_end_matches('/')))
            .collect()
    };
    let mut trouble = None;
    for path in &looked {
        let Some((real, node)) = tree.find(path.as_bytes()) else {
            continue;
        };
        let Some(reason) = unfit(node, platform) else {
            return Ok(None);
        };
        let path = oci::RawPath::new(real).to_string();
        trouble.get_or_insert((path, reason));
    }
    Ok(Some(match trouble {
        Some((path, reason)) => Error::BadCommand {
            command: command.into(),
            path,
            reason,
        },
        None => Error::NoCommand {
            command: command.into(),
            looked,
        },
    }))
}

/// Why something cannot be started.
fn unfit(node: &Node, platform: &Platform) -> Option<String> {
    match node {
        Node::File {
            executable: false, ..
        } => Some("not executable".into()),
        Node::File {
            machine: Some(machine),
            ..
        } => {
            let machines = machines(&platform.normalized().architecture)?;
            let fits = machines.contains(&machine.as_str());
            (!fits).then(|| format!("for {machine}, and the image for {platform}"))
        }
        Node::File { .. } => None,
        Node::Directory => Some("a directory".into()),
        Node::Symlink(_) | Node::Special => Some("not a file".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use action::Failure;
    use oci::receipt::ElfMachine;
    use serde_json::json;

    use super::*;

    fn found(config: serde_json::Value, listing: &str) -> Option<String> {
        let config =
            json!({"os": "linux", "architecture": "amd64", "rootfs": {}, "config": config});
        let config = Config::read(config.to_string().as_bytes()).unwrap();
        let mut tree = Tree::default();
        tree.add(listing.as_bytes(), Path::new("l")).unwrap();
        command(&config, &config.platform().unwrap(), &tree)
            .unwrap()
            .map(|error| {
                let details: Vec<String> = error
                    .details()
                    .into_iter()
                    .map(|detail| detail.value)
                    .collect();
                assert!(error.hint().is_some());
                format!("{error} [{}]", details.join(" "))
            })
    }

    const LISTING: &str = r#"{"path":"usr/bin/app","type":"file","mode":"0755","elf":"x86_64"}
{"path":"usr/bin/arm","type":"file","mode":"0755","elf":"aarch64"}
{"path":"usr/bin/text","type":"file","mode":"0644"}
{"path":"opt/bin/text","type":"file","mode":"0755"}
{"path":"bin","type":"symlink","link":"usr/bin","mode":"0777"}"#;

    #[test]
    fn programs_that_are_there() {
        for config in [
            json!({}),
            json!({"Entrypoint": ["/bin/app"]}),
            json!({"Entrypoint": ["app"]}),
            json!({"Cmd": ["/usr/bin/app", "none"]}),
            json!({"Entrypoint": ["bin/app"]}),
            json!({"Entrypoint": ["./app"], "WorkingDir": "/usr/bin/"}),
            json!({"Entrypoint": ["text"], "Env": ["PATH=/usr/bin:/opt/bin"]}),
        ] {
            assert_eq!(found(config.clone(), LISTING), None, "{config}");
        }
    }

    #[test]
    fn programs_that_are_not() {
        let none = |command: &str| format!("the image has no `{command}`, which it is to start");
        for (config, message) in [
            (
                json!({"Entrypoint": ["/app"], "Cmd": ["/bin/app"]}),
                none("/app") + " [/app]",
            ),
            (
                json!({"Entrypoint": ["./app"]}),
                none("./app") + " [/./app]",
            ),
            (
                json!({"Cmd": ["none"], "Env": ["PATH=/a:/b/"]}),
                none("none") + " [/a/none /b/none]",
            ),
            (
                json!({"Entrypoint": ["/bin"]}),
                "`/bin`, which the image is to start, is a directory [usr/bin]".to_owned(),
            ),
            (
                json!({"Entrypoint": ["text"]}),
                "`text`, which the image is to start, is not executable [usr/bin/text]".to_owned(),
            ),
            (
                json!({"Entrypoint": ["arm"]}),
                "`arm`, which the image is to start, is for aarch64, \
                 and the image for linux/amd64 [usr/bin/arm]"
                    .to_owned(),
            ),
        ] {
            assert_eq!(found(config.clone(), LISTING), Some(message), "{config}");
        }
    }

    #[test]
    fn machines_of_layers() {
        let receipt = |machines: &[&str]| LayerReceipt {
            kind: Default::default(),
            version: 1,
            origin: "//app:layer".into(),
            media_type: oci::MediaType::known(oci::media_type::OCI_LAYER),
            digest: oci::Digest::of(b""),
            size: 0,
            diff_id: oci::Digest::of(b""),
            unpacked_size: None,
            codec: None,
            annotations: Default::default(),
            history: None,
            sources: Vec::new(),
            entries: None,
            elf_machines: machines
                .iter()
                .map(|machine| ElfMachine {
                    machine: (*machine).into(),
                    count: 2,
                    first: "usr/bin/x".into(),
                })
                .collect(),
        };
        let check = |machines: &[&str], platform: &str| {
            machine(&receipt(machines), &Platform::parse(platform).unwrap())
        };
        assert!(check(&["i386", "x86_64"], "linux/amd64").is_none());
        assert!(check(&["aarch64"], "linux/aarch64").is_none());
        assert!(check(&["aarch64"], "linux/unheard-of").is_none());
        assert!(check(&["x86_64"], "linux/386").is_some());
        let error = check(&["aarch64", "x86_64"], "linux/arm64/v8").unwrap();
        assert_eq!(
            error.to_string(),
            "`//app:layer` has files for x86_64, and the image is for linux/arm64/v8"
        );
        assert_eq!(error.details()[1].value, "usr/bin/x");
        assert!(error.hint().unwrap().contains("`checks.elf_machine`"));
    }
}

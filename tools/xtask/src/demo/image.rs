//! One round of the demo: two layers and an image through the real programs, then a check of every
//! blob by other code than theirs.

use super::screen::Screen;
use crate::command::Error;
use e2e::blob;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the programs run on: what they are built for.
const PLATFORM: &str = if cfg!(target_arch = "aarch64") {
    "linux/arm64"
} else {
    "linux/amd64"
};

/// What one round is made of, and in what surroundings.
pub(crate) struct Round {
    /// The folder of the programs that run.
    pub(crate) tools: PathBuf,
    /// The programs that go into the image, as the request names them.
    pub(crate) programs: Vec<PathBuf>,
    /// The tree that goes into the image, as the request names it.
    pub(crate) tree: PathBuf,
    /// Where the tree comes to lie in the image.
    pub(crate) prefix: PathBuf,
    /// The working directory. All that is made goes there.
    pub(crate) folder: PathBuf,
    /// The umask of the programs.
    pub(crate) umask: &'static str,
    /// Their whole environment.
    pub(crate) environment: Vec<(&'static str, &'static str)>,
    /// How many bytes go in: of the programs, and of the tree.
    pub(crate) bytes: [u64; 2],
}

/// One layer, for the screen.
pub(crate) struct Layer {
    pub(crate) name: &'static str,
    pub(crate) digest: String,
    pub(crate) size: u64,
    pub(crate) unpacked: u64,
    pub(crate) codec: String,
    pub(crate) seconds: f64,
}

/// The image, for the screen.
pub(crate) struct Image {
    pub(crate) layers: Vec<Layer>,
    pub(crate) digest: String,
    pub(crate) size: u64,
    pub(crate) blobs: usize,
    pub(crate) seconds: f64,
}

impl Round {
    /// Makes the image and checks it.
    ///
    /// # Errors
    /// A program fails; something in the image is not what it is said to be.
    pub(crate) fn make(&self, screen: &Screen) -> Result<Image, Error> {
        fs::create_dir_all(&self.folder)?;
        let files = self.programs.iter().map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            json!({ "file": { "path": format!("usr/bin/{name}"), "source": path } })
        });
        let programs: Vec<Value> = files
            .chain([json!({ "symlink": { "path": "bin", "target": "usr/bin" } })])
            .collect();
        let prefix = self.prefix.strip_prefix("/").unwrap_or(&self.prefix);
        let tree = json!([{ "tree": { "path": prefix, "source": self.tree } }]);
        let programs = self.layer(
            screen,
            "programs",
            &json!({ "gzip-v1": {} }),
            &programs.into(),
        )?;
        let files = self.layer(screen, "files", &json!({ "zstd-v1": {} }), &tree)?;
        let layers = vec![programs, files];
        let layer = |name| json!({ "receipt": format!("{name}.receipt.json"), "blob": name });
        let request = json!({
            "kind": "assemble", "version": 1, "origin": "//demo:image",
            "make": { "image": {
                "platform": PLATFORM,
                "layers": [layer("programs"), layer("files")],
                "config": { "entrypoint": { "replace": ["/usr/bin/layer"] } },
            } },
            "tags": ["demo"],
        });
        let seconds = self.program(screen, "assemble", "image", &request)?;
        let layout = self.folder.join("image");
        let (digest, size, blobs) = check(&layout, &layers)?;
        Ok(Image {
            layers,
            digest,
            size,
            blobs,
            seconds,
        })
    }

    fn layer(
        &self,
        screen: &Screen,
        name: &'static str,
        codec: &Value,
        entries: &Value,
    ) -> Result<Layer, Error> {
        let request = json!({
            "kind": "layer", "version": 1, "origin": format!("//demo:{name}"),
            "codec": codec, "entries": entries,
        });
        let seconds = self.program(screen, "layer", name, &request)?;
        let receipt = read(&self.folder.join(format!("{name}.receipt.json")))?;
        let number = |field: &str| receipt[field].as_u64().unwrap_or_default();
        let codec = &receipt["codec"];
        Ok(Layer {
            name,
            digest: text(&receipt["digest"]),
            size: number("size"),
            unpacked: number("unpacked_size"),
            codec: format!("{} level {}", text(&codec["name"]), codec["level"]),
            seconds,
        })
    }

    /// Runs a program on a request, and returns how long it took.
    fn program(
        &self,
        screen: &Screen,
        tool: &str,
        name: &str,
        request: &Value,
    ) -> Result<f64, Error> {
        let file = format!("{name}.request.json");
        fs::write(self.folder.join(&file), format!("{request:#}\n"))?;
        // Only a shell sets the umask of a child without unsafe code; it becomes the program at once.
        let mut child = Command::new("/bin/sh")
            .args(["-c", "umask \"$0\"; exec \"$@\"", self.umask])
            .arg(self.tools.join(tool))
            .args([file.as_str(), "--out", name, "--receipt"])
            .arg(format!("{name}.receipt.json"))
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.environment.iter().copied())
            .stdin(Stdio::null())
            .spawn()?;
        let bytes = match name {
            "programs" => self.bytes[0],
            "files" => self.bytes[1],
            _ => 0,
        };
        let time = screen.wait(&format!("{tool} {name}"), bytes, &mut child)?;
        let status = child.wait()?;
        if status.success() {
            Ok(time.as_secs_f64())
        } else {
            Err(format!("{tool}: {status}").into())
        }
    }
}

/// Hashes every blob of the layout anew, unpacks every layer, and follows the manifest from the
/// index. Returns the manifest's digest, the size of all blobs, and their number.
fn check(layout: &Path, layers: &[Layer]) -> Result<(String, u64, usize), Error> {
    let index = read(&layout.join("index.json"))?;
    let manifest = descriptor(layout, &index["manifests"][0])?;
    let manifest: Value = serde_json::from_slice(&manifest)?;
    let config: Value = serde_json::from_slice(&descriptor(layout, &manifest["config"])?)?;
    let described = manifest["layers"].as_array().map_or(&[][..], Vec::as_slice);
    let diff_ids = config["rootfs"]["diff_ids"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    if described.len() != layers.len() || diff_ids.len() != layers.len() {
        return Err(format!(
            "{} layers, {} in the manifest",
            layers.len(),
            described.len()
        )
        .into());
    }
    for ((layer, described), diff_id) in layers.iter().zip(described).zip(diff_ids) {
        let unpacked = blob::unpack(&descriptor(layout, described)?)?;
        if layer.digest != text(&described["digest"]) || text(diff_id) != blob::digest(&unpacked) {
            return Err(format!("layer {}: not what the manifest says", layer.name).into());
        }
    }
    let (mut size, mut blobs) = (0, 0);
    for entry in fs::read_dir(layout.join("blobs/sha256"))? {
        let entry = entry?;
        let bytes = fs::read(entry.path())?;
        if blob::digest(&bytes)[7..] != *entry.file_name() {
            return Err(format!("{}: not what its name says", entry.path().display()).into());
        }
        size += bytes.len() as u64;
        blobs += 1;
    }
    Ok((text(&index["manifests"][0]["digest"]), size, blobs))
}

/// The bytes that a descriptor names, which have its digest and its size.
fn descriptor(layout: &Path, descriptor: &Value) -> Result<Vec<u8>, Error> {
    let digest = text(&descriptor["digest"]);
    let bytes = fs::read(layout.join("blobs").join(digest.replace(':', "/")))?;
    if blob::digest(&bytes) != digest || descriptor["size"] != bytes.len() {
        return Err(format!("{digest}: digest or size is wrong").into());
    }
    Ok(bytes)
}

fn read(file: &Path) -> Result<Value, Error> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(serde_json::from_slice(&bytes)?)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

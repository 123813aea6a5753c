//! Images of real closures.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use e2e::nix::{self, Nix};
use e2e::{blob, outsiders, programs};
use serde_json::Value;

/// A user's flake, and a store.
pub(crate) struct World {
    pub(crate) nix: Nix,
    pub(crate) folder: PathBuf,
    /// Goes with all that is in it.
    _scratch: Scratch,
}

/// A folder whose store paths are read-only.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(folder: &Path) {
    if folder.exists() {
        // Store paths are read-only, which does not stop the user root.
        let _ = fs::remove_dir_all(folder);
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nix");
        remove(&scratch);
        let folder = scratch.join("user");
        fs::create_dir_all(&folder).unwrap();
        nix::lay_out(&folder);
        for file in [
            "errors.nix",
            "flake.nix",
            "nixpkgs.nix",
            "options.nix",
            "packages.nix",
            "world.nix",
        ] {
            let from = programs::workspace().join("e2e/nix").join(file);
            fs::copy(from, folder.join(file)).unwrap();
        }
        let nix = Nix::new(&folder, &scratch.join("store"));
        // Relative inputs are other store paths before there is a lock.
        let flake = format!("path:{}", folder.display());
        nix.succeed("nix", &["flake", "lock", &flake]);
        World {
            nix,
            folder,
            _scratch: Scratch(scratch),
        }
    }

    /// The digest that an image's layout lists.
    #[track_caller]
    pub(crate) fn digest(&self, layout: &str) -> String {
        digest(&self.nix, layout)
    }

    /// The layers of an image.
    #[track_caller]
    pub(crate) fn layers(&self, layout: &str) -> Vec<String> {
        let manifest = self.blob(layout, &self.digest(layout));
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        let layers = manifest["layers"].as_array().unwrap();
        let digest = |layer: &Value| layer["digest"].as_str().unwrap().to_owned();
        layers.iter().map(digest).collect()
    }

    #[track_caller]
    fn blob(&self, layout: &str, digest: &str) -> String {
        self.nix
            .read(&format!("{layout}/blobs/{}", digest.replace(':', "/")))
    }

    /// One image by all the ways: with its bytes, by receipts, by a package set, in few layers.
    pub(crate) fn closures(&self) {
        let paths = self.nix.build(&["image", "thin", "few", "nixery"]);
        let [image, thin, few, nixery] = &paths[..] else {
            panic!("{paths:?}");
        };
        let by_set = &self.nix.build(&["by_set"])[0];
        assert_eq!(self.digest(image), self.digest(thin));
        assert_eq!(image, by_set);
        // bash, data, greet, hello, libc6, libtinfo6, a root.
        assert_eq!(self.layers(image).len(), 7);
        assert_eq!(self.layers(few).len(), 3);
        // The application dominates all that it needs, so Nixery's way is one layer, and the root's.
        assert_eq!(self.layers(nixery).len(), 2);
        // All bytes are in other store paths: the planned ones in one of them, and the documents.
        assert_eq!(self.links(image), (7 + 2, 2 + 1));
        // Other people's ways, by the same program: so many layers, and the root's.
        let others = self
            .nix
            .build(&["auto_layer", "popularity", "nix2container"]);
        for other in &others {
            let layers = self.layers(other);
            assert!((2..=4).contains(&layers.len()), "{other}: {layers:?}");
        }
        // A thin image has none.
        assert!(self.nix.outside(thin).join("sparse.json").exists());
        let size = |path: &str| {
            let (_, printed) = self.nix.succeed("nix-store", &["-q", "--size", path]);
            printed.trim().parse::<u64>().unwrap()
        };
        assert!(size(thin) < 10_000, "{}", size(thin));
    }

    /// How many blobs of an image are links, and to how many store paths.
    pub(crate) fn links(&self, image: &str) -> (usize, usize) {
        let blobs = self.nix.outside(image).join("blobs/sha256");
        let links: BTreeSet<PathBuf> = fs::read_dir(blobs)
            .unwrap()
            .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
            .collect();
        let (_, references) = self
            .nix
            .succeed("nix-store", &["-q", "--references", image]);
        let references: BTreeSet<&str> = references.lines().collect();
        let store_path = |link: &PathBuf| {
            let of: PathBuf = link.components().take(4).collect();
            assert!(references.contains(of.to_str().unwrap()), "{link:?}");
            of
        };
        let folders: BTreeSet<PathBuf> = links.iter().map(store_path).collect();
        (links.len(), folders.len())
    }

    /// Every builder of an image is one of the programs; a shell builds the packages alone.
    pub(crate) fn builders(&self) {
        for image in ["image", "thin", "identity", "index", "push_thin"] {
            let attribute = self.nix.attribute(image);
            let words = ["derivation", "show", "--recursive", &attribute];
            let (_, shown) = self.nix.succeed("nix", &words);
            let shown: Value = serde_json::from_str(&shown).unwrap();
            let all = shown.get("derivations").unwrap_or(&shown);
            let mut ours = 0;
            for (path, derivation) in all.as_object().unwrap() {
                let builder = derivation["builder"].as_str().unwrap();
                if builder.contains("-tools/bin/") {
                    ours += 1;
                    continue;
                }
                // Each package of the world has a version.
                let name = derivation["name"].as_str().unwrap();
                let versioned = name.rsplit('-').next().unwrap_or_default();
                assert!(
                    builder.ends_with("/busybox/bin/sh")
                        && versioned.starts_with(|digit: char| digit.is_ascii_digit()),
                    "{path} is built by {builder}"
                );
            }
            assert!(ours >= 3, "{image}: {ours}");
        }
    }

    /// What is in a tar is not a reference: an image does not bring its packages along.
    pub(crate) fn what_has_no_references(&self) {
        let paths = self.nix.build(&[
            "image",
            "thin",
            "plan_of_image",
            "docker_tools",
            "uncompressed",
        ]);
        for path in &paths {
            let (_, printed) = self.nix.succeed("nix-store", &["-qR", path]);
            for package in ["-bash-", "-hello-", "-libc6-", "-greet-1\n"] {
                assert!(!printed.contains(package), "{path} needs\n{printed}");
            }
        }
        let (_, references) = self
            .nix
            .succeed("nix-store", &["-q", "--references", &paths[1]]);
        assert!(
            references.trim().ends_with("-greet-documents") && references.lines().count() == 1,
            "{}: {references}",
            paths[1]
        );
        // In a tar that is not compressed the hashes stand as they are, and still nothing refers.
        let bash = &self.nix.build(&["image_roots"])[0];
        let blobs = self.nix.outside(&paths[4]).join("blobs/sha256");
        let hash = &bash["/nix/store/".len()..][..32];
        let has = |link: PathBuf| {
            let bytes = fs::read(self.nix.outside(link.to_str().unwrap())).unwrap();
            bytes.windows(32).any(|window| window == hash.as_bytes())
        };
        let links = fs::read_dir(blobs)
            .unwrap()
            .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
        assert!(links.map(has).filter(|has| *has).count() >= 1);
    }

    /// Images are started, and print what they should.
    pub(crate) fn containers(&self) {
        let names = ["image", "few", "copied", "layered", "on_base"];
        let paths = self.nix.build(&names);
        for (name, path) in names.iter().zip(&paths) {
            let said = self.start(path, name);
            assert!(
                said.starts_with("Hello, world! from bash 5.") && said.ends_with("release 1\n"),
                "{name}: {said}"
            );
        }
        // What the base and other layers have is not packed again.
        let base = self.nix.build(&["base"]);
        assert!(self.layers(&paths[4]).starts_with(&self.layers(&base[0])));
        let (all, own) = (self.layers(&paths[0]), self.layers(&paths[4]));
        assert_eq!(all.len(), own.len());
        assert_eq!(all.iter().collect::<BTreeSet<_>>(), own.iter().collect());
    }

    /// What a container of a layout prints.
    #[track_caller]
    pub(crate) fn start(&self, layout: &str, name: &str) -> String {
        let bundle = self.folder.join(format!("bundle-{name}"));
        let shown = bundle.display().to_string();
        self.nix.succeed(
            "umoci",
            &["unpack", "--image", &format!("{layout}:latest"), &shown],
        );
        outsiders::without_cgroups(&bundle.join("config.json"));
        let state = self.folder.join("runc").display().to_string();
        let container = format!("nix-e2e-{name}");
        let words = ["--root", &state, "run", "--bundle", &shown, &container];
        let printed = self.nix.succeed("runc", &words).1;
        fs::remove_dir_all(&bundle).unwrap();
        printed
    }

    /// Users, homes, `/tmp`, certificates, `env` and `sh`: real files with the owners and modes that
    /// were asked for.
    pub(crate) fn identity(&self) {
        let path = &self.nix.build(&["identity"])[0];
        assert_eq!(self.start(path, "identity"), "1000 in /home/app\nwrites\n");
        let listing = self.listing(path);
        let line = |path: &str| {
            let found = listing.iter().find(|line| line["path"] == path);
            found.unwrap_or_else(|| panic!("no {path}")).clone()
        };
        let mode = |path: &str| line(path)["mode"].as_str().unwrap().to_owned();
        assert_eq!(
            (mode("tmp"), mode("var/tmp")),
            ("1777".into(), "1777".into())
        );
        assert_eq!(mode("home/app"), "0700");
        assert_eq!(line("home/app")["uid"], 1000);
        let ping = line("usr/bin/ping");
        assert_eq!(ping["mode"], "4755");
        assert!(
            ping["xattrs"].get("security.capability").is_some(),
            "{ping}"
        );
        assert_eq!(line("etc/app.conf")["gid"], 1000);
        for path in [
            "etc/passwd",
            "etc/group",
            "etc/nsswitch.conf",
            "etc/ssl/certs/ca-bundle.crt",
            "usr/bin/env",
            "bin/sh",
        ] {
            assert_eq!(line(path)["type"], "file", "{path}");
        }
        // A user's shell brings its closure: the root's layer, and sh, bash, two libraries.
        let shell = &self.nix.build(&["shell_of_user"])[0];
        assert_eq!(self.layers(shell).len(), 1 + 4);
        // Nothing in /etc is an absolute link.
        for line in &listing {
            let path = line["path"].as_str().unwrap_or_default();
            let link = line["link"].as_str().unwrap_or_default();
            assert!(
                !(path.starts_with("etc/") && link.starts_with('/')),
                "{line}"
            );
        }
    }

    /// A listing of an image's top layer, by `layer` itself, of the layer as a tar.
    fn listing(&self, layout: &str) -> Vec<Value> {
        let top = self.layers(layout).pop().unwrap();
        let blob = format!("{layout}/blobs/{}", top.replace(':', "/"));
        let scratch = tempfile::tempdir_in(&self.folder).unwrap();
        let request = serde_json::json!({"kind": "layer", "version": 1, "origin": "x", "entries": [
            {"tar": {"source": blob, "keep": {"names": true, "mtime": true}}}]});
        let at = |name: &str| scratch.path().join(name).display().to_string();
        fs::write(at("request"), request.to_string()).unwrap();
        let layer = programs::path("layer").display().to_string();
        self.nix.succeed(
            &layer,
            &[
                &at("request"),
                "--out",
                &at("out"),
                "--listing",
                &at("listing"),
            ],
        );
        let text = fs::read_to_string(at("listing")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// dockerTools' names, and Nixery's.
    pub(crate) fn other_names(&self) {
        let paths = self.nix.build(&[
            "docker_tools",
            "docker_tools_build",
            "docker_tools_stream",
            "by_name",
            "docker_tools_on",
            "docker_tools_index",
            "docker_tools_push",
        ]);
        for path in &paths[..2] {
            let archive = format!("docker-archive:{path}");
            let (_, inspected) = self.nix.succeed("skopeo", &["inspect", &archive]);
            let inspected: Value = serde_json::from_str(&inspected).unwrap();
            assert_eq!(inspected["Architecture"], "amd64");
        }
        let output = self.nix.run(&format!("{}/bin/stream-greet", paths[2]), &[]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let streamed = self.folder.join("streamed.tar");
        fs::write(&streamed, &output.stdout).unwrap();
        let archive = format!("docker-archive:{}", streamed.display());
        self.nix.succeed("skopeo", &["inspect", &archive]);
        // An archive goes on as the layout that it was made of.
        let (_, inspected) = self.nix.succeed(
            "skopeo",
            &[
                "inspect",
                "--config",
                &format!("docker-archive:{}", paths[4]),
            ],
        );
        let top: Value = serde_json::from_str(&inspected).unwrap();
        assert_eq!(top["config"]["Env"][0], "TOP=1");
        assert_eq!(top["config"]["Cmd"][0], "/bin/greet");
        assert!(self.nix.outside(&paths[5]).join("index.json").exists());
        // A shell, what was asked for, certificates and protocols, by sorted names.
        let top = self.listing(&paths[3]);
        for path in [
            "bin/bash",
            "bin/hello",
            "etc/ssl/certs/ca-bundle.crt",
            "etc/services",
        ] {
            assert!(top.iter().any(|line| line["path"] == path), "{path}");
        }
    }

    /// The examples, all of them.
    pub(crate) fn examples(&self) {
        let folder = programs::workspace().join("examples/nix");
        let mut names: Vec<String> = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some(name) = name.strip_suffix(".nix") {
                names.push(format!("examples.{name}"));
            }
        }
        names.sort();
        let paths = self
            .nix
            .build(&names.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(paths.len(), 4, "{names:?}");
        assert_eq!(self.start(&paths[0], "hello"), "Hello, world!\n");
    }

    /// `import rules/nix { … }`, with the same result.
    pub(crate) fn without_flakes(&self) {
        let expression = "let files = ./files; world = import ./world.nix { inherit files; }; \
             container = import ./rules_container/rules/nix { system = \"x86_64-linux\"; tool = ./tool; }; in \
             container.buildImage { name = \"greet\"; contents = [ world.greet ]; \
             config = { Cmd = [ \"${world.greet}/bin/greet\" ]; Env = [ \"LANG=C\" ]; WorkingDir = \"/srv\"; }; }";
        let words = ["--no-out-link", "-E", expression];
        let (_, path) = self.nix.succeed("nix-build", &words);
        let image = &self.nix.build(&["image"])[0];
        assert_eq!(
            self.digest(path.lines().next().unwrap()),
            self.digest(image)
        );
    }

    /// `nix flake check` of the user's flake and of ours.
    pub(crate) fn checks(&self) {
        let folder = self.folder.display();
        for flake in [
            format!("path:{folder}"),
            format!("path:{folder}/rules_container"),
        ] {
            self.nix.succeed("nix", &["flake", "check", &flake]);
        }
        // A build links the image, and not what is known of it.
        self.nix.succeed(
            "nix",
            &[
                "build",
                "--out-link",
                "linked",
                &self.nix.attribute("image"),
            ],
        );
        let linked = |name: &str| self.folder.join(name).symlink_metadata().is_ok();
        assert!(linked("linked") && !linked("linked-receipt"));
        fs::remove_file(self.folder.join("linked")).unwrap();
        let (_, shown) = self.nix.succeed(
            "nix",
            &[
                "flake",
                "metadata",
                "--json",
                &format!("path:{folder}/rules_container"),
            ],
        );
        let shown: Value = serde_json::from_str(&shown).unwrap();
        let nodes = shown["locks"]["nodes"].as_object().unwrap();
        assert_eq!(nodes.len(), 1, "our flake brings inputs along: {nodes:?}");
    }
}

/// The digest that a layout lists.
#[track_caller]
pub(crate) fn digest(nix: &Nix, layout: &str) -> String {
    let index: Value = serde_json::from_str(&nix.read(&format!("{layout}/index.json"))).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    let bytes = nix.read(&format!("{layout}/blobs/{}", digest.replace(':', "/")));
    assert_eq!(blob::digest(bytes.as_bytes()), digest);
    digest.to_owned()
}

//! The same again: rebuilt, elsewhere and otherwise, and by a plan of the release before.

use std::fs;

use e2e::nix::Nix;

use crate::world::{World, digest};

impl World {
    /// `nix build --rebuild`: the same bytes again.
    pub(crate) fn rebuilt(&self) {
        // Whatever they are made of is there; they are made again and compared.
        for name in ["image", "thin", "identity", "index"] {
            self.nix.build(&[name]);
            self.nix.build_with(&[name], &["--rebuild"]);
        }
        let (_, layers) = self.nix.succeed(
            "nix",
            &[
                "path-info",
                "--derivation",
                "--recursive",
                &self.nix.attribute("image"),
            ],
        );
        let ours: Vec<String> = layers
            .lines()
            .filter(|path| path.ends_with("-greet-layers.drv") || path.ends_with("-greet-root.drv"))
            .map(|path| format!("{path}^*"))
            .collect();
        assert_eq!(ours.len(), 2, "{layers}");
        let mut words = vec!["build", "--no-link", "--rebuild"];
        words.extend(ours.iter().map(String::as_str));
        self.nix.succeed("nix", &words);
    }

    /// Another store with links between equal files, one core, no sandbox, another umask.
    pub(crate) fn perturbed(&self) {
        let names = ["image", "identity", "docker_tools"];
        let first = self.nix.build(&names);
        let other = Nix::new(&self.folder, &self.folder.parent().unwrap().join("other")).with(
            "auto-optimise-store = true\ncores = 1\nsandbox = false\n",
            "0077",
        );
        let second = other.build(&names);
        assert_eq!(first, second);
        for path in &first {
            let hash = |nix: &Nix| nix.succeed("nix-store", &["-q", "--hash", path]).1;
            assert_eq!(hash(&self.nix), hash(&other), "{path}");
        }
        // The packages themselves are what Nix made of them: were they the same, or did that hide it?
        let digest = digest(&other, &second[0]);
        assert_eq!(self.digest(&first[0]), digest);
    }

    /// With a plan each layer is a derivation of its own store paths: a release makes one anew.
    pub(crate) fn a_plan_that_is_checked_in(&self) {
        let plan = &self.nix.build(&["plan_of_image"])[0];
        let text = self.nix.read(&format!("{plan}/plan.json"));
        assert!(!text.contains("/nix/store"), "{text}");
        // The first is the same, where the file that is named is not there yet.
        let first = &self.nix.build(&["first_plan"])[0];
        assert_eq!(self.nix.read(&format!("{first}/plan.json")), text);
        fs::write(self.folder.join("plan.json"), text).unwrap();
        let paths = self.nix.build(&["image", "locked"]);
        assert_eq!(self.layers(&paths[0]), self.layers(&paths[1]));
        assert_eq!(self.digest(&paths[0]), self.digest(&paths[1]));
        // Each layer is its own store path, which images share.
        assert_eq!(self.links(&paths[1]), (7 + 2, 7 + 1));
        // The next release: of the layers only the application's is made, and what is at the root.
        let words = [
            "build",
            "--no-link",
            "-L",
            &self.nix.attribute("locked_next"),
        ];
        let (said, _) = self.nix.succeed("nix", &words);
        let built: Vec<&str> = said
            .lines()
            .filter_map(|line| line.strip_prefix("building '")?.strip_suffix("'..."))
            .map(|path| &path["/nix/store/".len() + 33..])
            .collect();
        let layers: Vec<&&str> = built
            .iter()
            .filter(|name| name.starts_with("layer-"))
            .collect();
        assert_eq!(layers, [&"layer-greet.drv"], "{built:?}");
        let next = self.nix.build(&["image_next", "locked_next"]);
        assert_eq!(self.digest(&next[0]), self.digest(&next[1]));
        // And evaluating builds nothing.
        let words = ["eval", "--raw", "--no-allow-import-from-derivation"];
        let attribute = format!("{}.outPath", self.nix.attribute("locked_next"));
        self.nix
            .succeed("nix", &[&words[..], &[&attribute]].concat());
    }

    /// The same without a file: the plan is built in order to evaluate, and images share layers.
    pub(crate) fn a_plan_that_is_imported(&self) {
        let paths = self.nix.build(&["image", "imported", "locked"]);
        assert_eq!(self.digest(&paths[0]), self.digest(&paths[1]));
        // Layers are the same derivations as with a file.
        assert_eq!(paths[1], paths[2]);
        let words = [
            "build",
            "--no-link",
            "-L",
            &self.nix.attribute("imported_next"),
        ];
        let (said, _) = self.nix.succeed("nix", &words);
        let made: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("-layer-"))
            .collect();
        assert!(made.is_empty(), "{made:?}");
        let next = self.nix.build(&["locked_next", "imported_next"]);
        assert_eq!(self.digest(&next[0]), self.digest(&next[1]));
        let attribute = format!("{}.outPath", self.nix.attribute("imported"));
        let words = [
            "eval",
            "--raw",
            "--no-allow-import-from-derivation",
            &attribute,
        ];
        let output = self.nix.run("nix", &words);
        assert!(!output.status.success());
    }
}

//! A registry that wants a password and a certificate of ours, and has one of an authority of its own.

use std::fs;
use std::path::Path;

use e2e::bazel::Bazel;
use e2e::certificates::{authority, certificate};
use e2e::registries::{Running, registry};
use serde_json::json;

/// The registry, its host, and the folder of a `config.json` with the login.
pub(crate) struct Private {
    _running: Running,
    pub(crate) host: String,
    folder: std::path::PathBuf,
}

impl Private {
    pub(crate) fn start(folder: &Path) -> Self {
        let folder = folder.join("private");
        fs::create_dir_all(&folder).unwrap();
        authority(&folder, "ca");
        certificate(&folder, "server", "subjectAltName=IP:127.0.0.1");
        certificate(&folder, "client", "extendedKeyUsage=clientAuth");
        // `u` and `hunter2`, by bcrypt.
        let line = "u:$2b$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.\n";
        fs::write(folder.join("htpasswd"), line).unwrap();
        let at = folder.display();
        let tls = format!(
            "  tls: {{certificate: {at}/server.pem, key: {at}/server.key, clientcas: [{at}/ca.pem]}}\n"
        );
        let auth = format!("auth: {{htpasswd: {{realm: test, path: {at}/htpasswd}}}}\n");
        let (running, host) = registry(&folder, &tls, &auth);
        Private {
            _running: running,
            host,
            folder,
        }
    }

    /// Writes `config.json`; its folder.
    fn login(&self, password: &str) -> &Path {
        let auths = json!({"auths": {&self.host: {"username": "u", "password": password}}});
        fs::write(self.folder.join("config.json"), auths.to_string()).unwrap();
        &self.folder
    }

    /// Attributes of rules and tags: what is shown to the registry.
    fn shown(&self) -> String {
        let (host, at) = (&self.host, self.folder.display());
        format!(
            "client_certificates = {{\"{host}\": \"{at}/client.pem\"}}, client_keys = {{\"{host}\": \"{at}/client.key\"}}"
        )
    }

    /// For a BUILD file that has an image `one`. `push_stranger` shows no certificate.
    pub(crate) fn build(&self) -> String {
        let (host, shown) = (&self.host, self.shown());
        format!(
            "[container_push(name = \"push_\" + name, ca_files = {{\"ca.pem\": \"{host}\"}}, image = image, remote_tags = [\"1\"], repositories = [\"{host}/team/\" + name], requests_at_once = {{\"{host}\": \"1\"}}, {shown}) \
             for name, image in [(\"private\", \":one\"), (\"derived\", \":derived\")]]\n\
             container_push(name = \"push_stranger\", ca_files = {{\"ca.pem\": \"{host}\"}}, image = \":one\", repositories = [\"{host}/team/stranger\"])\n\
             container_push_all(name = \"push_both\", pushes = [\":push_private\", \":push_derived\"])\n\
             container_image(name = \"derived\", base = \"@images//:base\", labels = {{\"on\": \"private\"}}, layers = [\"two_layer\"])\n\
             container_layer(name = \"two_layer\", contents = {{\"/two\": \"two\"}})\n"
        )
    }

    /// For a MODULE file.
    fn module(&self) -> String {
        format!(
            "images = use_extension(\"@rules_container//rules:extensions.bzl\", \"images\")\n\
             images.lock(file = \"//:images.lock.json\")\n\
             images.settings(ca_files = {{\"//:ca.pem\": \"{}\"}}, credentials = \"{}/config.json\", requests_at_once = {{\"{0}\": \"1\"}}, {})\n\
             use_repo(images, \"images\")\n",
            self.host,
            self.folder.display(),
            self.shown()
        )
    }

    /// In a workspace whose BUILD file has [`Private::build`].
    pub(crate) fn check(&self, bazel: &mut Bazel, workspace: &Path) {
        fs::copy(self.folder.join("ca.pem"), workspace.join("ca.pem")).unwrap();
        let module = workspace.join("MODULE.bazel");
        let text = fs::read_to_string(&module).unwrap() + &self.module();
        fs::write(module, text).unwrap();
        let empty = r#"{"kind": "images_lock", "version": 1, "images": {}}"#;
        fs::write(workspace.join("images.lock.json"), empty).unwrap();
        bazel.set("DOCKER_CONFIG", self.login("hunter3"));
        let refused = |words: &[&str], label: &str| {
            let output = bazel.run(words);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                !output.status.success() && said.contains(label) && said.contains("config.json"),
                "{said}"
            );
            assert!(!said.contains("hunter"), "{said}");
        };
        refused(&["run", "//:push_private"], "push: //:push_private: ");
        self.login("hunter2");
        bazel.succeed(&["run", "//:push_private"]);
        let stranger = bazel.run(&["run", "//:push_stranger"]);
        let said = String::from_utf8_lossy(&stranger.stderr).into_owned();
        assert!(
            !stranger.status.success()
                && said.contains("push: //:push_stranger: ")
                && said.contains("ertificate"),
            "{said}"
        );

        // Its image is a base: the lock, the documents, and the bytes of its layer in an action.
        let base = format!("base={}/team/private:1", self.host);
        bazel.succeed(&["run", "@images//:lock", "--", &base]);
        self.login("hunter3");
        refused(&["build", "//:derived"], "pull: @images//:base: ");
        self.login("hunter2");
        let whole = ["build", "//:derived", "--output_groups=layout"];
        let sandbox = [
            "--spawn_strategy=linux-sandbox",
            "--nosandbox_default_allow_network",
        ];
        bazel.succeed(&[&whole[..], &sandbox].concat());
        let tree = e2e::tree::read(&bazel.output("derived.layout"));
        let blobs = tree.keys().filter(|path| path.components().count() == 3);
        assert_eq!(
            blobs.count(),
            4,
            "manifest, config, two layers: {:?}",
            tree.keys()
        );
        bazel.succeed(&["run", "//:push_both"]);
    }
}

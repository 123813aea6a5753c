//! What docs/releasing.md tells its readers to do, line by line.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use e2e::programs::well;
use e2e::{outsiders, programs, tree};
use serde_json::{Value, json};

use super::{registry, release, schemas, write};

/// The lines of docs/releasing.md, as they stand.
#[test]
fn check_a_release_yourself() {
    if !outsiders::can("the lines of docs/releasing.md", &["docker-registry"]) {
        return;
    }
    let text = fs::read_to_string(programs::workspace().join("docs/releasing.md")).unwrap();
    let lines = text
        .split("```sh\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let digest = release(folder);
    let (_running, host) = registry(folder);
    let repository = format!("{host}/team/app");
    let access = json!({"hosts": {(host.as_str()): {"plain_http": true}}});
    let images =
        json!([{"layout": "image", "attached": ["attested"], "to": [{"repository": repository}]}]);
    let push = json!({"kind": "push", "version": 1, "origin": "//app:push", "access": access, "images": images});
    write(folder, "push.json", &push);
    well(folder, "push", &["push.json"]);
    write(folder, "settings.json", &access);
    tree::copy(
        &folder.join("sources"),
        &folder.join("checkout/sources"),
        tree::Manner::PLAIN,
    );
    let path = std::env::join_paths([programs::folder(), Path::new("/usr/bin"), Path::new("/bin")])
        .unwrap();
    let output = Command::new("/bin/sh")
        .args(["-euc", lines])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .env("IMAGE", format!("{repository}@{digest}"))
        .env("SOURCES", "checkout")
        .env("TOOLS", programs::folder())
        .env("KEY", "key.pub.pem")
        .env("SETTINGS", "--settings settings.json")
        .output()
        .unwrap();
    let (said, error) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success() && error.is_empty(), "{said}{error}");
    for part in [
        "sound: 1 manifest, 1 layer, ",
        "5 documents refer to it",
        "good, by the key sha256:",
        "made again in 2 steps, the same bytes",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// The examples of docs/releasing.md for GitHub and GitLab: valid by their schemas, and every shell line runs as it
/// stands, with a release, a checkout and a registry that are here.
#[test]
fn examples_of_ci() {
    let check = "the examples of CI in docs/releasing.md";
    let tools = [
        "docker-registry",
        "python3",
        "curl",
        "openssl",
        "sha256sum",
        "bash",
    ];
    if !outsiders::can(check, &tools) {
        return;
    }
    let Some(schemas) = schemas(check, "yaml, jsonschema") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = fs::read_to_string(programs::workspace().join("docs/releasing.md")).unwrap();
    let mut examples = text
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    for name in ["github.yml", "gitlab.yml"] {
        fs::write(folder.join(name), examples.next().unwrap()).unwrap();
    }
    let script = programs::workspace().join("e2e/tests/workflows.py");
    let words = [
        script.as_os_str(),
        schemas.as_os_str(),
        "github.yml".as_ref(),
        "gitlab.yml".as_ref(),
    ];
    let lines: Value = serde_json::from_slice(&outsiders::run(folder, "python3", &words)).unwrap();

    // A release: the programs, in the archive that it has. They reach the registry by settings that a user's own would not need.
    release(folder);
    let (_running, host) = registry(folder);
    let repository = format!("{host}/team/app");
    let access = json!({"hosts": {(host.as_str()): {"plain_http": true}}});
    let images = json!([{"layout": "image", "attached": ["attested"], "to": [{"repository": repository, "tags": ["1.0"]}]}]);
    let push = json!({"kind": "push", "version": 1, "origin": "//app:push", "access": access, "images": images});
    write(folder, "push.json", &push);
    well(folder, "push", &["push.json"]);
    write(folder, "settings.json", &access);
    fs::create_dir_all(folder.join("release/bin")).unwrap();
    for tool in ["layer", "assemble"] {
        fs::copy(programs::path(tool), folder.join("release/bin").join(tool)).unwrap();
    }
    let wrapper = format!(
        "#!/bin/sh\nexec {} \"$@\" --settings {}\n",
        programs::path("verify").display(),
        folder.join("settings.json").display()
    );
    fs::write(folder.join("release/bin/verify"), wrapper).unwrap();
    fs::set_permissions(
        folder.join("release/bin/verify"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    let sums = "tar -C release -czf release/rules_container-0.1.0-linux_amd64.tar.gz bin\n\
        cd release && sha256sum *.gz > SHA256SUMS\n\
        openssl dgst -sha256 -sign ../key.pem SHA256SUMS | base64 -w0 > SHA256SUMS.sig";
    outsiders::run(folder, "bash", &["-euc", sums]);

    for (kind, reports) in [("github", "verify.sarif"), ("gitlab", "verify.json")] {
        let place = folder.join(kind);
        let checkout = place.join("checkout");
        tree::copy(
            &folder.join("sources"),
            &checkout.join("sources"),
            tree::Manner::PLAIN,
        );
        fs::copy(folder.join("key.pub.pem"), checkout.join("release.pub.pem")).unwrap();
        let paths = place.join("paths");
        fs::write(&paths, "").unwrap();
        let lines = lines[kind]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line.as_str().unwrap());
        // GitHub starts a shell for each step; GitLab has one for all lines.
        let scripts: Vec<String> = match kind {
            "github" => lines.map(str::to_owned).collect(),
            _ => vec![lines.collect::<Vec<_>>().join("\n")],
        };
        for script in scripts {
            let added = fs::read_to_string(&paths).unwrap();
            let path = added
                .lines()
                .chain(["/usr/bin", "/bin"])
                .collect::<Vec<_>>()
                .join(":");
            let output = Command::new("bash")
                .args(["-eo", "pipefail", "-c", &script])
                .current_dir(&checkout)
                .env_clear()
                .envs([
                    ("PATH", path.as_str()),
                    ("IMAGE", &format!("{repository}:1.0")),
                ])
                .env(
                    "RELEASE",
                    format!("file://{}", folder.join("release").display()),
                )
                .envs([
                    ("RUNNER_TEMP", &place),
                    ("CI_BUILDS_DIR", &place),
                    ("HOME", &place),
                ])
                .envs([
                    ("GITHUB_WORKSPACE", &checkout),
                    ("CI_PROJECT_DIR", &checkout),
                    ("GITHUB_PATH", &paths),
                ])
                .env("TOOLS", place.join("tools"))
                .output()
                .unwrap();
            let said =
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(output.status.success(), "{kind}: {script}: {said}");
        }
        assert!(checkout.join(reports).metadata().unwrap().len() > 0);
        assert!(place.join("again/image/index.json").is_file());
    }
}

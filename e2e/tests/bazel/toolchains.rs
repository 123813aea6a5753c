//! Where the programs come from.

use std::fs;
use std::path::Path;

use e2e::bazel::{self, Bazel};
use e2e::programs;

use crate::{ONE, module, scratch};

/// An archive of the programs, as a release has it, and its SHA-256.
fn archive(folder: &Path) -> (String, String) {
    let path = folder.join("programs.tar");
    let mut tar = tar::Builder::new(fs::File::create(&path).unwrap());
    for name in programs::TOOLS
        .iter()
        .filter(|name| programs::path(name).exists())
    {
        // Some at the root and some in `bin`, where a release has them all.
        let folder = if *name == "layer" { "bin/" } else { "" };
        tar.append_path_with_name(programs::path(name), format!("{folder}{name}"))
            .unwrap();
    }
    tar.into_inner().unwrap();
    let digest = e2e::blob::digest(&fs::read(&path).unwrap()).replace("sha256:", "");
    (format!("file://{}", path.display()), digest)
}

#[test]
fn the_programs_come_in_three_ways() {
    if !bazel::can("Bazel finds the programs in three ways, and says so where it does not") {
        return;
    }
    let _one = ONE.lock();
    let folder = scratch();
    let bazel = Bazel::new(&module(folder.path(), "", ""), &folder.path().join("root"));
    let fails = |options: &[&str], words: &[&str]| {
        let output = bazel.run(&[&["build", "//:layer"], options].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{said}");
        for word in words {
            assert!(said.contains(word), "`{word}` is not in:\n{said}");
        }
    };

    // Nothing says where: what is asked says how to say it.
    fails(
        &[],
        &[
            "there is no toolchain for the platform",
            "  1. built from source: --repo_env=",
            "  2. prebuilt: tools.prebuilt(",
            "  3. your own targets: container_toolchain(",
        ],
    );
    // A build that needs no program is not disturbed.
    bazel.succeed(&["build", "//:BUILD.bazel"]);

    let named = format!(
        "--repo_env=RULES_CONTAINER_TOOLS={}",
        programs::folder().display()
    );
    bazel.succeed(&["build", "//:layer", &named]);
    let want = bazel.read("layer.tar.gz");
    fails(
        &["--repo_env=RULES_CONTAINER_TOOLS=some/where"],
        &[
            "RULES_CONTAINER_TOOLS is `some/where`, which is not an absolute path",
            "hint: name the folder as in --repo_env=RULES_CONTAINER_TOOLS=$PWD/some/where",
        ],
    );
    let empty = format!(
        "--repo_env=RULES_CONTAINER_TOOLS={}",
        folder.path().display()
    );
    fails(
        &[&empty],
        &[
            "where there is none of the programs: pull, layer, assemble, attest, push, verify",
            "hint: build them with `cargo build --release`",
        ],
    );

    let (url, sha256) = archive(folder.path());
    let prebuilt = |platform: &str, sha256: &str, urls: &str| {
        let tag = format!(
            "tools.prebuilt(platform = \"{platform}\", sha256 = \"{sha256}\", urls = [{urls}])\n"
        );
        module(folder.path(), &tag, "");
    };
    let host = if cfg!(target_arch = "aarch64") {
        "linux_arm64"
    } else {
        "linux_amd64"
    };
    // The first mirror does not have it.
    prebuilt(
        host,
        &sha256,
        &format!("\"file:///not/there.tar\", \"{url}\""),
    );
    bazel.succeed(&["build", "//:layer"]);
    assert!(
        bazel.read("layer.tar.gz") == want,
        "prebuilt programs write other bytes"
    );
    prebuilt(host, &"0".repeat(64), &format!("\"{url}\""));
    fails(&[], &[&sha256, &"0".repeat(64)]);
    prebuilt("plan9_mips", &sha256, &format!("\"{url}\""));
    fails(
        &[],
        &[
            "tools.prebuilt: `platform` is `plan9_mips`\n  allowed: linux_amd64, linux_arm64, darwin_amd64, darwin_arm64, windows_amd64\n",
            "hint: name the platform that the programs in the archive run on",
        ],
    );
    prebuilt(host, "abc", &format!("\"{url}\""));
    fails(
        &[],
        &[
            "`sha256` of ",
            " is `abc`\n  allowed: 64 hexadecimal digits\n",
            "hint: `sha256sum` prints them",
        ],
    );
    prebuilt(host, &sha256, "");
    fails(
        &[],
        &[
            "`urls` of ",
            " is empty\n  allowed: one URL or more, tried in order\n",
            "hint: write where the archive is, as `https://` or `file://`",
        ],
    );

    // A release: its table stands in the rules themselves, and nothing else says where.
    let release = folder.path().join("release");
    for path in ["MODULE.bazel", "BUILD.bazel", "rules"] {
        let from = programs::workspace().join(path);
        let to = release.join(path);
        if from.is_dir() {
            e2e::tree::copy(&from, &to, e2e::tree::Manner::PLAIN);
        } else {
            fs::create_dir_all(&release).unwrap();
            fs::copy(from, to).unwrap();
        }
    }
    let published = folder.path().join("published/1.2.3");
    fs::create_dir_all(&published).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let tar = fs::read(folder.path().join("programs.tar")).unwrap();
    std::io::Write::write_all(&mut gzip, &tar).unwrap();
    let archive = gzip.finish().unwrap();
    let name = format!("rules_container-1.2.3-{host}.tar.gz");
    fs::write(published.join(name), &archive).unwrap();
    let table = fs::read_to_string(crate::workspace().join("golden/prebuilt.bzl"))
        .unwrap()
        .replace("linux_amd64", host)
        .replace(
            "https://example.com/releases",
            &format!("file://{}/published", folder.path().display()),
        )
        .replace(&"0".repeat(64), &e2e::blob::digest(&archive)[7..]);
    fs::write(release.join("rules/private/prebuilt.bzl"), table).unwrap();
    let workspace = module(folder.path(), "", "");
    let text = fs::read_to_string(workspace.join("MODULE.bazel")).unwrap();
    let text = text.replace(
        &programs::workspace().display().to_string(),
        &release.display().to_string(),
    );
    fs::write(workspace.join("MODULE.bazel"), text).unwrap();
    bazel.succeed(&["build", "//:layer"]);
    assert!(
        bazel.read("layer.tar.gz") == want,
        "the programs of a release write other bytes"
    );

    // An archive of something else, and a module that others depend on.
    let mut tar = tar::Builder::new(fs::File::create(folder.path().join("other.tar")).unwrap());
    tar.append_path_with_name("/etc/passwd", "passwd").unwrap();
    tar.into_inner().unwrap();
    let other = folder.path().join("other.tar");
    let digest = e2e::blob::digest(&fs::read(&other).unwrap()).replace("sha256:", "");
    prebuilt(host, &digest, &format!("\"file://{}\"", other.display()));
    fails(
        &[],
        &[
            "has none of the programs at its root or in `bin`: pull, layer, assemble, attest, push, verify",
            "hint: name an archive of the programs alone",
        ],
    );
    let dep = folder.path().join("dep");
    fs::create_dir_all(&dep).unwrap();
    fs::write(dep.join("BUILD.bazel"), "").unwrap();
    let text = format!(
        "module(name = \"dep\")\nbazel_dep(name = \"rules_container\", version = \"0.1.0\")\n\
         tools = use_extension(\"@rules_container//rules:extensions.bzl\", \"tools\")\n\
         tools.prebuilt(platform = \"{host}\", sha256 = \"{sha256}\", urls = [\"{url}\"])\n"
    );
    fs::write(dep.join("MODULE.bazel"), text).unwrap();
    let text = format!(
        "bazel_dep(name = \"dep\")\nlocal_path_override(module_name = \"dep\", path = \"{}\")\n",
        dep.display()
    );
    module(folder.path(), &text, "");
    fails(
        &[],
        &[
            "tools.prebuilt is in the module `dep`; only the root module says where programs come from",
            "hint: write it in your own MODULE.bazel, or mark the extension there `dev_dependency = True`",
        ],
    );

    let own = "load(\"@rules_container//rules:toolchain.bzl\", \"container_toolchain\")\n\
               container_toolchain(name = \"own\", layer = \"my_layer\")\n";
    let workspace = module(folder.path(), "register_toolchains(\"//:all\")\n", own);
    fs::copy(programs::path("layer"), workspace.join("my_layer")).unwrap();
    bazel.succeed(&["build", "//:layer"]);
    assert!(
        bazel.read("layer.tar.gz") == want,
        "a target's programs write other bytes"
    );
}

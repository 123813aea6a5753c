//! Bills of materials as targets, and pushed with their image.

use e2e::bazel::Bazel;
use serde_json::Value;

/// For a BUILD file that has an image `one`, and a registry at `host`.
pub(crate) fn build(host: &str) -> String {
    format!(
        "container_layer(name = \"built_layer\", srcs = {{\"/build\": \"BUILD.bazel\"}})\n\
         container_image(name = \"attested\", base = \":one\", layers = [\":built_layer\"])\n\
         container_index(name = \"attested_index\", images = [\":attested\"])\n\
         container_attest(name = \"sbom\", image = \":attested\", image_name = \"example.com/attested\", packages = [attested_package(\"zlib\", version = \"1.3\", purl = \"pkg:generic/zlib@1.3\")])\n\
         container_attest(name = \"sbom_of_index\", documents = [\"spdx\"], image = \":attested_index\", time = \"2026-01-02T03:04:05Z\")\n\
         container_push(name = \"push_attested\", image = \":attested\", plain_http = [\"{host}\"], referrers = [\":sbom\"], remote_tags = [\"1\"], repository = \"{host}/team/attested\", requests_at_once = {{\"{host}\": \"2\"}})\n"
    )
}

/// In a workspace whose BUILD file has what [`build`] returned.
pub(crate) fn check(bazel: &Bazel, host: &str) {
    bazel.succeed(&["build", "//:sbom", "//:sbom_of_index"]);
    let document = |name: &str| serde_json::from_slice::<Value>(&bazel.read(name)).unwrap();
    let digest = String::from_utf8(bazel.read("attested.digest")).unwrap();
    let spdx = document("sbom.spdx.json");
    let packages: Vec<&str> = spdx["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    // The image, the layers with those of its base, what one of them was packed from, and what nobody could know.
    for name in [
        "example.com/attested",
        "//:layer",
        "//:built_layer",
        "//:BUILD.bazel",
        "zlib",
    ] {
        assert!(packages.contains(&name), "{name}: {packages:?}");
    }
    let files = document("sbom.cdx.json").to_string();
    for word in ["\"build\"", "\"file\"", &digest[7..]] {
        assert!(files.contains(word), "`{word}` is not in {files}");
    }
    let of_index = document("sbom_of_index.spdx.json").to_string();
    for word in [
        "//:attested_index",
        "//:built_layer",
        "2026-01-02T03:04:05Z",
    ] {
        assert!(of_index.contains(word), "`{word}` is not in {of_index}");
    }

    // A registry that keeps no list of referrers has it under a tag.
    bazel.succeed(&["run", "//:push_attested"]);
    let tag = digest.replace(':', "-");
    let reference = format!("{host}/team/attested:{tag}");
    let here = std::env::temp_dir();
    let said = e2e::outsiders::run(&here, "crane", &["manifest", "--insecure", &reference]);
    let list: Value = serde_json::from_slice(&said).unwrap();
    let mut types: Vec<&str> = list["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["artifactType"].as_str().unwrap())
        .collect();
    types.sort_unstable();
    assert_eq!(
        types,
        ["application/spdx+json", "application/vnd.cyclonedx+json"]
    );
}

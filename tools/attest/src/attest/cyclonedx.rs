//! CycloneDX 1.6 (cyclonedx.org/docs/1.6/json): the image as the component that is told of, and below it layers,
//! what they are made of, and their files with hashes.

use serde_json::{Value, json};

use super::{TOOL, escape, purl, uuid};
use crate::plan::Plan;

/// The document.
pub(super) fn document(plan: &Plan) -> Value {
    let digest = plan.root.digest();
    let image = digest.to_string();
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    let mut of_image = Vec::new();
    for (at, base) in plan.bases.iter().enumerate() {
        let reference = format!("base-{at}");
        components.push(json!({
            "type": "container", "bom-ref": reference,
            "name": base.name.clone().unwrap_or_else(|| "base".to_owned()),
            "version": base.digest.to_string(), "hashes": [hash(&base.digest)],
        }));
        of_image.push(reference);
    }
    for (at, layer) in plan.layers.iter().enumerate() {
        let reference = format!("layer-{at}");
        let mut below = Vec::new();
        for (number, origin) in layer.origins.iter().enumerate() {
            let part = format!("{reference}-part-{number}");
            components.push(json!({"type": "library", "bom-ref": part, "name": origin}));
            below.push(part);
        }
        for (number, (path, _)) in plan
            .store
            .iter()
            .enumerate()
            .filter(|(_, (_, layers))| layers.contains(&layer.digest))
        {
            let _ = path;
            below.push(format!("nix-{number}"));
        }
        let files: Vec<Value> = layer
            .files
            .iter()
            .filter(|line| line.kind == "file")
            .map(|line| {
                let mut file = json!({"type": "file", "name": line.path.to_string()});
                if let Some(sha256) = line.sha256.as_ref().filter(|sha256| sha256.len() == 64) {
                    file["hashes"] = json!([{"alg": "SHA-256", "content": sha256}]);
                }
                file
            })
            .collect();
        let mut component = json!({
            "type": "file", "bom-ref": reference, "mime-type": layer.media_type,
            "name": layer.origin.clone().unwrap_or_else(|| format!("layer {}", at + 1)),
            "hashes": [hash(&layer.digest)],
            "properties": [{"name": "rules_container:size", "value": layer.size.to_string()}],
        });
        if !files.is_empty() {
            component["components"] = files.into();
        }
        components.push(component);
        dependencies.push(json!({"ref": reference, "dependsOn": below}));
        of_image.push(reference);
    }
    for (at, (path, _)) in plan.store.iter().enumerate() {
        let version = path
            .version
            .as_ref()
            .map_or(String::new(), |version| format!("@{}", escape(version)));
        let mut component = json!({
            "type": "library", "bom-ref": format!("nix-{at}"), "name": path.name,
            "purl": format!("pkg:nix/{}{version}?storehash={}", escape(&path.name), path.hash),
        });
        if let Some(version) = &path.version {
            component["version"] = version.as_str().into();
        }
        components.push(component);
    }
    for (at, package) in plan.packages.iter().enumerate() {
        let reference = format!("package-{at}");
        let mut component = json!({"type": "library", "bom-ref": reference, "name": package.name});
        if let Some(version) = &package.package_version {
            component["version"] = version.as_str().into();
        }
        if let Some(purl) = &package.purl {
            component["purl"] = purl.as_str().into();
        }
        if let Some(licence) = &package.licence {
            component["licenses"] = json!([{"expression": licence}]);
        }
        if let Some(sha256) = &package.sha256 {
            component["hashes"] = json!([{"alg": "SHA-256", "content": sha256}]);
        }
        components.push(component);
        of_image.push(reference);
    }
    dependencies.insert(0, json!({"ref": image, "dependsOn": of_image}));
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", uuid(plan, "cyclonedx")),
        "version": 1,
        "metadata": {
            "timestamp": plan.time,
            "tools": {"components": [{"type": "application", "name": "attest", "version": env!("CARGO_PKG_VERSION"), "group": TOOL.split('-').next()}]},
            "component": {
                "type": "container", "bom-ref": image, "name": plan.name, "version": image,
                "purl": purl(plan), "hashes": [hash(&digest)],
            },
        },
        "components": components,
        "dependencies": dependencies,
    })
}

fn hash(digest: &oci::Digest) -> Value {
    let algorithm = match digest.algorithm() {
        oci::Algorithm::Sha256 => "SHA-256",
        oci::Algorithm::Sha512 => "SHA-512",
    };
    json!({"alg": algorithm, "content": digest.hex()})
}

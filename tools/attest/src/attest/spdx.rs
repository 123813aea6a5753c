//! SPDX 2.3 (spdx.github.io/spdx-spec/v2.3): the image, its layers, its bases, and what they are made of, as
//! packages. Files are not listed: SPDX wants the SHA-1 of each, and nobody has that.

use serde_json::{Map, Value, json};

use super::{TOOL, escape, purl, uuid};
use crate::plan::Plan;

/// The document.
pub(super) fn document(plan: &Plan) -> Value {
    let mut out = Document {
        packages: Vec::new(),
        relationships: Vec::new(),
    };
    let digest = plan.root.digest();
    let image = out.package("Image", &plan.name, Some(&digest.to_string()));
    out.set("primaryPackagePurpose", "CONTAINER".into());
    out.set("checksums", json!([checksum(&digest)]));
    out.set("externalRefs", json!([reference(&purl(plan))]));
    out.relate("SPDXRef-DOCUMENT", "DESCRIBES", &image);
    for (at, base) in plan.bases.iter().enumerate() {
        let name = base.name.clone().unwrap_or_else(|| "base".to_owned());
        let id = out.package(&format!("Base-{at}"), &name, Some(&base.digest.to_string()));
        out.set("primaryPackagePurpose", "CONTAINER".into());
        out.set("checksums", json!([checksum(&base.digest)]));
        out.relate(&image, "DESCENDANT_OF", &id);
    }
    for (at, layer) in plan.layers.iter().enumerate() {
        let name = layer
            .origin
            .clone()
            .unwrap_or_else(|| format!("layer {}", at + 1));
        let id = out.package(&format!("Layer-{at}"), &name, None);
        out.set("primaryPackagePurpose", "ARCHIVE".into());
        out.set("checksums", json!([checksum(&layer.digest)]));
        out.relate(&image, "CONTAINS", &id);
        for (number, origin) in layer.origins.iter().enumerate() {
            let part = out.package(&format!("Layer-{at}-Part-{number}"), origin, None);
            out.relate(&id, "CONTAINS", &part);
        }
    }
    for (at, (path, layers)) in plan.store.iter().enumerate() {
        let id = out.package(&format!("Nix-{at}"), &path.name, path.version.as_deref());
        let version = path
            .version
            .as_ref()
            .map_or(String::new(), |version| format!("@{}", escape(version)));
        out.set(
            "externalRefs",
            json!([reference(&format!(
                "pkg:nix/{}{version}?storehash={}",
                escape(&path.name),
                path.hash
            ))]),
        );
        for layer in layers {
            if let Some(at) = plan.layers.iter().position(|known| known.digest == *layer) {
                out.relate(&format!("SPDXRef-Layer-{at}"), "CONTAINS", &id);
            }
        }
    }
    for (at, package) in plan.packages.iter().enumerate() {
        let id = out.package(
            &format!("Package-{at}"),
            &package.name,
            package.package_version.as_deref(),
        );
        if let Some(licence) = &package.licence {
            out.set("licenseDeclared", licence.as_str().into());
        }
        if let Some(sha256) = &package.sha256 {
            out.set(
                "checksums",
                json!([{"algorithm": "SHA256", "checksumValue": sha256}]),
            );
        }
        if let Some(purl) = &package.purl {
            out.set("externalRefs", json!([reference(purl)]));
        }
        out.relate(&image, "CONTAINS", &id);
    }
    json!({
        "spdxVersion": "SPDX-2.3",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": plan.name,
        "dataLicense": "CC0-1.0",
        "documentNamespace": format!("https://spdx.org/spdxdocs/{}-{}", escape(&plan.name), uuid(plan, "spdx")),
        "creationInfo": {"created": plan.time, "creators": [format!("Tool: {TOOL}")]},
        "packages": out.packages,
        "relationships": out.relationships,
    })
}

struct Document {
    packages: Vec<Value>,
    relationships: Vec<Value>,
}

impl Document {
    /// Adds a package; its identifier.
    fn package(&mut self, id: &str, name: &str, version: Option<&str>) -> String {
        let id = format!("SPDXRef-{id}");
        let mut package = Map::new();
        package.insert("SPDXID".into(), id.as_str().into());
        package.insert("name".into(), name.into());
        package.insert("downloadLocation".into(), "NOASSERTION".into());
        package.insert("filesAnalyzed".into(), false.into());
        if let Some(version) = version {
            package.insert("versionInfo".into(), version.into());
        }
        self.packages.push(Value::Object(package));
        id
    }

    /// Says more of the package that was added last.
    fn set(&mut self, field: &str, value: Value) {
        if let Some(Value::Object(package)) = self.packages.last_mut() {
            package.insert(field.to_owned(), value);
        }
    }

    fn relate(&mut self, from: &str, how: &str, to: &str) {
        self.relationships.push(json!({
            "spdxElementId": from, "relationshipType": how, "relatedSpdxElement": to,
        }));
    }
}

fn checksum(digest: &oci::Digest) -> Value {
    let algorithm = digest.algorithm().name().to_ascii_uppercase();
    json!({"algorithm": algorithm, "checksumValue": digest.hex()})
}

fn reference(purl: &str) -> Value {
    json!({"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl})
}

//! `pull` and `push` against crane, skopeo and oras, with `docker-registry` on loopback.
//!
//! The registry is begun anew for each run and ends with it; its own work is in nobody's CPU time, but takes
//! its part of the machine. Its store is in memory, where the machine has such a folder: it waits for each blob
//! to be on the disk, and the disk would be what is measured. Layers do not compress, so that nobody has more to
//! do than to move them.

use super::corpora::Scale;
use super::measure::{Group, Line};
use serde_json::{Value, json};

/// Where the registry listens.
const HOST: &str = "127.0.0.1:5599";

/// What makes images, and what starts the registry with an empty or a full store.
const TOOLS: &str = r#"
cat > image.py <<'END'
IMAGE_PY
END
image() { [ -d "$1" ] || { python3 image.py "$1.made" "${@:2}" && mv "$1.made" "$1"; }; }
STORE=$PWD/registry
[ ! -w /dev/shm ] || STORE=/dev/shm/rules_container.bench
serve() {
  printf '%s\n' 'version: 0.1' 'log: {level: error, accesslog: {disabled: true}}' \
    "storage: {filesystem: {rootdirectory: $STORE}}" 'http: {addr: HOST}' > registry.yml
  D=; "$@"
  docker-registry serve registry.yml > /dev/null 2>&1 &
  export R=$!
  trap 'kill $R $D; wait $R 2> /dev/null || true; rm -rf "$STORE"' EXIT
  for i in {1..100}; do
    (exec 3<> /dev/tcp/127.0.0.1/$(sed -n 's/.*addr: 127.0.0.1:\([0-9]*\).*/\1/p' registry.yml)) 2> /dev/null && break; sleep 0.05
  done
}
rm -rf "$STORE"; echo '{}' > settings.json
"#;

/// The same at the other end of a long wire.
const FAR: &str = r#"
cat > delay.py <<'END'
DELAY_PY
END
far() {
  sed -i s/NEAR/AWAY/ registry.yml
  python3 delay.py NEAR AWAY > /dev/null 2>&1 &
  export D=$!
  for i in {1..100}; do (exec 3<> /dev/tcp/127.0.0.1/NEAR) 2> /dev/null && break; sleep 0.05; done
}
"#;

/// All groups of registries.
pub(super) fn all(scale: &Scale) -> Vec<Group> {
    let image = format!("image image-{0} 10 {0}\n", scale.layer);
    let layout = format!("image-{}", scale.layer);
    let changed = format!("{image}image changed-{0} 10 {0} 9 changed\n", scale.layer);
    let push = |layout: &str, repository: &str| {
        push_request(&[(layout.to_owned(), repository.to_owned())])
    };
    let fill = |layout: &str| {
        let request = push(layout, "bench/a");
        format!("echo '{request}' > first.json\n$T/push first.json\n")
    };
    let few = format!("few-{}", scale.small);
    let small = format!("image {few} 20 {}\n", scale.small);
    let many: Vec<(String, String)> = (0..20)
        .map(|n| {
            (
                format!("many-{n}-{}", scale.small),
                format!("bench/many-{n}"),
            )
        })
        .collect();
    let each: String = (0..20)
        .map(|n| format!("image many-{n}-{0} 10 {0} 9 {n}\n", scale.small))
        .collect();
    vec![
        group("pull", pulls(&image, &fill(&layout), &layout, "")),
        group("push", pushes(&image, "", &layout, "")),
        group("push again", pushes(&image, &fill(&layout), &layout, "")),
        group(
            "push, one layer changed",
            pushes(
                &changed,
                &fill(&layout),
                &format!("changed-{}", scale.layer),
                "",
            ),
        ),
        group("push, twenty images", twenty(&each, &many)),
        group("pull, 50 ms away", pulls(&small, &fill(&few), &few, FAR)),
        group("push, 50 ms away", pushes(&small, "", &few, FAR)),
    ]
}

fn group(name: &str, lines: Vec<Line>) -> Group {
    Group {
        name: name.into(),
        lines,
        rounds: None,
    }
}

/// What runs before: images, the registry, and what is in it.
fn before(images: &str, fill: &str, far: &str) -> String {
    let tools = TOOLS
        .replace("IMAGE_PY", include_str!("image.py").trim_end())
        .replace("HOST", HOST);
    let far = far
        .replace("DELAY_PY", include_str!("delay.py").trim_end())
        .replace("NEAR", "5599")
        .replace("AWAY", "5598");
    let serve = if far.is_empty() { "serve" } else { "serve far" };
    format!("{tools}{far}{images}{serve}\n{fill}sync\n")
}

fn line(name: &str, before: String, shell: &str) -> Line {
    Line {
        name: name.into(),
        request: None,
        before,
        shell: shell.to_owned(),
        times: 1,
    }
}

fn push_request(images: &[(String, String)]) -> Value {
    let image = |(layout, repository): &(String, String)| {
        json!({"layout": layout,
            "to": [{"repository": format!("{HOST}/{repository}"), "tags": ["1"]}]})
    };
    let images: Vec<Value> = images.iter().map(image).collect();
    json!({"kind": "push", "version": 1, "origin": "//bench:push", "images": images})
}

fn pulls(images: &str, fill: &str, layout: &str, far: &str) -> Vec<Line> {
    let before = before(images, fill, far);
    let locked = format!(
        "{before}rm -f bench.lock.json\n\
         $T/pull lock image={HOST}/bench/a:1 --lock bench.lock.json --settings settings.json\n"
    );
    let request = json!({"kind": "pull", "version": 1, "origin": "//bench:pull",
        "image": {"locked": {"lock": "bench.lock.json", "name": "image"}}});
    let mut lines = vec![
        Line {
            request: Some(request),
            ..line("pull", locked, "$T/pull request.json --out out/image")
        },
        line(
            "crane pull",
            before.clone(),
            &format!("crane pull --insecure {HOST}/bench/a:1 out/image.tar"),
        ),
        line(
            "crane pull --format oci",
            before.clone(),
            &format!("crane pull --insecure --format oci {HOST}/bench/a:1 out/image"),
        ),
        line(
            "skopeo copy",
            before.clone(),
            &format!(
                "skopeo --insecure-policy copy -q --src-tls-verify=false docker://{HOST}/bench/a:1 oci:out/image:1"
            ),
        ),
        line(
            "oras copy",
            before.clone(),
            &format!(
                "oras copy --from-plain-http {HOST}/bench/a:1 --to-oci-layout out/image:1 > /dev/null"
            ),
        ),
    ];
    if far.is_empty() {
        let shell = format!(
            "for b in {layout}/blobs/sha256/*; do openssl dgst -sha256 $b > /dev/null; cp --reflink=never $b out; done"
        );
        lines.push(line("hash and copy", before, &shell));
    }
    lines
}

fn pushes(images: &str, fill: &str, layout: &str, far: &str) -> Vec<Line> {
    let before = before(images, fill, far);
    let request = push_request(&[(layout.to_owned(), "bench/a".into())]);
    vec![
        Line {
            request: Some(request),
            ..line(
                "push",
                before.clone(),
                "$T/push request.json --receipt out/receipt.json",
            )
        },
        line(
            "crane push",
            before.clone(),
            &format!("crane push --insecure {layout} {HOST}/bench/a:1 > /dev/null 2>&1"),
        ),
        line(
            "skopeo copy",
            before.clone(),
            &format!(
                "skopeo --insecure-policy copy -q --dest-tls-verify=false oci:{layout}:1 docker://{HOST}/bench/a:1"
            ),
        ),
        line(
            "oras copy",
            before,
            &format!(
                "oras copy --from-oci-layout {layout}:1 --to-plain-http {HOST}/bench/a:1 > /dev/null"
            ),
        ),
    ]
}

fn twenty(images: &str, many: &[(String, String)]) -> Vec<Line> {
    let before = before(images, "", "");
    let each = |command: &dyn Fn(&str, &str) -> String| -> String {
        many.iter()
            .map(|(layout, repository)| command(layout, repository) + "\n")
            .collect()
    };
    vec![
        Line {
            request: Some(push_request(many)),
            ..line(
                "push",
                before.clone(),
                "$T/push request.json --receipt out/receipt.json",
            )
        },
        line(
            "crane push",
            before.clone(),
            &each(&|layout, repository| {
                format!("crane push --insecure {layout} {HOST}/{repository}:1 > /dev/null 2>&1")
            }),
        ),
        line(
            "skopeo copy",
            before,
            &each(&|layout, repository| {
                format!(
                    "skopeo --insecure-policy copy -q --dest-tls-verify=false oci:{layout}:1 docker://{HOST}/{repository}:1"
                )
            }),
        ),
    ]
}

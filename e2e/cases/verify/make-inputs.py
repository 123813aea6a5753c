#!/usr/bin/env python3
"""Makes the layouts and archives that the cases of `verify` read, sound and hostile, with Python alone.

They are committed; this is how they came about, and how to make one more:

    e2e/cases/verify/make-inputs.py                 # all
    e2e/cases/verify/make-inputs.py error_diff_id   # one

Nothing of ours makes them, so that nothing of ours can be wrong in the same way twice.
"""

import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import sys
import tarfile

CASES = pathlib.Path(__file__).resolve().parent
ONLY = sys.argv[1:]

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def entry(name, content=b"", kind=tarfile.REGTYPE, link="", mode=0o644):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size = kind, link, mode, len(content)
    return info, content


def tar(*entries):
    out = io.BytesIO()
    for info, content in entries:
        # By hand, as `tarfile` takes a slash away.
        name, info.name = info.name, "x"
        block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
        block[0:100] = name.encode().ljust(100, b"\0")
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        out.write(block + content + b"\0" * (-len(content) % 512))
    return out.getvalue() + b"\0" * 1024


def squeeze(data):
    return gzip.compress(data, 6, mtime=0)


FILES = tar(
    entry("etc/", kind=tarfile.DIRTYPE, mode=0o755),
    entry("etc/motd", b"hello\n"),
    entry("bin", kind=tarfile.SYMTYPE, link="usr/bin", mode=0o777),
)
UPPER = tar(entry("etc/.wh.motd"), entry("etc/issue", b"new\n"))


class Layout:
    """Blobs and what lists them."""

    def __init__(self):
        self.blobs = {}
        self.manifests = []
        self.files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}

    def put(self, media_type, data, **more):
        self.blobs[digest(data)] = data
        return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}

    def config(self, diff_ids, **more):
        document = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": ["/app"], "Env": ["PATH=/bin"], "User": "1000", "Labels": {"a": "b"}},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
        document.update(more)
        return self.put(CONFIG, compact(document))

    def manifest(self, layers=(FILES, UPPER), config=None, descriptors=None, **more):
        config = config or self.config([digest(layer) for layer in layers])
        if descriptors is None:
            descriptors = [self.put(LAYER + "+gzip", squeeze(layer)) for layer in layers]
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": descriptors, **more}
        return self.put(MANIFEST, compact(document))

    def list(self, descriptor, tag=None):
        if tag:
            descriptor = {**descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}}
        self.manifests.append(descriptor)
        return self

    def all(self):
        files = dict(self.files)
        files.setdefault("index.json", compact({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests}))
        for name, data in self.blobs.items():
            files["blobs/" + name.replace(":", "/")] = data
        return files

    def write(self, folder):
        for name, data in self.all().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def archive(self, more=()):
        return tar(*(entry(name, data) for name, data in sorted(self.all().items())), *more)


def image(**more):
    """A sound layout."""
    layout = Layout()
    return layout.list(layout.manifest(**more), "latest")


def case(name, checks, **inputs):
    """Writes a case: layouts, and files as bytes."""
    if ONLY and name not in ONLY:
        return
    folder = CASES / name
    shutil.rmtree(folder / "inputs", ignore_errors=True)
    for input_name, value in inputs.items():
        path = folder / "inputs" / input_name.replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(value, Layout):
            value.write(path)
        else:
            path.write_bytes(value)
    folder.mkdir(exist_ok=True)
    request = {"kind": "verify", "version": 1, "origin": f"//cases:{name}", "checks": checks}
    (folder / "request.json").write_text(json.dumps(request, indent=2) + "\n")


def layout_check(**more):
    return [{"image": {"source": {"layout": "inputs/image"}, **more}}]


ARCHIVE = [{"image": {"source": {"archive": "inputs/image.tar"}}}]

# --- sound

case("image_layout", layout_check(strict=True), image=image())
case("image_archive", ARCHIVE, image__tar=image().archive())

signature = Layout()
payload = compact({"critical": {"type": "cosign container image signature"}, "optional": None})
simple = signature.put("application/vnd.dev.cosign.simplesigning.v1+json", payload)
nobody = signature.config([digest(payload)], architecture="", os="", created="0001-01-01T00:00:00Z", config={})
signature.list(signature.manifest(config=nobody, descriptors=[simple, simple]))
case("image_signature", layout_check(strict=True), image=signature)
image_of_text = Layout()
text = image_of_text.put("text/plain", b"no layer\n")
image_of_text.list(image_of_text.manifest(config=image_of_text.config([digest(b"no layer\n")]), descriptors=[text]))
case("error_layer_of_no_type", layout_check(), image=image_of_text)

index = Layout()
index.list(
    index.put(
        INDEX,
        compact(
            {
                "schemaVersion": 2,
                "mediaType": INDEX,
                "manifests": [{**index.manifest(), "platform": {"architecture": "amd64", "os": "linux"}}],
            }
        ),
    )
)
case("image_index", layout_check(strict=True), image=index)

old = image()
config = [data for data in old.blobs.values() if b"rootfs" in data][0]
name = hashlib.sha256(config).hexdigest()
docker = [{"Config": f"{name}.json", "RepoTags": ["app:latest"], "Layers": ["a/layer.tar", "b/layer.tar"]}]
case(
    "image_docker_archive",
    ARCHIVE,
    image__tar=tar(
        entry(f"{name}.json", config),
        entry("a/layer.tar", FILES),
        entry("b/layer.tar", kind=tarfile.SYMTYPE, link="../c/layer.tar"),
        entry("c/layer.tar", UPPER),
        entry("manifest.json", compact(docker)),
    ),
)

sparse = image()
gone = digest(squeeze(FILES))
absent = {"digest": gone, "size": len(sparse.blobs.pop(gone)), "media_type": LAYER + "+gzip"}
sparse.files["sparse.json"] = compact({"kind": "sparse_layout", "version": 1, "absent": [absent]})
case("image_sparse", layout_check(strict=True), image=sparse)

whole = image()
sparse_too = [{"same": {"first": "inputs/image", "second": "inputs/other"}}]
case("same_layouts", sparse_too, image=whole, other=sparse)
case("same_files", [{"same": {"first": "inputs/a", "second": "inputs/b"}}], a=b"1", b=b"1")
one = digest(b"1").encode() + b"\n"
case(
    "digest",
    [
        {"digest": {"actual": "inputs/a.json", "expected": "inputs/b.digest"}},
        {"digest": {"actual": "inputs/b.digest", "expected_digest": digest(b"1")}},
    ],
    a__json=compact({"kind": "image_receipt", "digest": digest(b"1")}),
    b__digest=one,
)

EXPECT = {
    "platform": "linux/amd64",
    "layers": 2,
    "max_size": 10000,
    "annotations": {"k": "v"},
    "config": {
        "entrypoint": ["/app"],
        "cmd": [],
        "env": {"PATH": "/bin"},
        "no_env": ["SECRET"],
        "user": "1000",
        "working_dir": "",
        "stop_signal": "",
        "labels": {"a": "b"},
        "exposed_ports": [],
        "volumes": [],
    },
    "files": [
        {"path": "etc", "type": "directory", "mode": "0755", "uid": 0, "gid": 0},
        {"path": "etc/motd", "absent": True},
        {"path": "etc/issue", "size": 4, "sha256": hashlib.sha256(b"new\n").hexdigest()},
        {"path": "bin", "type": "symlink", "link": "usr/bin"},
    ],
}
annotated = image(annotations={"k": "v"})
case("structure", [{"structure": {"layout": "inputs/image", "expect": EXPECT}}], image=annotated)

listing = compact({"gid": 0, "mode": "0644", "mtime": 0, "path": "etc/.wh.motd", "type": "file", "uid": 0, "size": 0,
                   "sha256": hashlib.sha256(b"").hexdigest()})
listing += b"\n" + compact({"gid": 0, "mode": "0755", "mtime": 0, "path": "app", "type": "file", "uid": 0, "size": 9,
                            "sha256": "00", "elf": "x86_64"}) + b"\n"
thin = image()
upper = digest(squeeze(UPPER))
absent = {"digest": upper, "size": len(thin.blobs.pop(upper)), "media_type": LAYER + "+gzip"}
thin.files["sparse.json"] = compact({"kind": "sparse_layout", "version": 1, "absent": [absent]})
listed = {"layout": "inputs/image", "listings": ["inputs/upper.ndjson"], "platform": "linux/amd64", "tag": "latest",
          "expect": {"files": [{"path": "app", "elf": "x86_64", "mode": "755"}, {"path": "etc/motd", "absent": True}]}}
case("structure_by_listing", [{"structure": listed}], image=thin, upper__ndjson=listing)

# --- what is not as expected

case("error_no_checks", [])
case("error_expected_twice", [{"digest": {"actual": "a", "expected": "b", "expected_digest": digest(b"1")}}])
case("error_expected_nowhere", [{"digest": {"actual": "a"}}])
update = "bazel run //app:digest.update"
case(
    "error_digest",
    [{"digest": {"actual": "inputs/a.digest", "expected": "inputs/b.digest", "update": update}}],
    a__digest=digest(b"2").encode(),
    b__digest=one,
)
case(
    "error_digest_missing",
    [{"digest": {"actual": "inputs/a.digest", "expected_digest": digest(b"1")}}],
    a__digest=b"nothing\n",
)
case("error_same_files", [{"same": {"first": "inputs/a", "second": "inputs/b"}}], a=b"1", b=b"2")
other_user = image(config=None)
other_user = Layout()
other_user.list(other_user.manifest(config=other_user.config([digest(FILES), digest(UPPER)], config={"User": "0"})), "latest")
case("error_same_content_differs", sparse_too, image=image(), other=other_user)
harder = Layout()
harder.list(harder.manifest(descriptors=[
    harder.put(LAYER + "+gzip", gzip.compress(FILES, 1, mtime=0)), harder.put(LAYER, UPPER)]), "latest")
case("error_same_form_differs", sparse_too, image=image(), other=harder)
case(
    "error_digest_explained",
    [{"digest": {"actual": "inputs/a.digest", "expected": "inputs/b.digest", "update": update,
                 "explain": {"first": "inputs/image", "second": "inputs/other", "update": update}}}],
    a__digest=digest(b"2").encode(), b__digest=one, image=image(), other=other_user)
case("error_same_kinds", sparse_too, image=image(), other=b"a file")
wrong = {"platform": "linux/arm64", "layers": 3, "max_size": 1, "annotations": {"k": "w"},
         "config": {"entrypoint": [], "cmd": ["x"], "env": {"A": "b"}, "no_env": ["PATH"], "user": "0",
                    "working_dir": "/w", "stop_signal": "9", "labels": {"a": "c"}, "exposed_ports": ["80/tcp"],
                    "volumes": ["/v"]},
         "files": [{"path": "etc/issue", "absent": True}, {"path": "none"},
                   {"path": "etc", "type": "file", "mode": "0700", "uid": 1, "gid": 1},
                   {"path": "bin", "link": "x", "size": 1, "sha256": "00", "elf": "x86_64"}]}
case("error_structure", [{"structure": {"layout": "inputs/image", "expect": wrong}}], image=annotated)
case("error_structure_no_listing",
     [{"structure": {"layout": "inputs/image", "expect": {"files": [{"path": "a"}]}}}], image=sparse)
case("error_structure_many_listings",
     [{"structure": {"layout": "inputs/image", "listings": ["inputs/l"] * 3, "expect": {"files": [{"path": "a"}]}}}],
     image=image(), l=b"")
case("error_listing",
     [{"structure": {"layout": "inputs/image", "listings": ["inputs/l"], "expect": {"files": [{"path": "a"}]}}}],
     image=image(), l=b'{"path":"a"}\n')
case("error_several",
     [{"same": {"first": "inputs/a", "second": "inputs/b"}}, {"same": {"first": "inputs/a", "second": "inputs/a"}},
      {"digest": {"actual": "inputs/a", "expected_digest": digest(b"1"), "update": update}}],
     a=digest(b"3").encode(), b=b"2")
case("error_source_missing", layout_check())

# --- hostile layouts


def broken(name, change, **more):
    layout = image()
    change(layout)
    case("error_" + name, layout_check(**more), image=layout)


def blob(layout, data, to):
    layout.blobs[digest(data)] = to


broken("blob_changed", lambda l: blob(l, squeeze(FILES), squeeze(FILES)[:-1] + b"x"))
broken("blob_cut", lambda l: blob(l, squeeze(FILES), squeeze(FILES)[:-1]))
broken("blob_missing", lambda l: l.blobs.pop(digest(squeeze(FILES))))
broken("config_changed", lambda l: blob(l, config, config[:-1] + b" "))
broken("unreferenced", lambda l: l.put("x/y", b"nobody"), strict=True)
broken("no_layout_file", lambda l: l.files.pop("oci-layout"))
broken("index_key_twice", lambda l: l.files.update({"index.json": b'{"schemaVersion":2,"manifests":[],"manifests":[]}'}))
broken("index_cut", lambda l: l.files.update({"index.json": b'{"schemaVersion":2,"manifests":['}))
broken("tag", lambda l: l.list(l.manifests[0], "-x-") and l.list(l.manifests[0], "latest"), strict=True)


def layers(name, *tars, **more):
    case("error_" + name, layout_check(**more), image=image(layers=tars))


layers("path_twice", tar(entry("a", b"1"), entry("b"), entry("a", b"2"), entry("./b")))
layers("path_escapes", tar(entry("../a"), entry("/etc/passwd"), entry("a/../../b")))
layers("path_below_file", tar(entry("a"), entry("a/b")))
layers("path_through_link", tar(entry("a", kind=tarfile.SYMTYPE, link="/etc"), entry("a/passwd")), strict=True)
layers("hardlink", tar(entry("a", kind=tarfile.LNKTYPE, link="../../etc/shadow"), entry("b", kind=tarfile.LNKTYPE, link="c")))
layers("whiteouts", FILES, tar(entry(".wh."), entry(".wh.a", b"x"), entry(".wh.b/c"), entry(".wh..wh.plnk")))
layers("whiteout_of_nothing", UPPER, strict=True)
layers("entry_type", tar(entry("a", kind=b"S"), entry("b", kind=b"Z")))
layers("tar_cut", FILES[:700])
layers("no_tar", b"this is no tar at all" * 100)
layers("after_the_end", FILES + b"more", strict=True)
layers("bomb", tar(entry("a", b"\0" * 300000)), max_unpacked_size=100000)

one_layer = Layout()
case("error_diff_id", layout_check(), image=one_layer.list(
    one_layer.manifest(config=one_layer.config([digest(b"x"), digest(UPPER)])), "latest"))
few = Layout()
case("error_diff_ids", layout_check(), image=few.list(few.manifest(config=few.config([digest(FILES)]))))


def descriptors(name, *made, config=None, **more):
    layout = Layout()
    described = [layout.put(media_type, data) for media_type, data, _ in made]
    manifest = layout.manifest(
        config=config(layout) if config else layout.config([digest(plain) for _, _, plain in made]),
        descriptors=described, **more)
    case("error_" + name, layout_check(strict=True), image=layout.list(manifest, "latest"))


descriptors("gzip_is_tar", (LAYER + "+gzip", FILES, FILES))
descriptors("tar_is_gzip", (LAYER, squeeze(FILES), FILES))
descriptors("zstd_is_gzip", (LAYER + "+zstd", squeeze(FILES), FILES))
descriptors("gzip_cut", (LAYER + "+gzip", squeeze(FILES)[:-9], FILES))
descriptors("gzip_and_garbage", (LAYER + "+gzip", squeeze(FILES) + b"garbage", FILES))
descriptors("docker_layer_in_oci", ("application/vnd.docker.image.rootfs.diff.tar.gzip", squeeze(FILES), FILES))
descriptors("layer_is_text", ("text/plain", b"hello", b"hello"))
descriptors("two_meanings", (LAYER, FILES, FILES), manifests=[])
descriptors("key_case", (LAYER, FILES, FILES), Layers=[])
descriptors("config_types", (LAYER, FILES, FILES), config=lambda l: l.config(
    [digest(FILES)], created="yesterday", author=1, history=[{}, {"created": "now"}, {"empty_layer": True}],
    config={"Env": ["NOVALUE"], "ExposedPorts": {"http": {}}, "User": 7, "WorkingDir": "here", "Labels": []}))
descriptors("config_without_os", (LAYER, FILES, FILES), config=lambda l: l.put(
    CONFIG, compact({"architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [digest(FILES)]}})))
descriptors("config_key_twice", (LAYER, FILES, FILES), config=lambda l: l.put(CONFIG, b'{"os":"a","os":"b"}'))

deep = Layout()
below = deep.manifest()
for _ in range(12):
    below = deep.put(INDEX, compact({"schemaVersion": 2, "mediaType": INDEX, "manifests": [below]}))
case("error_nested_too_deep", layout_check(), image=deep.list(below))

platforms = Layout()
arm = {**platforms.manifest(), "platform": {"architecture": "aarch64", "os": "linux"}}
platforms.list(platforms.put(INDEX, compact({"schemaVersion": 2, "mediaType": INDEX, "manifests": [arm, arm]})))
case("error_platform", layout_check(strict=True), image=platforms)

data = Layout()
described = data.manifest()
data.list({**described, "data": "bm90IGl0"})
case("error_data", layout_check(), image=data)

large = Layout()
large.list({"mediaType": MANIFEST, "digest": digest(b"x"), "size": 5 << 20})
large.blobs[digest(b"x")] = b"x"
case("error_manifest_too_large", layout_check(), image=large)

schema1 = Layout()
schema1.list(schema1.put("application/vnd.docker.distribution.manifest.v1+json", b"{}"))
case("error_schema_1", layout_check(), image=schema1)

# A link cannot be in git's own form everywhere: `setup.json` makes it.
links = image()
links.blobs.pop(digest(squeeze(FILES)))
case("error_link_leads_out", layout_check(), image=links)
if not ONLY or "error_link_leads_out" in ONLY:
    at = "inputs/image/blobs/" + digest(squeeze(FILES)).replace(":", "/")
    steps = [{"symlink": {"path": at, "target": "/etc/passwd"}}]
    (CASES / "error_link_leads_out/setup.json").write_text(json.dumps(steps, indent=2) + "\n")

# --- hostile archives


def archive(name, data):
    case("error_archive_" + name, ARCHIVE, image__tar=data)


archive("empty", tar())
archive("cut", image().archive()[:1500])
archive("no_tar", b"no tar" * 200)
archive("path_twice", image().archive(more=[entry("index.json", b"{}")]))
archive("escapes", image().archive(more=[entry("../../etc/cron.d/x", b"x"), entry("/abs", b"x")]))
without = image()
without.blobs.pop(digest(squeeze(FILES)))
hole = "blobs/" + digest(squeeze(FILES)).replace(":", "/")
archive("link_leads_out", without.archive(more=[entry(hole, kind=tarfile.SYMTYPE, link="../../../etc/passwd")]))
archive("link_loops", without.archive(more=[entry(hole, kind=tarfile.SYMTYPE, link="../../" + hole)]))
archive("lacks_a_blob", without.archive())
archive("docker_key_twice", tar(entry("manifest.json", b'[{"Config":"a","Config":"b"}]')))
archive("docker_lacks_a_layer", tar(entry(f"{name}.json", config), entry("manifest.json", compact(docker))))
archive("docker_config_name", tar(entry("x.json", config), entry("l", FILES), entry("manifest.json", compact(
    [{"Config": "x.json", "Layers": ["l", "l"], "RepoTags": ["UPPER/case"]}]))))
archive("docker_beside_oci", image().archive(more=[entry("manifest.json", compact(docker))]))

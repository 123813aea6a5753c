"""An OCI layout of an image whose layers do not compress: image.py LAYOUT LAYERS BYTES [SHARED [SEED]].

The first SHARED layers are those of every other image of the same size; the others are its own, by SEED.
"""
import hashlib
import io
import json
import os
import random
import sys
import tarfile

root, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
shared = int(sys.argv[4]) if len(sys.argv) > 4 else count
seed = sys.argv[5] if len(sys.argv) > 5 else ""
os.makedirs(root + "/blobs/sha256")


def put(content, media_type):
    digest = hashlib.sha256(content).hexdigest()
    with open(f"{root}/blobs/sha256/{digest}", "wb") as file:
        file.write(content)
    return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(content)}


layers, diff_ids = [], []
for number in range(count):
    noise = random.Random(f"{number} {size} {'' if number < shared else seed}").randbytes(size)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        entry = tarfile.TarInfo(f"layer-{number}")
        entry.size = size
        archive.addfile(entry, io.BytesIO(noise))
    layers.append(put(tar.getvalue(), "application/vnd.oci.image.layer.v1.tar"))
    diff_ids.append(layers[-1]["digest"])
config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
config = put(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json")
manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": layers}
manifest = put(json.dumps(manifest).encode(), manifest["mediaType"])
manifest["annotations"] = {"org.opencontainers.image.ref.name": "1"}
for name, content in [("index.json", {"schemaVersion": 2, "manifests": [manifest]}), ("oci-layout", {"imageLayoutVersion": "1.0.0"})]:
    with open(f"{root}/{name}", "w") as file:
        json.dump(content, file)

"""Prints a tar as Python's tarfile reads it, in the form of a `layer` listing."""

import base64
import hashlib
import json
import sys
import tarfile

TYPES = {
    tarfile.REGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
    tarfile.CHRTYPE: "character_device",
    tarfile.BLKTYPE: "block_device",
    tarfile.FIFOTYPE: "fifo",
}
XATTR = "SCHILY.xattr."


def raw(text):
    data = text.encode("utf-8", "surrogateescape")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def line(tar, member):
    kind = TYPES[member.type]
    # The float in `mtime` has lost nanoseconds; the record has not.
    seconds, _, fraction = member.pax_headers.get("mtime", str(int(member.mtime))).partition(".")
    nanoseconds = int(fraction.ljust(9, "0")) if fraction else 0
    seconds = int(seconds)
    # The listing counts nanoseconds forward, a record counts away from zero.
    if nanoseconds and member.pax_headers["mtime"].startswith("-"):
        seconds, nanoseconds = seconds - 1, 1_000_000_000 - nanoseconds
    out = {
        "path": raw(member.name),
        "type": kind,
        "mode": "%04o" % member.mode,
        "uid": member.uid,
        "gid": member.gid,
        "mtime": seconds,
    }
    if nanoseconds:
        out["mtime_nanoseconds"] = nanoseconds
    for name in ("uname", "gname"):
        if getattr(member, name):
            out[name] = getattr(member, name)
    if kind in ("symlink", "hardlink"):
        out["link"] = raw(member.linkname)
    if kind.endswith("device"):
        out["device"] = "%d:%d" % (member.devmajor, member.devminor)
    if kind == "file":
        out["size"] = member.size
        digest = hashlib.sha256()
        content = tar.extractfile(member)
        while piece := content.read(1 << 20):
            digest.update(piece)
        out["sha256"] = digest.hexdigest()
    xattrs = {
        name[len(XATTR):]: base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()
        for name, value in member.pax_headers.items()
        if name.startswith(XATTR)
    }
    if xattrs:
        out["xattrs"] = xattrs
    return out


with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as tar:
    if tar.pax_headers:
        sys.exit("global pax headers: %r" % tar.pax_headers)
    for member in tar:
        print(json.dumps(line(tar, member), sort_keys=True))

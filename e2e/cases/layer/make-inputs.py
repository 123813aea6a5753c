#!/usr/bin/env python3
"""Makes the archives that the cases of `layer` read, with other people's programs.

They are committed; this is how they came about, and how to make one more. It needs Python 3.9 or
later, GNU tar, gzip, zstd, xz, bzip2, and runs anywhere:

    e2e/cases/layer/make-inputs.py            # all
    e2e/cases/layer/make-inputs.py tar_gnu    # those of one case

Files that are in the checkout already are replaced. GNU tar's own bytes may differ between its
releases; what the cases say of them may not.
"""

import gzip
import io
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

CASES = pathlib.Path(__file__).resolve().parent
ONLY = sys.argv[1:]


def put(case, name, data):
    """Writes one input of a case."""
    if ONLY and case not in ONLY:
        return
    path = CASES / case / "inputs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


# --- by Python's tarfile: entries that are easy to say


def info(name, kind=tarfile.REGTYPE, **fields):
    entry = tarfile.TarInfo(name)
    entry.type = kind
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry


def tar(entries, format=tarfile.USTAR_FORMAT, pad=True):
    """A tar of (TarInfo or name, content) pairs or TarInfos."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format, encoding="utf-8") as archive:
        for entry in entries:
            entry, content = entry if isinstance(entry, tuple) else (entry, b"")
            if isinstance(entry, str):
                entry = info(entry)
            entry.size = entry.size or len(content)
            archive.addfile(entry, io.BytesIO(content))
    data = out.getvalue()
    if not pad:
        # Two blocks of zeros, and not a record of twenty blocks.
        data = data.rstrip(b"\0")
        data = data + bytes(-len(data) % 512 + 1024)
    return data


DIR, SYM, LNK = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE

USTAR = tar(
    [
        info("bin/", DIR, mode=0o755),
        (info("bin/tool", mode=0o755, uid=1000, gid=100, uname="someone", mtime=1700000000), b"#!/bin/sh\n"),
        (info("etc/conf", mode=0o600), b"conf\n"),
        info("bin/alias", SYM, linkname="tool"),
        (info("empty", mode=0o644), b""),
    ]
)
put("tar", "ustar.tar", USTAR)
put("tar_below_a_path", "ustar.tar", USTAR)
put("error_pattern_unused_in_tar", "ustar.tar", USTAR)
put("error_pattern_malformed_override", "ustar.tar", USTAR)


def gz(data):
    return gzip.compress(data, mtime=0)


def run(*command, data=b""):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


put("tar_gzip", "ustar.tar.gz", gz(USTAR))
put("tar_limit_reached", "ustar.tar.gz", gz(USTAR))
put("error_bomb_size", "ustar.tar.gz", gz(USTAR))
put("tar_gzip_members", "members.tar.gz", gz(USTAR[:700]) + gz(USTAR[700:3000]) + gz(b"") + gz(USTAR[3000:]))
put("tar_zstd", "ustar.tar.zst", run("zstd", "-q", "-3", data=USTAR))
# A skippable frame (RFC 8878 section 3.1.2) comes first.
skippable = b"\x50\x2a\x4d\x18\x04\0\0\0skip"
frames = [run("zstd", "-q", "-3", data=part) for part in (USTAR[:1000], USTAR[1000:])]
put("tar_zstd_frames", "frames.tar.zst", skippable + b"".join(frames))

put(
    "mode_by_bit",
    "bits.tar",
    tar([(info("on", mode=0o755), b"on\n"), (info("off", mode=0o644), b"off\n")], pad=False),
)
put(
    "merge_tree_and_tar",
    "same.tar",
    tar(
        [
            info("bin/", DIR, mode=0o755),
            (info("bin/tool", mode=0o755), b"#!/bin/sh\n"),
            (info("etc/conf", mode=0o644), b"conf\n"),
        ],
        pad=False,
    ),
)
TWICE = tar([("f", b"first\n"), ("g", b"g\n"), ("f", b"second\n")], pad=False)
put("last_wins_in_tar", "twice.tar", TWICE)
put("error_conflict_in_tar", "twice.tar", TWICE)
LINKS = tar(
    [
        (info("dir/file", mode=0o644, uid=5), b"linked\n"),
        info("a_link", LNK, linkname="dir/file"),
        info("dir/z_link", LNK, linkname="./dir/file"),
        info("symlink", SYM, linkname="dir/file"),
        info("zz_link_of_symlink", LNK, linkname="/symlink"),
    ],
    pad=False,
)
put("tar_hardlinks", "links.tar", LINKS)
put(
    "hardlinks_by_content_in_tar",
    "links.tar",
    tar(
        [
            ("dir/file", b"linked\n"),
            info("z_link", LNK, linkname="dir/file"),
            ("other", b"linked\n"),
            info("zz_link_of_other", LNK, linkname="other"),
        ],
        pad=False,
    ),
)
put("error_hardlink_target_left_out", "links.tar", LINKS)
put(
    "tar_whiteouts",
    "whiteouts.tar",
    tar(
        [
            info("dir/", DIR, mode=0o755),
            (info("dir/new"), b"new\n"),
            info("dir/.wh.old", mode=0, uid=7, mtime=9),
            info("opaque/.wh..wh..opq", mode=0o600),
            info(".wh.gone", mode=0),
        ],
        pad=False,
    ),
)
put(
    "tar_names_cleaned",
    "names.tar",
    tar(
        [
            info("./", DIR, mode=0o700, uid=9),
            ("./dot", b"1\n"),
            ("/absolute/file", b"2\n"),
            ("double//slash", b"3\n"),
            ("a/./b", b"4\n"),
            info("./trailing/", DIR, mode=0o755),
            info("./link", LNK, linkname="/absolute/file"),
        ],
        pad=False,
    ),
)
RELEASE = tar(
    [
        info("app-1.0/", DIR, mode=0o755),
        ("app-1.0/README.md", b"readme\n"),
        info("app-1.0/bin/", DIR, mode=0o755),
        (info("app-1.0/bin/app", mode=0o755), b"#!/bin/sh\n"),
        info("app-1.0/bin/link", LNK, linkname="app-1.0/bin/app"),
        (info("app-1.0/bin/old/app", mode=0o755), b"old\n"),
        info("app-1.0/doc/", DIR, mode=0o755),
        ("app-1.0/doc/guide/index.md", b"guide\n"),
        ("app-1.0/doc/picture", b"picture\n"),
        ("LICENSE", b"outside\n"),
    ],
    pad=False,
)
put("tar_strip_components", "release.tar", RELEASE)
put("tar_select", "release.tar", RELEASE)
put(
    "tar_special",
    "special.tar",
    tar(
        [
            info("dev/null", tarfile.CHRTYPE, mode=0o666, devmajor=1, devminor=3),
            info("dev/sda", tarfile.BLKTYPE, mode=0o660, devmajor=8, devminor=0),
            info("run/fifo", tarfile.FIFOTYPE, mode=0o600),
            (info("contiguous", tarfile.CONTTYPE), b"in one piece\n"),
        ],
        pad=False,
    ),
)
put("tar_one_block_of_zeros", "short.tar", tar([("f", b"f\n")], pad=False)[:-512])
put("tar_empty", "empty.tar", tar([]))
put(
    "tar_same_entry_twice",
    "again.tar",
    tar([info("d/", DIR, mode=0o755, mtime=1), ("d/f", b"f\n"), info("d/", DIR, mode=0o755, mtime=2), ("d/f", b"f\n")], pad=False),
)

# --- by hand: what no writer of today makes, or should


def number(value, width):
    return b"%0*o\0" % (width - 1, value)


def block(name, size=0, flag=b"0", link=b"", magic=b"ustar\x0000", uid=number(0, 8), mtime=number(0, 12), device=(0, 0), mode=0o644, checksum=None):
    head = name.ljust(100, b"\0") + number(mode, 8) + uid + number(0, 8)
    head += (size if isinstance(size, bytes) else number(size, 12)) + mtime + b" " * 8
    head += flag + link.ljust(100, b"\0") + magic + bytes(64)
    head += b"".join(part if isinstance(part, bytes) else number(part, 8) for part in device)
    head = head.ljust(512, b"\0")
    total = sum(head) if checksum is None else checksum
    return head[:148] + b"%06o\0 " % total + head[156:]


def filled(data):
    return data + bytes(-len(data) % 512)


def pax(*records, flag=b"x"):
    data = b""
    for key, value in records:
        rest = len(key) + len(value) + 3
        length = rest + 1
        while length != rest + len(b"%d" % length):
            length = rest + len(b"%d" % length)
        data += b"%d %s=%s\n" % (length, key, value)
    return block(b"PaxHeaders/x", len(data), flag) + filled(data)


END = bytes(1024)
FILE = block(b"f", 2) + filled(b"f\n")

put("tar_hardlinks_with_size", "sized.tar", FILE + block(b"link", 2, b"1", b"f") + block(b"z", 2) + filled(b"z\n") + END)
put(
    "tar_xattrs_with_newlines",
    "newlines.tar",
    pax((b"SCHILY.xattr.user.a", b"one\n\ntwo\n"), (b"SCHILY.xattr.user.empty", b""), (b"path", b"n" * 150)) + FILE + END,
)
put(
    "tar_global_records",
    "global.tar",
    block(b"before", 0)
    + pax((b"mtime", b"1.5"), (b"uid", b"1000"), (b"uname", b"someone"), (b"comment", b"for all that follows"), flag=b"g")
    + block(b"first", 0)
    + pax((b"uid", b"7"), (b"uname", b""))
    + block(b"own", 0)
    + block(b"last", 0)
    + END,
)
put("tar_select_leaves_out_what_is_refused", "odd.tar", FILE + block(b"odd/volume", 0, b"M") + block(b"odd/device", 0, b"3", device=(b"x" * 8, 0)) + block(b"odd/none", 0, b"2") + END)
put("error_tar_cut_in_header", "bad.tar", (FILE + block(b"g", 0))[:-100])
put("error_tar_cut_in_content", "bad.tar", block(b"f", 5000) + bytes(1000))
put("error_tar_without_end", "bad.tar", FILE)
put("error_tar_corrupt_header", "bad.tar", FILE + block(b"g", 0).replace(b"g", b"h", 1) + END)
put("error_tar_size_not_a_number", "bad.tar", block(b"f", b"not a number") + END)
put("error_tar_pax_record", "bad.tar", block(b"x", 11, b"x") + filled(b"99 path=f\n\n") + FILE + END)
put("error_tar_pax_sparse", "bad.tar", pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.name", b"f")) + block(b"GNUSparseFile.0/f", 0) + END)
put("error_tar_dotdot", "bad.tar", block(b"a/../../etc/passwd", 0) + END)
put("error_tar_hardlink_dotdot", "bad.tar", FILE + block(b"l", 0, b"1", b"../f") + END)
put("error_tar_hardlink_to_root", "bad.tar", block(b"l", 0, b"1", b"./") + END)
put("error_tar_symlink_nowhere", "bad.tar", block(b"l", 0, b"2") + END)
put("error_tar_whiteout_with_content", "bad.tar", block(b".wh.f", 2) + filled(b"x\n") + END)
put("error_tar_whiteout_of_nothing", "bad.tar", block(b"d/.wh.", 0) + END)
put("error_tar_type", "bad.tar", block(b"volume", 0, b"V") + END)
put("error_tar_uid", "bad.tar", block(b"f", 0, uid=b"\x80\0\0\1\0\0\0\0") + END)
put("error_tar_names", "bad.tar", pax((b"uname", b"caf\xe9")) + FILE + END)
put("error_tar_time", "bad.tar", pax((b"mtime", b"yesterday")) + FILE + END)
put("error_tar_xattr", "bad.tar", pax((b"SCHILY.xattr.nonamespace", b"x")) + FILE + END)
put(
    "tar_fields_that_are_not_kept",
    "fields.tar",
    pax((b"uname", b"caf\xe9"), (b"mtime", b"yesterday"), (b"SCHILY.xattr.nonamespace", b"x"), (b"uid", b"-1")) + FILE + END,
)
put("error_tar_device", "bad.tar", block(b"d", 0, b"4", device=(b"x" * 8, 0)) + END)
put("error_tar_long_name_of_nothing", "bad.tar", block(b"././@LongLink", 4, b"L") + filled(b"abc\0") + END)
put("error_tar_nul_in_path", "bad.tar", pax((b"path", b"a\0b")) + FILE + END)

put("error_gzip_cut", "bad.tar.gz", gz(USTAR)[:100])
broken = bytearray(gz(USTAR))
broken[-6] ^= 1  # the CRC
put("error_gzip_corrupt", "bad.tar.gz", bytes(broken))
put("error_gzip_garbage_after", "bad.tar.gz", gz(USTAR) + b"garbage")
packed = run("zstd", "-q", "-3", "--check", data=USTAR)
put("error_zstd_cut", "bad.tar.zst", packed[:100])
put("error_zstd_corrupt", "bad.tar.zst", packed[:-2] + bytes([packed[-2] ^ 1]) + packed[-1:])
put("error_bomb_ratio", "zeros.tar.zst", run("zstd", "-q", "-19", data=bytes(65 << 20)))
put("error_tar_xz", "bad.tar", run("xz", "-0", data=USTAR))
put("error_tar_bzip2", "bad.tar", run("bzip2", "-1", data=USTAR))
put("error_tar_lz4", "bad.tar", bytes.fromhex("04224d186440a7") + bytes(100))

# --- by GNU tar: what it makes of real files


def gnu(*options, format, make):
    with tempfile.TemporaryDirectory() as folder:
        make(pathlib.Path(folder))
        return run(
            "tar", "-C", folder, "--sort=name", f"--format={format}", "--owner=someone:1000", "--group=users:100",
            "--blocking-factor=2", *options, "-cf", "-", *sorted(os.listdir(folder)),
        )


def long_names(top):
    def at(path, content, time):
        file = top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        file.chmod(0o644)
        os.utime(file, ns=(time, time))

    at("short", "short\n", 1_700_000_000 * 10**9)
    at("d" * 90 + "/" + "n" * 90, "180\n", 1_700_000_000 * 10**9 + 123_456_789)
    at("n" * 200, "200\n", -1 * 10**9)
    at("ö" * 70, "140 bytes\n", 10 * 10**9)
    (top / "link").symlink_to("/".join(["t" * 99] * 2))
    os.link(top / ("n" * 200), top / "z")
    for folder in [top, top / ("d" * 90)]:
        folder.chmod(0o755)
        os.utime(folder, (5, 5))
    os.utime(top / "link", (7, 7), follow_symlinks=False)


put("tar_gnu", "gnu.tar", gnu(format="gnu", make=long_names))
put("tar_pax", "pax.tar", gnu("--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime", format="pax", make=long_names))


def plain(top):
    (top / "dir").mkdir(mode=0o755)
    (top / "dir/file").write_text("v7\n")
    (top / "dir/file").chmod(0o640)
    (top / "link").symlink_to("dir/file")
    for path in ["dir/file", "dir"]:
        os.utime(top / path, (1, 1))
    os.utime(top / "link", (1, 1), follow_symlinks=False)


put("tar_v7", "v7.tar", gnu(format="v7", make=plain))


def sparse(top):
    with open(top / "holes", "wb") as file:
        file.seek(1 << 20)
        file.write(b"end")
    os.utime(top / "holes", (1, 1))


put("error_tar_gnu_sparse", "bad.tar", gnu("--sparse", format="gnu", make=sparse))

RICH = (
    pax((b"mtime", b"1700000000.25"), (b"SCHILY.xattr.user.a", b"b"), (b"SCHILY.xattr.security.capability", bytes.fromhex("0100000200200000") + bytes(12)), (b"uid", b"3000000"), (b"gname", b"gruppe \xe2\x82\xac"))
    + block(b"dir/run.sh", 10, mode=0o4755)
    + filled(b"#!/bin/sh\n")
    + block(b"dir/", 0, b"5", mode=0o2750, uid=number(12, 8))
    + block(b"link", 0, b"2", b"dir/run.sh", mode=0o777, uid=number(12, 8))
    + block(b"old", 0, mtime=b"\xff" * 11 + b"\xfe", magic=b"ustar  \0", mode=0o444)
    + block(b"large", 0, uid=b"\x80\0\0\0\xee\x6b\x28\x00", magic=b"ustar  \0", mode=0o444)
    + END
)
put("tar_keep_all", "rich.tar", RICH)
put("tar_keep_nothing", "rich.tar", RICH)
put("tar_keep_by_default", "rich.tar", RICH)
put("tar_overrides", "rich.tar", RICH)


def git():
    with tempfile.TemporaryDirectory() as folder:
        env = {"PATH": os.environ["PATH"], "HOME": folder, "GIT_CONFIG_NOSYSTEM": "1"}
        for who in ("AUTHOR", "COMMITTER"):
            env |= {f"GIT_{who}_NAME": "someone", f"GIT_{who}_EMAIL": "someone@example.com", f"GIT_{who}_DATE": "1700000000 +0000"}
        pathlib.Path(folder, "f").write_text("from git\n")
        for words in (["init", "-q"], ["add", "f"], ["commit", "-q", "-m", "one"]):
            subprocess.run(["git", *words], cwd=folder, env=env, check=True)
        return subprocess.run(["git", "archive", "HEAD"], cwd=folder, env=env, stdout=subprocess.PIPE, check=True).stdout


put("tar_global_header", "git.tar", git())

"""The prebuilt programs of 1.2.3."""

PREBUILT = {
    "linux_amd64": struct(
        urls = ["https://example.com/releases/1.2.3/rules_container-1.2.3-linux_amd64.tar.gz"],
        sha256 = "0000000000000000000000000000000000000000000000000000000000000000",
    ),
}

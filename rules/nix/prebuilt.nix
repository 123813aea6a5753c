# The programs that are published, by system: none yet. `cargo xtask dist` writes this table, as
#
#   { x86_64-linux = { url = "https://…/rules_container-1.0.0-linux_amd64.tar.gz"; sha256 = "…"; }; }
{ }

# The oldest Nix that is good enough, and whether a version is: references can be discarded without an
# experimental feature since 2.18, and nothing else here is as new (docs/nix.md has the list).
rec {
  oldest = "2.18";
  isOld = version: builtins.compareVersions version oldest < 0;
}

# What Nix calls a system, as images call a platform. Images are for Linux, wherever they are built.
system:
let
  architectures = {
    x86_64 = "amd64";
    aarch64 = "arm64";
    i686 = "386";
    armv7l = "arm/v7";
    armv6l = "arm/v6";
    riscv64 = "riscv64";
    powerpc64le = "ppc64le";
    s390x = "s390x";
    loongarch64 = "loong64";
  };
  cpu = builtins.head (builtins.split "-" system);
in
if architectures ? ${cpu} then
  "linux/${architectures.${cpu}}"
else
  throw ''
    rules_container: system: no image runs on `${system}`
      fix: give `platform`, as "linux/arm64"''

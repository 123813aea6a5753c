# Shaped as nixpkgs is, around the packages of this world: a function of `system`, `config`, `overlays` and
# `crossSystem` whose result is a fixed point, with `callPackage`, `stdenv`, `buildPackages`, `pkgsCross`,
# `path` and `rustPlatform.buildRustPackage`. What nixpkgs would refuse is refused here too.
#
# `buildRustPackage` compiles nothing, for there is no compiler in a sandbox without nixpkgs: it looks at
# what it is given as a build would, and takes the programs that were asked for from `tools`.
{
  system ? builtins.currentSystem,
  crossSystem ? null,
  config ? { },
  overlays ? [ ],
  files ? builtins.path { path = ./files; name = "files"; },
  tools ? builtins.path { path = ./tool; name = "tools"; },
}@settings:
let
  world = import ./world.nix { inherit files; };
  platform = system: {
    inherit system;
    isLinux = builtins.match ".*-linux" system != null;
  };
  fix = f: let x = f x; in x;
  extend = f: overlay: self: let super = f self; in super // overlay self super;

  # What a lock file needs so that nixpkgs can fetch by it.
  locked = file:
    let
      packages = (builtins.fromTOML (builtins.readFile file)).package;
      bad = builtins.filter (package: package ? source && !(package ? checksum)) packages;
    in
    if bad == [ ] then true else throw "No hash was found while vendoring ${(builtins.head bad).name}";

  set = final: world // {
    inherit config overlays;
    path = ./nixpkgs.nix;
    lib = { inherit fix; };
    stdenv = {
      buildPlatform = platform system;
      hostPlatform = platform (if crossSystem == null then system else crossSystem.system);
      mkDerivation = throw "stdenv.mkDerivation: only buildRustPackage is played here";
    };
    buildPackages = if crossSystem == null then final else import ./nixpkgs.nix (settings // { crossSystem = null; });
    pkgsCross.aarch64-multiplatform =
      import ./nixpkgs.nix (settings // { crossSystem.system = "aarch64-linux"; });
    # Arguments by their names, from the set.
    callPackage = package: more:
      let
        function = if builtins.isFunction package then package else import package;
        wanted = builtins.functionArgs function;
      in
      function (builtins.intersectAttrs wanted final // more);
    rustPlatform.buildRustPackage = argument:
      let
        a = if builtins.isFunction argument then fix argument else argument;
        strings = [ "pname" "version" ];
        all = builtins.all (name: builtins.isString a.${name}) strings;
        flags = a.cargoBuildFlags or [ ];
      in
      if a.cargoLock.lockFile or null == null && !(a ? cargoHash) then
        throw "cargoHash, cargoVendorDir, or cargoLock must be set"
      else
        assert all && builtins.isList flags && builtins.all builtins.isString flags && locked a.cargoLock.lockFile;
        derivation {
          name = "${a.pname}-${a.version}";
          inherit (a) src;
          inherit system flags;
          builder = "${files}/busybox/bin/sh";
          args = [ "-euc" ''
            export PATH=${files}/busybox/bin
            cd $src
            cat Cargo.toml Cargo.lock tools/*/Cargo.toml e2e/Cargo.toml > /dev/null
            mkdir -p $out/bin
            for word in $flags; do
              [ "$word" != -p ] || continue
              cat tools/$word/Cargo.toml tools/$word/src/main.rs > /dev/null
              cp ${tools}/bin/$word $out/bin/$word
            done
          '' ];
        } // { inherit (a) pname version meta; };
  };
in
fix (builtins.foldl' extend set overlays)

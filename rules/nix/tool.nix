# The programs, built from source by somebody's nixpkgs.
{ rustPlatform }:
let
  root = ../..;
  # Only what a build reads: a change of the docs builds nothing again.
  wanted = path: type:
    let
      relative = builtins.substring (builtins.stringLength (toString root) + 1) (-1) (toString path);
      top = builtins.head (builtins.filter builtins.isString (builtins.split "/" relative));
    in
    builtins.elem top [ "Cargo.toml" "Cargo.lock" ".cargo" "tools" "e2e" ]
    && !(builtins.elem relative [ "e2e/cases" "e2e/bazel" "e2e/nix" ]);
in
rustPlatform.buildRustPackage {
  pname = "rules-container";
  version = (builtins.fromTOML (builtins.readFile ../../Cargo.toml)).workspace.package.version;
  src = builtins.path { path = root; name = "rules-container-source"; filter = wanted; };
  cargoLock.lockFile = ../../Cargo.lock;
  cargoBuildFlags = builtins.concatMap (name: [ "-p" name ])
    [ "pull" "layer" "assemble" "push" "verify" "attest" ];
  # The tests need other people's programs and registries: `cargo xtask test` runs them.
  doCheck = false;
  meta = {
    description = "Small, deterministic programs that make OCI images";
    mainProgram = "layer";
  };
}

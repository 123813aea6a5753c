# All functions for a package set, with the programs built from source by it. Builders run on the
# package set's build platform, images are for its host platform.
pkgs:
let
  build = pkgs.buildPackages or pkgs;
in
import ./mkLib.nix {
  system = (pkgs.stdenv.buildPlatform or pkgs.stdenv.hostPlatform).system;
  platform = import ./internal/platform.nix pkgs.stdenv.hostPlatform.system;
  tool = build.rules-container or (import ./tool.nix { inherit (build) rustPlatform; });
}
// {
  # What `imageFromName` finds packages in.
  imageFromName = import ./imageFromName.nix {
    inherit pkgs;
    lib = import ./withPkgs.nix;
  };
}

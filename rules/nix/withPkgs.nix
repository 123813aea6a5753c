# All functions for a package set, with the programs built from source by it. Builders run on the
# package set's build platform, images are for its host platform.
pkgs:
let
  build = pkgs.buildPackages or pkgs;
  # Images for a system, whatever it is, by programs of the build platform.
  imagesFor = system: import ./mkLib.nix {
    system = (pkgs.stdenv.buildPlatform or pkgs.stdenv.hostPlatform).system;
    platform = import ./internal/platform.nix system;
    tool = build.rules-container or (import ./tool.nix { inherit (build) rustPlatform; });
  };
in
imagesFor pkgs.stdenv.hostPlatform.system // {
  # What `imageFromName` finds packages in.
  imageFromName = import ./imageFromName.nix {
    inherit pkgs;
    lib = set: imagesFor set.stdenv.hostPlatform.system;
  };
}

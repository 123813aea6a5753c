# For those without flakes:
#
#   let container = import ./rules_container/rules/nix { inherit pkgs; };
#   in container.buildImage { name = "app"; contents = [ pkgs.hello ]; }
#
# or, without nixpkgs, with programs that are at hand:
#
#   import ./rules_container/rules/nix { system = "x86_64-linux"; tool = ./tools; }
{
  # A package set: the programs are built from source with its rustPlatform.
  pkgs ? null,
  # Where builders run, if there is no package set.
  system ? builtins.currentSystem,
  # A folder or package whose `bin` holds `pull`, `layer`, `assemble` and `push`, or { url; sha256; } of
  # an archive of them. Without, what is published.
  tool ? null,
}:
if pkgs != null then import ./withPkgs.nix pkgs else import ./mkLib.nix { inherit system tool; }

{
  description = "Small, deterministic programs that make OCI images, and Nix functions that run them";

  # No inputs: whoever uses this flake inherits nothing.
  outputs = { self }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ];
      forSystems = f: builtins.listToAttrs (map (system: { name = system; value = f system; }) systems);
      prebuilt = builtins.mapAttrs (_: import ./rules/nix/internal/fetched.nix) (import ./rules/nix/prebuilt.nix);
    in
    {
      lib = {
        # For a package set: the programs are built by it.
        withPkgs = import ./rules/nix/withPkgs.nix;
        # For programs that are at hand: { system; tool; }.
        mkLib = import ./rules/nix/mkLib.nix;
      };

      overlays.default = final: _prev: {
        rules-container = import ./rules/nix/tool.nix { inherit (final) rustPlatform; };
        containerLib = self.lib.withPkgs final;
      };

      # The programs that are published, for systems that they are published for.
      packages = builtins.mapAttrs (_: tool: { default = tool; }) prebuilt;
      apps = builtins.mapAttrs
        (_: tool: builtins.listToAttrs (map
          (name: { inherit name; value = { type = "app"; program = "${tool}/bin/${name}"; }; })
          [ "pull" "layer" "assemble" "push" "verify" "attest" ]))
        prebuilt;

      checks = forSystems (system: import ./rules/nix/checks.nix { inherit system; });

      templates.default = {
        path = ./examples/nix/template;
        description = "An image of a package of your own, and a program that pushes it";
      };
    };
}

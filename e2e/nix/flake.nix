{
  # A user's flake: the rules, and a package set (a real user has nixpkgs). `cargo xtask test` puts the
  # rules, the programs and the packages beside it.
  inputs.rules_container.url = "path:./rules_container";
  inputs.tool = { url = "path:./tool"; flake = false; };
  inputs.files = { url = "path:./files"; flake = false; };

  outputs = inputs@{ self, rules_container, ... }:
    let
      system = "x86_64-linux";
      # By their content, and not by what else lies in this folder.
      tool = builtins.path { path = "${inputs.tool}"; name = "tools"; };
      files = builtins.path { path = "${inputs.files}"; name = "files"; };
      world = import ./world.nix { inherit files; };
      next = import ./world.nix { inherit files; release = "2"; };
      withTool = pkgs: rules_container.lib.withPkgs (pkgs // { rules-container = tool; });
      packages = import ./packages.nix {
        inherit world next tool;
        inherit (rules_container.lib) mkLib withPkgs;
        container = rules_container.lib.mkLib { inherit system tool; };
        exampleFiles = "${rules_container}/examples/nix";
        imageFromName = (withTool world).imageFromName;
        rules = "${rules_container}/rules/nix";
        overlay = rules_container.overlays.default;
        nixpkgs = more: import ./nixpkgs.nix ({ inherit system files; tools = tool; } // more);
        prebuilt = if builtins.pathExists ./prebuilt.nix then import ./prebuilt.nix else { };
        sha512 = if builtins.pathExists ./sha512.json then ./sha512.json else null;
        plan = if builtins.pathExists ./plan.json then ./plan.json else null;
        lock = if builtins.pathExists ./images.lock.json then ./images.lock.json else null;
        vendored = if builtins.pathExists ./vendored then ./vendored else null;
      };
    in
    {
      packages.${system} = {
        inherit (packages) image thin index;
        default = packages.image;
      };
      legacyPackages.${system} = packages;
      apps.${system}.push = {
        type = "app";
        inherit (packages.push_fat) program;
        meta.description = "push the image";
      };
      checks.${system} = { inherit (packages) image; };
    };
}

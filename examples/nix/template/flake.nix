{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  inputs.rules_container.url = "github:rules-container/rules_container";

  outputs = { self, nixpkgs, rules_container }:
    let
      system = "x86_64-linux";
      pkgs = nixpkgs.legacyPackages.${system};
      container = rules_container.lib.withPkgs pkgs;
      image = container.buildImage {
        name = "hello";
        contents = [ pkgs.hello ];
        config.Cmd = [ "/bin/hello" ];
      };
      push = container.pushImage { inherit image; repository = "registry.example.com/you/hello"; };
    in
    {
      packages.${system} = {
        inherit image;
        default = image;
        # nix shell .#tools: `pull lock` and the other programs
        tools = container.tool;
      };
      # nix run .#push
      apps.${system}.push = { type = "app"; inherit (push) program; };
    };
}

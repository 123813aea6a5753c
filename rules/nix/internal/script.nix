# A program that runs one request of `push`: a file whose interpreter is `push` itself.
{ system, program, sanitized, ... }:
{ name, request }:
let
  executable = "bin/${sanitized name}";
  script = derivation {
    name = sanitized name;
    inherit system;
    builder = program "push";
    args = [ "--nix" ];
    __structuredAttrs = true;
    inherit request executable;
    # The first line of the file, and where in the output it lies.
    interpreter = program "push";
    preferLocalBuild = true;
    allowSubstitutes = false;
  };
in
script // {
  # For `nix run`.
  meta.mainProgram = sanitized name;
  program = "${script}/${executable}";
}

# A program that pushes images or indexes, for `nix run`: first what the registries lack, tags last.
internal:
with internal;
let
  where = "pushImage";
  known = {
    # The name of the program.
    name = "push";
    # An image or index.
    image = required;
    # Where it goes, as "registry.example.com/team/app".
    repository = required;
    # Its tags there; null for the image's own.
    tags = null;
    # What is done where a tag leads elsewhere: "replace", "keep", or { expect = digest; }.
    existing = "replace";
    # How registries are reached, as `access` of a request of `push`; by default with your own logins.
    access = { credentials = "lookup"; proxy_from_environment = true; };
  };
in
args:
let
  a = check.all where {
    image = check.layout;
    repository = check.string;
    tags = check.orNull (check.listOf check.string);
    existing = where: value: if builtins.isAttrs value then check.fields [ "expect" ] "{ expect = \"sha256:…\"; }" where value
      else check.oneOf [ "replace" "keep" ] where value;
  } (arguments where known args);
  what = pushed a.image;
in
script {
  inherit (a) name;
  request = {
    kind = "push";
    version = 1;
    origin = a.name;
    images = [
      (what.image // {
        to = [{
          inherit (a) repository existing;
          tags = if a.tags != null then a.tags else [ (a.image.imageTag or "latest") ];
        }];
      })
    ];
    inherit (a) access;
  } // what.program;
}

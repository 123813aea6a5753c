# What `files`, `copyToRoot` and `contents` become: entries of a layer.
{ fail, check, arguments, storePath, isDerivation, plain, optionalAttrs, ... }:
rec {
  # Folders of packages that are for Nix and not for an image.
  notForImages = [ "nix-support" ];

  label = where: package: "${where} (${if isDerivation package then package.name else baseNameOf (plain "${package}")})";

  # `perms`, each of a package that is among `sources`.
  perms = where: sources: check.listOf
    (at: value:
      let
        known = [ "path" "paths" "kind" "mode" "uid" "gid" "uname" "gname" "capabilities" "xattrs" "mtime" ];
        perm = check.fields known "{ path = package; paths = \"bin/*\"; mode = \"4755\"; }" at value;
        source = plain (storePath "${at}.path" perm.path);
      in
      if !(perm ? path) then
        fail "${at}.path" "it has to be given" "name a package of `copyToRoot`"
      else if !(builtins.elem source sources) then
        fail "${at}.path" "`${baseNameOf source}` is not in `copyToRoot`, and its files are of the store" "put it into `copyToRoot`"
      else
        builtins.seq (check.attributes at perm) (perm // { inherit source; }))
    where;

  # A package's files at the root of the image. A file stays one. `perms` as they are checked.
  copied = where: perms: package:
    let
      source = storePath where package;
      own = builtins.filter (perm: perm.source == plain source) perms;
      override = perm: {
        paths = perm.paths or "**";
        attributes = builtins.removeAttrs perm [ "path" "paths" "kind" "source" ];
      } // optionalAttrs (perm ? kind) { inherit (perm) kind; };
    in
    {
      tree = {
        inherit source;
        without = notForImages;
        overrides = map override own;
        origin = label where package;
      };
    };

  # Links at the root of the image to a package's files in the store; below `etc` copies, for nobody
  # reads absolute links there.
  linked = where: package:
    let source = storePath where package; in
    {
      tree = {
        inherit source;
        without = notForImages;
        link = { to = source; copy = [ "etc" ]; };
        origin = label where package;
      };
    };

  # `files."etc/app.conf" = { text = …; mode = "0640"; }`
  file = where: path: given:
    let
      at = "${where}.${path}";
      relative = builtins.match "/?(.*[^/])/?" path;
      entry = { path = builtins.head relative; origin = at; } // optionalAttrs (attributes != { }) { inherit attributes; };
      content = [ "text" "source" "base64" "link" "directory" "hardlink" ];
      about = [ "mode" "uid" "gid" "uname" "gname" "mtime" "xattrs" "capabilities" ];
      attributes = check.attributes at
        (builtins.intersectAttrs (builtins.listToAttrs (map (name: { inherit name; value = null; }) about)) given);
      has = builtins.filter (name: given ? ${name}) content;
      unknown = builtins.attrNames (builtins.removeAttrs given (content ++ about));
      kind = builtins.head has;
    in
    if relative == null then
      fail at "it is the root of the image" "name a file below it"
    else if builtins.isString given || builtins.isPath given || isDerivation given then
      file where path { source = given; }
    else if !(builtins.isAttrs given) then
      fail at "it is ${check.shown given}" "give a set, as { text = \"…\"; }, or a file"
    else if unknown != [ ] then
      fail "${at}.${builtins.head unknown}" "there is no such attribute" "use ${builtins.concatStringsSep ", " (content ++ about)}"
    else if builtins.length has != 1 then
      fail at "it has ${toString (builtins.length has)} of ${builtins.concatStringsSep ", " content}" "give exactly one"
    else if kind == "text" then
      { file = entry // { text = check.text "${at}.text" given.text; }; }
    else if kind == "base64" then
      { file = entry // { base64 = check.string "${at}.base64" given.base64; }; }
    else if kind == "source" then
      { file = entry // { source = storePath "${at}.source" given.source; }; }
    else if kind == "link" then
      if builtins.match "etc/.*" entry.path != null && builtins.match "/.*" given.link != null then
        fail at "an absolute link in /etc, which runtimes refuse to follow" "make it relative, or give `source`"
      else
        { symlink = entry // { target = given.link; }; }
    else if kind == "hardlink" then
      { hardlink = { inherit (entry) path origin; target = given.hardlink; }; }
    else
      { directory = entry; };

  files = where: set: map (path: file where path set.${path}) (builtins.attrNames set);
}

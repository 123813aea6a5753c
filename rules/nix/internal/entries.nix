# What `files`, `copyToRoot` and `contents` become: entries of a layer.
{ fail, arguments, storePath, isDerivation, plain, optionalAttrs, ... }:
rec {
  # Folders of packages that are for Nix and not for an image.
  notForImages = [ "nix-support" ];

  label = where: package: "${where} (${if isDerivation package then package.name else baseNameOf (plain "${package}")})";

  # A package's files at the root of the image. A file stays one.
  copied = where: perms: package:
    let
      source = storePath where package;
      own = builtins.filter (perm: plain (storePath "${where}.perms" perm.path) == plain source) perms;
      known = [ "path" "paths" "kind" "mode" "uid" "gid" "uname" "gname" "capabilities" "xattrs" "mtime" ];
      override = perm:
        let unknown = builtins.attrNames (builtins.removeAttrs perm known); in
        if unknown != [ ] then
          fail "perms.${builtins.head unknown}" "there is no such attribute" "use ${builtins.concatStringsSep ", " known}"
        else
          {
            paths = perm.paths or "**";
            attributes = builtins.removeAttrs perm [ "path" "paths" "kind" ];
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
      attributes = builtins.intersectAttrs (builtins.listToAttrs (map (name: { inherit name; value = null; }) about)) given;
      has = builtins.filter (name: given ? ${name}) content;
      unknown = builtins.attrNames (builtins.removeAttrs given (content ++ about));
      kind = builtins.head has;
    in
    if relative == null then
      fail at "it is the root of the image" "name a file below it"
    else if builtins.isString given || builtins.isPath given || isDerivation given then
      file where path { source = given; }
    else if !(builtins.isAttrs given) then
      fail at "it is ${builtins.typeOf given}" "give a set, as { text = \"…\"; }, or a file"
    else if unknown != [ ] then
      fail "${at}.${builtins.head unknown}" "there is no such attribute" "use ${builtins.concatStringsSep ", " (content ++ about)}"
    else if builtins.length has != 1 then
      fail at "it has ${toString (builtins.length has)} of ${builtins.concatStringsSep ", " content}" "give exactly one"
    else if kind == "text" then
      { file = entry // { inherit (given) text; }; }
    else if kind == "base64" then
      { file = entry // { inherit (given) base64; }; }
    else if kind == "source" then
      { file = entry // { source = "${given.source}"; }; }
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

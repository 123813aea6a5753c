# A small package set with real programs: Debian packages as they are installed, each a store path,
# with their ELF files pointed at the store paths that they need, as nixpkgs would have built them.
# Nix finds the references itself.
{
  # A folder of each package's files, by the package's name.
  files,
  # What changes from release to release.
  release ? "1",
}:
let
  system = "x86_64-linux";
  libs = "lib/x86_64-linux-gnu";
  busybox = "${files}/busybox";
  run = name: buildInputs: script: derivation {
    inherit name system buildInputs;
    builder = "${busybox}/bin/sh";
    args = [ "-euc" "export PATH=${busybox}/bin\n${script}" ];
  };
  raw = name: "${files}/${name}";
  libc = run "libc6-2.42" [ ] "cp -R ${raw "libc6"} $out";
  ld = "${libc}/${libs}/ld-linux-x86-64.so.2";
  # patchelf itself is run through the loader, for it is not patched yet.
  patchelf = "${ld} --library-path ${libc}/${libs}:${raw "libstdc++6"}/${libs}:${raw "libgcc-s1"}/${libs} ${raw "patchelf"}/bin/patchelf";
  package = name: version: inputs: run "${name}-${version}" inputs ''
    cp -R ${raw name} $out
    chmod -R u+w $out
    cd $out
    rpath=${builtins.concatStringsSep ":" (map (input: "${input}/${libs}") inputs)}
    find . -type f | sort | while read -r f; do
      [ "$(head -c 4 "$f")" = "$(printf '\177ELF')" ] || continue
      case $f in ./bin/*) ${patchelf} --set-interpreter ${ld} "$f" ;; esac
      ${patchelf} --set-rpath "$rpath" "$f"
    done
  '';
in
rec {
  inherit libc;
  libtinfo = package "libtinfo6" "6.5" [ libc ];
  bash = package "bash" "5.3" [ libc libtinfo ];
  hello = package "hello" "2.12.3" [ libc ];
  cacert = run "nss-cacert-3.117" [ ] ''
    mkdir -p $out/etc/ssl/certs
    echo "not a certificate" > $out/etc/ssl/certs/ca-bundle.crt
  '';
  iana-etc = run "iana-etc-20250505" [ ] ''
    mkdir -p $out/etc
    echo "http 80/tcp" > $out/etc/services
  '';
  coreutils = run "coreutils-9.8" [ bash ] ''
    mkdir -p $out/bin
    printf '#!${bash}/bin/bash\nexec "$@"\n' > $out/bin/env
    chmod +x $out/bin/env
  '';
  sh = run "sh-1" [ bash ] ''
    mkdir -p $out/bin
    ln -s ${bash}/bin/bash $out/bin/sh
  '';
  data = run "data-7" [ ] ''
    mkdir -p $out/share $out/nix-support
    yes "some data" | head -c 3000000 > $out/share/data
    echo nobody > $out/nix-support/propagated-build-inputs
  '';
  # The application: what changes at every release.
  greet = run "greet-${release}" [ bash hello data ] ''
    mkdir -p $out/bin $out/etc
    printf '#!${bash}/bin/bash\necho "$(${hello}/bin/hello) from bash $BASH_VERSION, release ${release}"\n' > $out/bin/greet
    echo "from ${data}" > $out/etc/greet.conf
    chmod +x $out/bin/greet
  '';
  # Two packages that want one file.
  rival = run "rival-1" [ ] ''
    mkdir -p $out/bin
    echo "another one" > $out/bin/greet
  '';
  haskellPackages.tool = hello;
  # What `imageFromName "shell"` means.
  bashInteractive = bash;
  moreutils = data;
  nano = data;
  stdenv.hostPlatform.system = system;
}

# Arguments of other tools' functions that are not taken here, by name: why, and what does the same.
let
  shell = {
    what = "it runs a shell while the image is built, and nothing here does";
    fix = "make a derivation of it and put that into `copyToRoot`; for owners and modes use `files` and `perms`";
  };
  owner = {
    what = "files of packages belong to root here, and have the time 1";
    fix = "set owners and times by `files` and `perms` of buildImage";
  };
  other = {
    what = "which image is taken of an archive of several is not asked here";
    fix = "give the one that you mean as `fromImage`: of `pullImage`, whose lock file says which it is";
  };
  database = {
    what = "the database of a Nix store in an image is not made here";
    fix = "run `nix-store --load-db` when the container starts";
  };
  lock = {
    what = "a lock file says which image it is, with the digest of each blob";
    fix = "run `pull lock NAME=IMAGE@DIGEST`, and give `lock = ./images.lock.json; name = \"NAME\";`";
  };
in
{
  extraCommands = shell;
  fakeRootCommands = shell;
  runAsRoot = shell;
  postMount = shell;
  preMount = shell;
  enableFakechroot = shell;
  uid = owner;
  gid = owner;
  uname = owner;
  gname = owner;
  mtime = owner;
  fromImageName = other;
  fromImageTag = other;
  includeNixDB = database;
  initializeNixDatabase = database;
  nixUid = database;
  nixGid = database;
  imageName = lock;
  imageDigest = lock;
  finalImageName = lock;
  finalImageTag = lock;
  sha256 = lock;
  hash = lock;
  layeringPipeline = {
    what = "pipelines of other planners are not read here";
    fix = "take `strategy`, `hints` or `plan` of buildImage";
  };
  keepContentsDirlinks = {
    what = "folders are always folders here";
    fix = "leave it out";
  };
  arch = {
    what = "it is called otherwise here";
    fix = "give `platform`, as \"linux/arm64\"";
  };
  architecture = {
    what = "it is called otherwise here";
    fix = "give `platform`, as \"linux/arm64\"";
  };
  tlsVerify = {
    what = "it is called otherwise here";
    fix = "for a host with a certificate of your own: `access.hosts.\"registry.example.com\".ca_file`; without TLS: `plain_http`";
  };
  compressor = {
    what = "layers are compressed by codecs whose bytes never change";
    fix = "give `codec`, as { zstd-v1.level = 3; }";
  };
  reproducible = {
    what = "layers always are";
    fix = "leave it out";
  };
  ignore = {
    what = "what an image has already is found by itself";
    fix = "leave it out";
  };
  metadata = {
    what = "the receipt tells what a layer was made of";
    fix = "leave it out";
  };
  meta = {
    what = "what a function gives is a set";
    fix = "add it by `//`: `buildImage { … } // { meta = …; }`";
  };
}

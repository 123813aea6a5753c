"""The one file that spells requests.

Each function `*_request` is a `map_each`: Bazel calls it when the action is about to run, with the
paths of that run (path mapping) and with an expander that opens tree artifacts. So no depset is flattened
in analysis, and a request says what Bazel knows, not what the disk shows.

A document is a `struct`. What the program wants as it is stands in the field `head`.
"""

load(":bad.bzl", "bad", "show")

def layer_request(document, expander):
    """The request of a layer.

    Args:
      document: a struct of `label`, `head`, `entries` (pairs of kind and body), `sources` (made by `files_source`
        and `runfiles_source`), `tars` (depset), `tar_options`, `attributes` (path to attributes).
      expander: opens tree artifacts.

    Returns:
      JSON.
    """
    entries = [(kind, dict(body)) for kind, body in document.entries]
    for source in document.sources:
        if source.runfiles:
            entries.extend(_runfiles(source, expander))
        else:
            entries.extend(_files(document.label, source, expander))
    _apply_attributes(document.label, document.attributes, entries)
    for tar in document.tars.to_list():
        entries.append(("tar", document.tar_options | {"origin": show(tar.owner), "source": tar.path}))
    request = document.head | {"entries": [{kind: body} for kind, body in entries]}
    unused = [path for source in document.sources if source.runfiles for path in _unused(source)]
    return json.encode(request | {"unused": unused} if unused else request)

def _unused(source):
    """The paths of files that are inputs, and that are not in the part of other repositories."""
    if source.part != "external":
        return []
    return [file.path for file in source.runfiles.files.to_list() if not file.short_path.startswith("../")]

def files_source(files, path, below, executable):
    """Files of one target.

    Args:
      files: a depset.
      path: where they go, without slashes at either end.
      below: whether they go below `path`; or else there is one, and it goes there.
      executable: which of them is executable whatever it holds, or None.

    Returns:
      A source, for `layer_request`.
    """
    return struct(runfiles = None, files = files, path = path, below = below, executable = executable)

def runfiles_source(label, executable, runfiles, repo_mapping, path, workspace, part):
    """An executable and its runfiles tree, as Bazel lays it out.

    Args:
      label: of the executable's target.
      executable: the `File`.
      runfiles: the `runfiles`.
      repo_mapping: the `File` of the repository mapping, or None.
      path: where the executable goes, without slashes at either end.
      workspace: the folder of the main repository in the tree.
      part: `external` is the files of other repositories, `own` is the rest, `all` is both.

    Returns:
      A source, for `layer_request`.
    """
    return struct(
        label = label,
        executable = executable,
        runfiles = runfiles,
        repo_mapping = repo_mapping,
        path = path,
        workspace = workspace,
        part = part,
    )

def _open(file, path, expander, source = None):
    """The entries of a file, or of a tree artifact's files: Bazel follows links in it and drops empty folders.

    `source` is where the file lies if not at its own path.
    """
    origin = show(file.owner)
    if not file.is_directory:
        return [("file", {"origin": origin, "path": path, "source": source or file.path})]
    return [
        ("file", {"origin": origin, "path": _join(path, child.tree_relative_path), "source": _join(source, child.tree_relative_path) if source else child.path})
        for child in expander.expand(file)
    ]

def _files(label, source, expander):
    files = source.files.to_list()
    if not source.below and len(files) != 1:
        bad(
            label,
            "srcs",
            "/" + source.path,
            "the path of one file; the target has %d: %s" % (len(files), ", ".join([file.short_path for file in files[:4]] + ["…"] * int(len(files) > 4))),
            "write `/%s/`: its files then go below that" % source.path,
        )
    entries = []
    for file in files:
        opened = _open(file, _join(source.path, _path_in_package(file)) if source.below else source.path, expander)
        if file == source.executable:
            opened[0][1]["attributes"] = {"mode": "0755"}
        entries.extend(opened)
    return entries

def _path_in_package(file):
    path = file.short_path
    if path.startswith("../"):
        path = path.split("/", 2)[2]
    package = file.owner.package
    return path.removeprefix(package + "/") if package else path

def _runfiles(source, expander):
    own = source.workspace + "/"

    # Path in the tree to (file or None, is it another repository's, is it a link). What comes later
    # goes before what came earlier, as in Bazel itself.
    tree = {}
    for link in source.runfiles.symlinks.to_list():
        tree[own + link.path] = (link.target_file, False, True)
    for file in source.runfiles.files.to_list():
        external = file.short_path.startswith("../")
        tree[file.short_path[3:] if external else own + file.short_path] = (file, external, False)
    for name in source.runfiles.empty_filenames.to_list():
        external = name.startswith("../")
        path = name[3:] if external else own + name
        if path not in tree:
            tree[path] = (None, external, False)
    for link in source.runfiles.root_symlinks.to_list():
        tree[link.path] = (link.target_file, False, True)
    if source.repo_mapping:
        tree["_repo_mapping"] = (source.repo_mapping, False, False)

    root = source.path + ".runfiles/"
    origin = show(source.label)
    entries = []
    if source.part != "external":
        entries.extend(_open(source.executable, source.path, expander))
        entries[0][1]["attributes"] = {"mode": "0755"}
    for path, (file, external, link) in tree.items():
        if source.part != "all" and external != (source.part == "external"):
            continue
        if not file:
            entries.append(("file", {"origin": origin, "path": root + path, "text": ""}))
        elif file == source.executable and source.part != "external":
            # One content by two names.
            entries.append(("hardlink", {"origin": origin, "path": root + path, "target": source.path}))
        elif link:
            # An input has to be a `File`, and only an opened depset would give that of a link:
            # so links are read where Bazel puts them for who runs the executable.
            entries.extend(_open(file, root + path, expander, source.executable.path + ".runfiles/" + path))
        elif file.is_source or file.is_directory or source.part == "external":
            entries.extend(_open(file, root + path, expander))
        else:
            # It may be a link that a rule declares as one, and no `File` tells. In the runfiles tree all others are
            # files, or absolute links to the file itself: below `bazel-out` and the name of a configuration.
            entries.append(("file", {
                "origin": show(file.owner),
                "path": root + path,
                "placed_from": file.path.split("/", 2)[2],
                "source": source.executable.path + ".runfiles/" + path,
            }))
    return entries

def _apply_attributes(label, attributes, entries):
    """Gives entries the attributes that were asked for by path, or by `folder/**`."""
    if not attributes:
        return
    exact = {path: given for path, given in attributes.items() if not path.endswith("**")}
    below = {path[:-2]: given for path, given in attributes.items() if path.endswith("**")}
    used = {}
    for kind, body in entries:
        if kind in ["hardlink", "whiteout", "opaque_whiteout"]:
            continue
        path = body["path"]
        for folder, given in below.items():
            if path.startswith(folder):
                used[folder + "**"] = True
                body["attributes"] = body.get("attributes", {}) | given
        if path in exact:
            used[path] = True
            body["attributes"] = body.get("attributes", {}) | exact[path]
    for path in attributes:
        if path not in used:
            bad(
                label,
                "attributes",
                "/" + path,
                "the path of a file, link or directory of this layer, or `/folder/**` for all below a folder",
                "name the path as it is in the image; a directory that nothing makes goes into `directories`, and what a tar holds keeps its own attributes",
            )

def _join(folder, path):
    return folder + "/" + path if folder and path else folder or path

def image_request(document):
    """The request of an image.

    Args:
      document: a struct of `head` (of the request), `image` (its field `make.image`), `base` (made by `base_source`,
        or None), `layers` (list of `ContainerLayerInfo`), `blobs` and `listings` (whether these files of the layers are named),
        `given` (depset of blobs of the base, as `ContainerImageInfo` has them), `texts` (made by `texts_source`).

    Returns:
      JSON.
    """
    image = dict(document.image)
    texts = document.texts
    if texts.labels or texts.env:
        image["config"] = image["config"] | _from(labels = texts.labels, env = texts.env)
    for words in texts.words:
        image["config"] = image["config"] | {words.field + "_from": {"between": words.between, "file": words.file.path}}
    image |= _from(annotations = texts.annotations)
    if texts.created:
        image["created"] = {"file": texts.created.path}
    if document.base:
        image["base"] = document.base.options | {"layout": document.base.layout.path}
        if document.listings:
            image["base"]["listings"] = [file.path for file in document.base.listings]
    image["layers"] = [_image_layer(layer, document) for layer in document.layers]
    return json.encode(document.head | _stamps(texts) | _given(document.given) | {"make": {"image": image}})

def words_source(field, file, between):
    """A file that holds words of an image's config.

    Args:
      field: of the config, as the request has it.
      file: the file.
      between: what stands between words: `lines` or `commas`.

    Returns:
      Words, for `texts_source`.
    """
    return struct(between = between, field = field, file = file)

def texts_source(status = [], labels = [], env = [], annotations = [], words = [], created = None, values = "literal", values_expanded = "expand"):
    """Files that hold texts of an image or index.

    Args:
      status: list of Bazel's status files.
      labels: list of files with labels.
      env: list of files with environment variables.
      annotations: list of files with annotations.
      words: list of what `words_source` made.
      created: file with a time, or None.
      values: how the values of labels and annotations are taken, as the request has it.
      values_expanded: how those of variables are taken.

    Returns:
      Texts, for `image_request` and `index_request`.
    """

    def lines(files, values):
        return [struct(file = file, values = values) for file in files]

    return struct(
        annotations = lines(annotations, values),
        created = created,
        env = lines(env, values_expanded),
        files = status + labels + env + annotations + [one.file for one in words] + ([created] if created else []),
        labels = lines(labels, values),
        status = status,
        words = words,
    )

def _stamps(texts):
    return {"stamps": [file.path for file in texts.status]} if texts.status else {}

def _from(**kwargs):
    return {
        name + "_from": [{"file": one.file.path, "values": one.values} for one in lines]
        for name, lines in kwargs.items()
        if lines
    }

def _given(blobs):
    """The field `blobs`: files of layers that sparse layouts lack."""
    return {"blobs": [
        {"file": blob.file.path, "of": {"receipt": blob.receipt.path} if blob.receipt else {"digest": blob.digest}}
        for blob in blobs.to_list()
    ]}

def base_source(layout, listings, options):
    """What an image is built on.

    Args:
      layout: the `File` of its layout.
      listings: list of the listings of its layers.
      options: a dict, as the request has it.

    Returns:
      A base, for `image_request`.
    """
    return struct(layout = layout, listings = listings, options = options | {"links": "follow"})

def _image_layer(layer, document):
    files = {"receipt": layer.receipt}
    if document.blobs:
        files["blob"] = layer.blob
    if document.listings:
        files["listing"] = layer.listing
    return {name: file.path for name, file in files.items()}

def index_request(document):
    """The request of an index.

    Args:
      document: a struct of `head` (of the request), `index` (its field `make.index`), `layouts` (list of `File`),
        `given` (depset of blobs, as `ContainerIndexInfo` has them), `texts` (made by `texts_source`).

    Returns:
      JSON.
    """
    entries = [{"layout": layout.path, "links": "follow"} for layout in document.layouts]
    index = document.index | {"entries": entries} | _from(annotations = document.texts.annotations)
    return json.encode(document.head | _stamps(document.texts) | _given(document.given) | {"make": {"index": index}})

def blob_request(document):
    """The request of a blob out of a registry.

    Args:
      document: a struct of `request`.

    Returns:
      JSON.
    """
    return json.encode(document.request)

def copy_request(document):
    """The request of a copy of an image or index.

    Args:
      document: a struct of `head` (of the request), `layout` (a `File`), `given` (depset of blobs), `texts` (made by `texts_source`).

    Returns:
      JSON.
    """
    return json.encode(document.head | _stamps(document.texts) | _given(document.given) | {"make": {"copy": {"layout": document.layout.path, "links": "follow"}}})

def attest_request(document):
    """The request of documents that refer to an image.

    Args:
      document: a struct of `head` (of the request), `image` (a receipt), `layers` (list of `ContainerLayerInfo`).

    Returns:
      JSON.
    """
    layers = [
        {
            "listing": layer.listing.path,
            "origins": {show(file.owner): None for file in layer.inputs.to_list()}.keys(),
            "receipt": layer.receipt.path,
        }
        for layer in document.layers
    ]
    return json.encode(document.head | {"image": document.image.path, "layers": layers})

def push_request(document):
    """The request of a push, which `bazel run` starts in the runfiles.

    Args:
      document: a struct of `head` (of the request), `images` (structs of `layout`, `attached`, `blobs`, `to`, `into`, `platform`).

    Returns:
      JSON.
    """
    images = []
    for image in document.images:
        sent = {
            "blobs": [
                {"file": blob.file.short_path, "receipt": blob.receipt.short_path}
                for blob in image.blobs.to_list()
                # Those out of a lock are where the layout says.
                if blob.receipt
            ],
            # The runfiles hold links to what Bazel made.
            "follow_links": True,
            "into": image.into,
            "layout": image.layout.short_path,
            "to": image.to,
        }
        if image.attached:
            sent["attached"] = [file.short_path for file in image.attached]
        if image.platform:
            sent["platform"] = image.platform
        images.append(sent)
    return json.encode(document.head | {"images": images})

"""What images and indexes have in common: the actions of `assemble`, and what comes out of them."""

load(":bad.bzl", "show")
load(":run.bzl", "document_resources", "run_program")

def request_head(ctx, **kwargs):
    """What a request says besides what is made.

    Args:
      ctx: the rule's context.
      **kwargs: further fields.

    Returns:
      A dict.
    """
    return {"kind": "assemble", "origin": show(ctx.label), "version": 1} | kwargs

def assemble_documents(ctx, request, document, inputs, mnemonic):
    """Declares the action that makes the documents and a sparse layout of them.

    Args:
      ctx: the rule's context.
      request: function of `request.bzl`.
      document: for that function.
      inputs: list of depsets.
      mnemonic: of the action.

    Returns:
      A struct of `layout`, `receipt`, `digest`.
    """
    name = ctx.label.name
    layout = ctx.actions.declare_directory(name + ".sparse")
    receipt = ctx.actions.declare_file(name + ".receipt.json")
    digest = ctx.actions.declare_file(name + ".digest")
    run_program(
        ctx,
        name = "assemble",
        request = request,
        document = document,
        inputs = inputs,
        outputs = {"--out": layout, "--receipt": receipt, "--digest": digest},
        mnemonic = mnemonic,
        doing = "Assembling",
        resources = document_resources,
    )
    return struct(layout = layout, receipt = receipt, digest = digest)

def assemble_whole(ctx, request, document, inputs, out):
    """Declares an action that makes a layout or an archive with all bytes. It runs only where something asks for its output.

    Args:
      ctx: the rule's context.
      request: function of `request.bzl`.
      document: for that function.
      inputs: list of depsets.
      out: the layout or archive.

    Returns:
      `out`.
    """
    run_program(
        ctx,
        name = "assemble",
        request = request,
        document = document,
        inputs = inputs,
        outputs = {"--out": out},
        mnemonic = "ContainerLayout" if out.is_directory else "ContainerArchive",
        doing = "Writing layout of" if out.is_directory else "Writing archive of",
        resources = document_resources,
    )
    return out

def bytes_layout(info):
    """The layout that an image's `blobs` make whole.

    Args:
      info: `ContainerImageInfo` or `ContainerIndexInfo`.

    Returns:
      A `File`.
    """
    return info.whole_layout if info.foreign else info.layout

def whole_output(form, ours):
    """The field `output` of a request for a layout or an archive with all bytes.

    Args:
      form: of the output.
      ours: whether all bytes come from actions of ours, as Bazel knows them by their digests: then their size is enough to look at.

    Returns:
      A dict.
    """
    return {"form": form, "verify": "size" if ours else "digest"}

def made_providers(made, forms, listings):
    """The files of an image or index.

    Args:
      made: what `assemble_documents` returned.
      forms: dict of form to file.
      listings: list of files.

    Returns:
      List of providers.
    """
    groups = {
        "archive": forms["oci_archive"],
        "digest": made.digest,
        "docker_archive": forms.get("docker_archive"),
        "layout": forms["layout"],
        "receipt": made.receipt,
    }
    return [
        DefaultInfo(files = depset([made.layout, made.receipt, made.digest])),
        OutputGroupInfo(listing = depset(listings), **{name: depset([file]) for name, file in groups.items() if file}),
    ]

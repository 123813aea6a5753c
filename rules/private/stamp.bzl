"""Stamping: `{KEY}` in texts, and what it stands for.

Nothing is read here: an action reads Bazel's status files, and only where there is a key to look up. A
build without `--stamp` does not see them, and so it makes the same bytes from day to day.
"""

load(":bad.bzl", "bad")
load(":platform.bzl", "CONFIGURATION_ATTRS", "this_configuration")

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

def stamp_attrs(where):
    """The attributes of a rule that stamps.

    Args:
      where: which texts are stamped, for the reference.

    Returns:
      Dict of attributes.
    """
    return CONFIGURATION_ATTRS | {
        "stamp": attr.int(
            default = 0,
            doc = """Whether `{KEY}` in %s stands for what `--workspace_status_command` printed after `KEY`. 0: it is not replaced. 1: it is, always; a \
`STABLE_` key that changes makes the image anew. -1: it is in builds with `--stamp`, and others take the value that `stamp_defaults` has, and so make the same bytes from day to day.""" % where,
            values = [-1, 0, 1],
        ),
        "stamp_defaults": attr.string_dict(doc = "Key to value, for keys that the status does not have, and for `stamp = -1` without `--stamp`: `{\"STABLE_GIT_COMMIT\": \"unknown\"}`."),
    }

def stamping(ctx):
    """How a rule with `stamp_attrs` stamps.

    Args:
      ctx: the rule's context.

    Returns:
      A struct of `text` (function of a string: the text of a request), `expanded` (the same, with variables to be replaced),
      `values` and `values_expanded` (how the values of files are taken), `defaults` (a dict), `status` (whether
      the status files are to be read where there are keys).
    """
    attr = ctx.attr
    on = attr.stamp != 0
    if attr.stamp_defaults and not on:
        bad(ctx.label, "stamp_defaults", ", ".join(attr.stamp_defaults), "none, where `stamp` is 0", "write `stamp = -1`, and `{KEY}` where the value is to stand")
    for key in attr.stamp_defaults:
        if not key or key.strip(_LETTERS) or key[0].isdigit():
            bad(ctx.label, "stamp_defaults", key, "keys of letters, digits and `_`, the first no digit", "write the key as `--workspace_status_command` prints it, without braces")
    return struct(
        defaults = attr.stamp_defaults,
        expanded = _stamped_and_expanded if on else _expanded,
        status = on and (attr.stamp == 1 or this_configuration(ctx).stamp),
        text = _stamped if on else _plain,
        values = "stamp" if on else "literal",
        values_expanded = "stamp_and_expand" if on else "expand",
    )

def _plain(text):
    return text

def _stamped(text):
    return {"stamp": text} if "{" in text else text

def _expanded(text):
    return {"expand": text}

def _stamped_and_expanded(text):
    return {"stamp_and_expand": text} if "{" in text else {"expand": text}

def status_files(ctx, stamps, files, value):
    """The status files that an action reads: none where there is nothing to be stamped.

    Args:
      ctx: the rule's context.
      stamps: what `stamping` returned.
      files: list of the files whose values may be stamped.
      value: what of the request may be, as `json.encode` takes it.

    Returns:
      List of `File`.
    """
    return [ctx.info_file, ctx.version_file] if stamps.status and (files or "{\"stamp" in json.encode(value)) else []

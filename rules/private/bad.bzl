"""How the rules say that an attribute is wrong: what it is, what it may be, and how to mend it."""

def bad(label, attribute, value, allowed, hint):
    """Ends the analysis.

    Args:
      label: of the target, or what else the user knows the thing by.
      attribute: the attribute's name.
      value: what it was given.
      allowed: what it may be, in words.
      hint: what to do, as an imperative.
    """
    fail("%s: attribute `%s` has `%s`\n  allowed: %s\nhint: %s" % (show(label), attribute, value, allowed, hint))

def show(label):
    """A label as its user writes it: without `@@` in the main repository.

    Args:
      label: a `Label`, or what else the user knows the thing by.

    Returns:
      A string.
    """
    text = str(label)
    return text[2:] if text.startswith("@@//") else text

def octal(label, attribute, value):
    """Checks a mode.

    Args:
      label: of the target.
      attribute: where the mode stands.
      value: the mode.

    Returns:
      The mode.
    """
    if not value or len(value) > 5 or value.strip("01234567") or int(value, 8) > 4095:
        bad(label, attribute, value, "an octal number from `0` to `7777`", "write a mode as `0644` or `0755`, in quotes")
    return value

def image_path(label, attribute, path):
    """Checks a path in the image.

    Args:
      label: of the target.
      attribute: where the path stands.
      path: absolute or not; both mean the same.

    Returns:
      The path without slashes at either end; "" is the image's root.
    """
    parts = path.removeprefix("/").removesuffix("/").split("/")
    if path in ["/", "", "./"]:
        return ""
    wrong = [part for part in parts if part in ["", ".", ".."]]
    if wrong:
        bad(label, attribute, path, "a path in the image, without empty parts, `.` or `..`", "write `/%s`" % "/".join([part for part in parts if part not in ["", ".", ".."]]))
    return "/".join(parts)

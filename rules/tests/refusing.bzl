"""An analysis that fails, with the text that its user reads."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")

def refusal_test_impl(ctx):
    """Looks for each of `says` in what the analysis failed with.

    Args:
      ctx: context of a test with `REFUSAL_ATTRS`.

    Returns:
      The test's providers.
    """
    env = analysistest.begin(ctx)
    for line in ctx.attr.says:
        asserts.expect_failure(env, line)
    return analysistest.end(env)

REFUSAL_ATTRS = {"says": attr.string_list(mandatory = True)}

refusal_test = analysistest.make(
    refusal_test_impl,
    attrs = REFUSAL_ATTRS,
    expect_failure = True,
)

def refuses(name, rule, says, **kwargs):
    """Declares a target that is refused, and the test that it is.

    Args:
      name: of the target; the test is `{name}_test`.
      rule: of the target.
      says: what its user has to read.
      **kwargs: attributes of the target.
    """
    rule(name = name, tags = ["manual"], **kwargs)
    refusal_test(name = name + "_test", target_under_test = name, says = says)

def bad_attribute(name, attribute, value, allowed, hint):
    """What a wrong attribute is told with.

    Args:
      name: of the target.
      attribute: its name.
      value: what it was given.
      allowed: what it may be.
      hint: what to do.

    Returns:
      List of strings.
    """
    return [
        "//rules/tests:%s: attribute `%s` has `%s`" % (name, attribute, value),
        "allowed: " + allowed,
        "hint: " + hint,
    ]

def refuses_attribute(name, attribute, value, allowed, hint, rule, **kwargs):
    """Declares a target with a wrong attribute, and the test that it is refused.

    Args:
      name: of the target; the test is `{name}_test`.
      attribute: as `bad_attribute` takes it.
      value: as `bad_attribute` takes it.
      allowed: as `bad_attribute` takes it.
      hint: as `bad_attribute` takes it.
      rule: of the target.
      **kwargs: attributes of the target.
    """
    refuses(name, rule, bad_attribute(name, attribute, value, allowed, hint), **kwargs)

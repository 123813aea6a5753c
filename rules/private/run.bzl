"""The one file that runs programs in actions.

An action is: a program, a request in a param file, and names of outputs. There is no shell, no environment,
no network, and no word on the command line but these. The one that fetches a blob out of a registry, by its
digest, has the network, and the environment that the user gives it.
"""

load(":tools.bzl", "TOOLCHAIN_TYPE", "program")

_ALONE = {"supports-path-mapping": "1"}

_FETCHES = _ALONE | {"no-remote-exec": "1", "requires-network": "1"}

def run_program(ctx, name, request, document, inputs, outputs, mnemonic, doing, resources, tools = [], unused = None, fetches = False):
    """Declares an action that runs a program.

    Args:
      ctx: the rule's context.
      name: the program's.
      request: function of `request.bzl` that makes the request.
      document: what it makes it from.
      inputs: list of depsets of `File`.
      outputs: dict of option (`--out`, `--receipt`, …) to `File`.
      mnemonic: of the action.
      doing: what it does, as "Packing", for the progress message.
      resources: function that estimates cores and memory.
      tools: list of `FilesToRunProvider` whose runfiles are inputs too.
      unused: of the outputs, the one that lists inputs which were not needed, or None.
      fetches: whether it may reach the network. Then it runs on this machine, with the environment that
        `--action_env` gives; its output has a digest that the request names.
    """
    arguments = ctx.actions.args()
    arguments.add_all([document], map_each = request, expand_directories = False)
    arguments.use_param_file("%s", use_always = True)
    arguments.set_param_file_format("multiline")
    places = ctx.actions.args()
    for option, file in outputs.items():
        places.add_all(option, [file], expand_directories = False)
    ctx.actions.run(
        executable = program(ctx, name),
        arguments = [arguments, places],
        inputs = inputs[0] if len(inputs) == 1 else depset(transitive = inputs),
        outputs = outputs.values(),
        env = None if fetches else {},
        execution_requirements = _FETCHES if fetches else _ALONE,
        mnemonic = mnemonic,
        progress_message = doing + " %{label}",
        resource_set = resources,
        toolchain = TOOLCHAIN_TYPE,
        tools = tools,
        unused_inputs_list = unused,
        use_default_shell_env = fetches,
    )

def layer_resources(_os, _inputs):
    """Compression uses two threads' worth, and at most some hundred megabytes are under way.

    Returns:
      A resource set.
    """
    return {"cpu": 2, "memory": 200}

def document_resources(_os, _inputs):
    """Documents are small.

    Returns:
      A resource set.
    """
    return {"cpu": 1, "memory": 50}

def fetch_resources(_os, _inputs):
    """A download waits for the network.

    Returns:
      A resource set.
    """
    return {"cpu": 1, "memory": 50}

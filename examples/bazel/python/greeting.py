def of(name):
    return f"hello, {name}"

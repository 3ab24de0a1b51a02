"""The student's side of grading: runs alone in a sandbox, takes cells and calls, and answers with plain data.

`tools.sandbox` starts this file as a program of its own, sends it one JSON document a line, and reads one for each. Whatever a student's
code does in here, all it can send out is numbers, texts, and lists, dictionaries and arrays of them. The cells run in IPython, as they do
in a student's Jupyter: with its magics, `display`, `await` and figures.
"""

import base64
import json
import numbers
import os
import sys
import traceback
import types
from collections.abc import Iterable, Iterator
from pathlib import Path

MAX_TEXT = 10_000  # characters of a cell's output that are kept
MAX_PICTURES = 2_000_000  # characters of a cell's pictures that are kept
ARRAY_KINDS = "biufcU"  # NumPy's booleans, whole numbers, real and complex ones, texts: nothing that could hold an object


def encode(value: object) -> object:
    """Turn plain data into what JSON can hold.

    What behaves like plain data where a check stands in a notebook is plain data here too: named pairs, texts of an enumeration,
    generators, fractions.

    Raises:
        TypeError: `value` is none of number, text, None, list, tuple, dictionary, or anything that NumPy takes for an array of these.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, list | tuple):
        return {"tuple" if isinstance(value, tuple) else "list": [encode(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(item)] for key, item in value.items()]}
    if isinstance(value, Iterator):
        return {"list": [encode(item) for item in value]}
    import numpy as np  # here, because most answers come without it and every start would wait for it

    if isinstance(value, numbers.Real) and not isinstance(value, np.generic):
        return int(value) if isinstance(value, numbers.Integral) else float(value)
    array = np.asarray(value)
    if array.dtype.kind in ARRAY_KINDS:
        data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
        return {"array": [array.dtype.str, list(array.shape), data]}
    if isinstance(value, Iterable) and not isinstance(value, set | bytes) and array.dtype.hasobject:
        return {"list": [encode(item) for item in value]}
    raise TypeError(f"an object of type {type(value).__name__} is no plain data; expected numbers, texts, or lists or arrays of them.")


def decode(coded: object) -> object:
    """Turn back what `encode` made. Nothing in it is executed, and its size is that of the text.

    Raises:
        ValueError: `coded` was not made by `encode`.
    """
    if coded is None or type(coded) in (bool, int, float, str):
        return coded
    match coded:
        case {"list": list(items)}:
            return [decode(item) for item in items]
        case {"tuple": list(items)}:
            return tuple(decode(item) for item in items)
        case {"dict": list(pairs)}:
            return {decode(key): decode(item) for key, item in pairs}
        case {"array": [str(dtype), list(shape), str(data)]}:
            import numpy as np

            if np.dtype(dtype).kind not in ARRAY_KINDS:
                raise ValueError(f"an array of the type {dtype} came back, expected numbers.")
            # .copy(), because an array over the text's bytes cannot be written to; [()] makes a number of an array without axes
            return np.frombuffer(base64.b64decode(data), dtype).reshape(shape).copy()[()]
    raise ValueError("what came back is no plain data.")


def short(error: BaseException) -> str:
    """The last line of a traceback, with the line of the cell where it happened."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith("<ipython-input-")]
    where = f" (line {lines[-1]} of the cell)" if lines else ""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} (line {error.lineno} of the cell)"[:MAX_TEXT]
    return "".join(traceback.format_exception_only(error)).strip()[:MAX_TEXT] + where


def shell(module: types.ModuleType) -> object:
    """IPython without a terminal, a history and its own reports of errors."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class LastValue(DisplayHook):
        def write_output_prompt(self):
            """There is none."""

        def write_format_data(self, format_dict, md_dict=None):
            self.shell.display_pub.publish(format_dict, md_dict)

    class Shell(InteractiveShell):
        displayhook_class = LastValue

        def enable_gui(self, gui=None):
            """Figures are drawn without a window."""

        def showtraceback(self, *_, **__):
            """The error goes into the answer."""

        showsyntaxerror = showindentationerror = ask_exit = showtraceback

    return Shell.instance(user_module=module, config=Config({"HistoryManager": {"enabled": False}}))


def shown(outputs: list) -> list[dict]:
    """What a cell displayed: texts and pictures, as far as there is room for them."""
    found, room = [], MAX_PICTURES
    for output in outputs:
        picture = output.data.get("image/png")
        if isinstance(picture, bytes):
            picture = base64.b64encode(picture).decode()
        if isinstance(picture, str) and len(picture) <= room:
            room -= len(picture)
            found.append({"picture": picture})
        elif text := str(output.data.get("text/plain", "")):
            found.append({"text": text[:MAX_TEXT]})
    return found[:100]


def run(ipython: object, source: str) -> dict:
    """Run a cell as Jupyter does."""
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        result = ipython.run_cell(source)
    error = result.error_before_exec or result.error_in_exec
    reply = {"printed": captured.stdout[:MAX_TEXT], "shown": shown(captured.outputs)}
    return reply | {"error": short(error)} if error else reply


def restore(generators: dict, namespace: dict) -> None:
    """Give random generators the state they have where nobody but the given cells has drawn from them."""
    if generators:
        import numpy as np
    for name, state in generators.items():
        bits = getattr(np.random, state["bit_generator"])()
        bits.state = state
        namespace[name] = np.random.Generator(bits)


def answer(request: dict, ipython: object, namespace: dict) -> dict:
    """Run a cell, look up a name, call a function by its name, or store a file."""
    match request:
        case {"run": source, "generators": generators}:
            restore(generators, namespace)
            return run(ipython, source)
        case {"kind": name}:
            kind = "missing" if name not in namespace else "callable" if callable(namespace[name]) else "value"
            return {"value": kind}
        case {"get": name}:
            return {"value": encode(namespace[name])}
        case {"call": name, "args": args, "kwargs": kwargs}:
            return {"value": encode(namespace[name](*decode(args), **decode(kwargs)))}
        case {"file": name, "data": data}:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(base64.b64decode(data))
            return {}


def limit(limits: dict, cores: list[int]) -> None:
    import resource  # Windows has none, and no sandbox either

    for name, most in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
    if cores:
        os.sched_setaffinity(0, cores)


def main() -> None:
    packages, limits, cores = sys.argv[1:]
    limit(json.loads(limits), json.loads(cores))
    # As in Jupyter, what the student writes beside the notebook can be imported.
    sys.path[:0] = ["", packages]
    # The student's print and input get other files than the two that carry the answers.
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    module = types.ModuleType("__main__")
    ipython = shell(module)
    for line in requests:
        try:
            reply = json.dumps(answer(json.loads(line), ipython, module.__dict__))
        except BaseException as error:  # SystemExit too: leaving is no answer
            reply = json.dumps({"error": short(error)})
        print(reply, file=answers, flush=True)


if __name__ == "__main__":
    main()

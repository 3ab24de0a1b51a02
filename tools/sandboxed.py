"""The student's side of grading: runs alone in a sandbox, takes cells and calls, and answers with plain data.

`tools.grading` starts this file as a program of its own, sends it one JSON document a line, and reads one for each. Whatever a student's
code does in here, all it can send out is numbers, texts, and lists, dictionaries and arrays of them.
"""

import base64
import contextlib
import io
import json
import os
import sys
import traceback
import types

MAX_TEXT = 10_000  # characters of a cell's output that are kept
ARRAY_KINDS = "biufc"  # NumPy's booleans, whole numbers, real and complex ones: nothing that could hold an object


def encode(value: object) -> object:
    """Turn plain data into what JSON can hold.

    Raises:
        TypeError: `value` is none of number, text, None, list, tuple, dictionary, or anything that NumPy takes for a numeric array.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) in (list, tuple):
        return {type(value).__name__: [encode(item) for item in value]}
    if type(value) is dict:
        return {"dict": [[encode(key), encode(item)] for key, item in value.items()]}
    import numpy as np  # here, because most answers come without it and every start would wait for it

    array = np.asarray(value)
    if array.dtype.kind not in ARRAY_KINDS:
        raise TypeError(f"an object of type {type(value).__name__} is no plain data; expected numbers, texts, or lists or arrays of them.")
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"array": [array.dtype.str, list(array.shape), data]}


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
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "cell"]
    where = f" (line {lines[-1]} of the cell)" if lines else ""
    return "".join(traceback.format_exception_only(error)).strip()[:MAX_TEXT] + where


def answer(request: dict, namespace: dict) -> dict:
    """Run a cell, look up a name, or call a function by its name."""
    match request:
        case {"run": source}:
            exec(compile(source, "cell", "exec"), namespace)
            return {}
        case {"kind": name}:
            kind = "missing" if name not in namespace else "callable" if callable(namespace[name]) else "value"
            return {"value": kind}
        case {"get": name}:
            return {"value": encode(namespace[name])}
        case {"call": name, "args": args, "kwargs": kwargs}:
            return {"value": encode(namespace[name](*decode(args), **decode(kwargs)))}


def main() -> None:
    # The student's print and input get other files than the two that carry the answers.
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    for line in requests:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            try:
                reply = answer(json.loads(line), module.__dict__)
            except BaseException as error:  # SystemExit too: leaving is no answer
                reply = {"error": short(error)}
        print(json.dumps(reply | {"printed": printed.getvalue()[:MAX_TEXT]}), file=answers, flush=True)


if __name__ == "__main__":
    main()

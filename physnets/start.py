"""A quiet start of TensorFlow, whose C++ part writes messages for its developers into the reader's notebook."""

import os
import tempfile


def quiet_tensorflow() -> None:
    """Import TensorFlow without its messages: about processors, graphics drivers it has not found, and steps of its graph optimiser.

    Call it before the first import of Keras or TensorFlow. Python's exceptions and warnings, Keras' among them, come as always. Whoever has
    set `TF_CPP_MIN_LOG_LEVEL` (0 shows everything, 3 only what ends the program) keeps that level; with 0 this does nothing.

    Raises:
        ImportError: TensorFlow cannot be imported; its messages are shown then.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "0":
        return
    # The first messages come while the libraries are being loaded, whatever the level: straight to file descriptor 2.
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            held_back.seek(0)
            os.write(stderr, held_back.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)

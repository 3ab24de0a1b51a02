"""The quiet start of TensorFlow: nothing on stderr of what is meant for its developers, everything that is meant for the reader."""

import os
import re
import subprocess
import sys

import pytest

# What made each of the messages: the import, the first operation (which looks for a graphics card), the optimiser of a compiled loop.
PROGRAM = """
from physnets.start import quiet_tensorflow

quiet_tensorflow()
import keras, numpy as np
import pandas as pd
from physnets.training import train_members

model = keras.Sequential([keras.Input((2, 1)), keras.layers.SimpleRNN(2, activation="relu"), keras.layers.Dense(1)])
model.compile("adam", "mse")
trained = train_members(model, (np.ones((3, 2, 1)), np.ones((3, 1))), pd.DataFrame({"seed": [0]}), epochs=2, batch_size=3)
print(trained.history["loss"].shape)
"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess:
    inherited = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=inherited | environment, check=False)


def test_nothing_is_written_for_the_developers_of_tensorflow():
    result = run(PROGRAM)
    assert (result.returncode, result.stdout) == (0, "(1, 2)\n")
    assert {line.split(":")[0] for line in re.split(r"[\r\n]+", result.stderr) if line} == {"training 1 network"}  # the bar


def test_whoever_asked_for_all_messages_gets_them():
    result = run(PROGRAM, TF_CPP_MIN_LOG_LEVEL="0")
    assert result.stdout == "(1, 2)\n"
    assert re.search("^I0000 ", result.stderr, re.MULTILINE)


@pytest.mark.parametrize("level", ["2", "3"])
def test_a_level_that_another_program_has_left_behind_still_makes_no_noise_at_the_start(level):
    result = run(
        "from physnets.start import quiet_tensorflow\nquiet_tensorflow()\nimport os, keras; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])",
        TF_CPP_MIN_LOG_LEVEL=level,
    )
    assert (result.stdout, result.stderr) == (f"{level}\n", "")


def test_warnings_and_errors_come_as_always():
    result = run(
        "from physnets.start import quiet_tensorflow\nquiet_tensorflow()\nimport keras, tensorflow as tf\n"
        "keras.layers.Dense(1, input_shape=(1,))\ntf.zeros((2, 3)) @ tf.zeros((2, 3))"
    )
    assert "UserWarning: Do not pass an `input_shape`" in result.stderr
    assert result.stderr.rstrip().splitlines()[-1].startswith("tensorflow.python.framework.errors_impl.InvalidArgumentError")


@pytest.mark.parametrize("fault", ["raise ImportError('broken')", "raise KeyboardInterrupt"])
def test_a_start_that_fails_shows_what_was_held_back(tmp_path, fault):
    (tmp_path / "tensorflow.py").write_text(f"import os\nos.write(2, b'F0000 no such processor\\n')\n{fault}")
    result = run("from physnets.start import quiet_tensorflow\nquiet_tensorflow()", PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))
    assert result.stderr.startswith("F0000 no such processor\nTraceback")
    assert fault.split()[1].partition("(")[0] in result.stderr.splitlines()[-1]

"""One seed, and everything that is drawn at random repeats."""

import random
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config

from physnets.reproducibility import seed_everything


@pytest.fixture(autouse=True)
def _determinism_off():
    """TensorFlow's switch belongs to the process: off at the start of each test, and off again for the tests of other files."""
    config.disable_op_determinism()
    yield
    config.disable_op_determinism()


def draws() -> dict[str, list[float]]:
    return {
        "python": [random.random() for _ in range(3)],
        "numpy": np.random.random(3).tolist(),  # noqa: NPY002 - the generator that libraries share
        "tensorflow": tf.random.normal([3]).numpy().tolist(),
        "keras": keras.ops.convert_to_numpy(keras.random.normal([3])).tolist(),
        "weights": keras.ops.convert_to_numpy(keras.initializers.GlorotUniform()([3])).tolist(),
    }


def test_every_generator_repeats_with_the_seed_and_changes_with_it():
    seed_everything(2024)
    first = draws()
    goes_on = draws()
    seed_everything(2024)
    again = draws()
    seed_everything(2025)
    other = draws()
    assert again == first
    for name in first:
        assert goes_on[name] != first[name], name
        assert other[name] != first[name], name


def test_op_determinism_is_switched_on():
    assert not config.is_op_determinism_enabled()
    seed_everything(1)
    assert config.is_op_determinism_enabled()


def test_numpy_integers_are_whole_numbers_too():
    seed_everything(7)
    expected = draws()
    seed_everything(np.int64(7))
    assert draws() == expected


@pytest.mark.parametrize(("policy", "floatx"), [("float64", "float32"), ("mixed_float16", "float32"), ("float64", "float64")])
def test_the_precision_stays(policy, floatx):
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)
    try:
        seed_everything(0)
        assert keras.config.dtype_policy().name == policy
        assert keras.config.floatx() == floatx
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_the_smallest_and_the_largest_seed_work(seed):
    seed_everything(seed)


@pytest.mark.parametrize(
    ("seed", "given"),
    [
        (-1, "-1"),
        (2**32, "4294967296"),
        (np.int64(-3), repr(np.int64(-3))),
        (1.0, "1.0"),
        (float("nan"), "nan"),
        ("1", "'1'"),
        (None, "None"),
        ([1], "[1]"),
    ],
)
def test_other_seeds_are_refused_and_change_nothing(seed, given):
    state = random.getstate()
    with pytest.raises(ValueError, match=rf"^the seed is {re.escape(given)}, expected a whole number from 0 to 4294967295\.$"):
        seed_everything(seed)
    assert random.getstate() == state
    assert not config.is_op_determinism_enabled()

"""Sequences in time: windows cut from them, parts split and scaled without a look ahead, forecasts rolled out step by step."""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.preprocessing import StandardScaler

from physnets.inputs import number, numbers, whole
from physnets.inputs import series as checked_series

if TYPE_CHECKING:
    import keras

Windows = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class SplitSeries:
    """Windows of a sequence in three parts that follow one another in time, in the training part's units of scale.

    Attributes:
        train: inputs of shape (n, window, F) and targets of shape (n, horizon, F), all within the first part of the sequence.
        validation: the same for the second part. Its targets lie in that part; its first inputs reach back into the part before, which
            is known by then.
        test: the same for the last part.
        scaler: shift and scale of each feature, fitted on the training part alone.
    """

    train: Windows
    validation: Windows
    test: Windows
    scaler: StandardScaler

    def unscale(self, values: np.ndarray) -> np.ndarray:
        """Return scaled values of shape (..., F) in the sequence's own units.

        Raises:
            ValueError: the values are no numbers, or their last axis does not hold the F features; NaN and infinity are let through.
        """
        values = numbers(values, "the scaled values", (..., len(self.scaler.mean_)), finite=False)
        return values * self.scaler.scale_ + self.scaler.mean_


def windows(series: np.ndarray | pd.Series | pd.DataFrame, window: int, horizon: int = 1) -> Windows:
    """Cut a sequence into all its overlapping windows, each with the values that follow it.

    Args:
        series: shape (T,) for one feature or (T, F), time along the first axis, oldest first, finite numbers. An index, if there is one, has
            to hold dates or numbers and to increase from row to row. In a table that starts with the newest row, as many price files do,
            rows that are merely counted do increase: sort it by its dates first, or the windows run backwards and nothing shows it.
        window: values in an input, 1 or more.
        horizon: values in a target, 1 or more.

    Returns:
        Two arrays, new ones, with n = T - window - horizon + 1:

        - inputs: shape (n, window, F); entry [i, j] is the sequence at time i + j.
        - targets: shape (n, horizon, F); entry [i, j] is the sequence at time i + window + j.

    Raises:
        ValueError: one of the arguments is not as described, or the sequence is shorter than window + horizon.
    """
    values = checked_series(series)
    window, horizon = whole(window, "the window"), whole(horizon, "the horizon")
    if len(values) < window + horizon:
        raise ValueError(f"the sequence has {len(values)} values, expected at least {window} + {horizon}, one window and what follows it.")
    cut = np.lib.stride_tricks.sliding_window_view(values, window + horizon, axis=0).swapaxes(1, 2)
    return cut[:, :window].copy(), cut[:, window:].copy()


def split_windows(
    series: np.ndarray | pd.Series | pd.DataFrame, window: int, horizon: int = 1, *, train: float = 0.7, validation: float = 0.15
) -> SplitSeries:
    """Split a sequence in time, scale it by its training part, and cut each part into windows.

    A window belongs to the part that holds its whole target; one whose target lies across a boundary is left out.

    Args:
        series: as in `windows`, oldest first.
        window: as in `windows`.
        horizon: as in `windows`.
        train: share of the values in the first part, between 0 and 1.
        validation: share of the values in the second part; the third takes the rest.

    Returns:
        The windows of the three parts, each feature scaled to mean 0 and standard deviation 1 over the training part; one that is
        constant there is only shifted.

    Raises:
        ValueError: one of the arguments is not as described, a part is too short for a window, or a feature varies so much or so little
            that double precision does not hold its variance.
    """
    train = number(train, "the share of the training part")
    validation = number(validation, "the share of the validation part")
    if not (train > 0 and validation > 0 and train + validation < 1):
        raise ValueError(f"the shares are {train} and {validation}, expected two positive numbers whose sum is below 1.")
    values = checked_series(series)
    window, horizon = whole(window, "the window"), whole(horizon, "the horizon")
    first, second = round(train * len(values)), round((train + validation) * len(values))
    bounds = {"training": (0, first), "validation": (first - window, second), "test": (second - window, len(values))}
    for name, (start, stop) in bounds.items():
        if start < 0 or stop - start < window + horizon:
            raise ValueError(
                f"the sequence's {len(values)} values leave too few for the {name} part, expected one window of {window} + {horizon}."
            )
    with np.errstate(all="ignore"):
        scaler = StandardScaler().fit(values[:first])
        scaled = scaler.transform(values)
        spread = scaled[:first].std(axis=0)
    # The scaler leaves a feature as it is whose variance overflows, or is no more than rounding errors.
    wrong = np.flatnonzero((values[:first].min(axis=0) < values[:first].max(axis=0)) & ~np.isclose(spread, 1, rtol=1e-3))
    if wrong.size:
        low, high = values[:first, wrong[0]].min(), values[:first, wrong[0]].max()
        raise ValueError(
            f"feature {wrong[0]} goes from {low:g} to {high:g} in the training part, too wide or too narrow to be scaled in double precision; "
            "expected other units, or differences."
        )
    return SplitSeries(*(windows(scaled[start:stop], window, horizon) for start, stop in bounds.values()), scaler)


def roll_out(model: "keras.Model", start: np.ndarray, steps: int) -> np.ndarray:
    """Forecast step by step, each forecast becoming the newest value of the window for the next, as one compiled loop.

    The loop is compiled at the first call for a model and a shape of `start`, and serves any number of steps; changed weights take effect.

    Args:
        model: takes windows of shape (n, window, F) and returns the value after each, shape (n, F).
        start: the known windows, shape (n, window, F), finite numbers.
        steps: values to forecast, 1 or more.

    Returns:
        The forecasts, shape (n, steps, F).

    Raises:
        ValueError: one of the arguments is not as described.
    """
    steps = whole(steps, "the number of steps", most=2**31 - 1)
    shapes = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    outputs = getattr(model, "outputs", None)
    if not (outputs and isinstance(shapes[0], tuple) and len(shapes[0]) == 3 and shapes[1] == (None, shapes[0][2])):
        raise ValueError(
            f"the model's input and output shapes are {shapes[0]} and {shapes[1]}, expected a Keras model, built, with (None, window, features) "
            "and (None, features): one value for each feature."
        )

    import tensorflow as tf  # takes seconds, so only when somebody asks for it

    lengths = [word if length is None else length for word, length in zip(("n", "window", "features"), shapes[0], strict=True)]
    dtype = tf.as_dtype(outputs[0].dtype).as_numpy_dtype
    start = numbers(start, "the start", tuple(lengths), dtype=dtype)
    return _compiled_roll_out(model)(tf.constant(start), tf.constant(steps)).numpy()


# Compiling takes longer than hundreds of steps. Few models are kept, because each keeps its memory.
@functools.lru_cache(maxsize=4)
def _compiled_roll_out(model):
    import tensorflow as tf

    @tf.function
    def forecast(window, steps):
        values = tf.TensorArray(window.dtype, size=steps)
        for step in tf.range(steps):
            value = model(window, training=False)
            values = values.write(step, value)
            window = tf.concat([window[:, 1:], value[:, tf.newaxis]], axis=1)
        return tf.transpose(values.stack(), [1, 0, 2])

    return forecast

"""Windows, splits and scaling against brute force; the compiled loops against plain ones."""

import functools

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from physnets import sequences
from physnets.sequences import roll_out, split_windows, windows

shapes = st.fixed_dictionaries(
    {"length": st.integers(1, 60), "features": st.integers(1, 4), "window": st.integers(1, 9), "horizon": st.integers(1, 9)}
)


def series_of(length, features, seed=0):
    return np.random.default_rng(seed).normal(3, 2, size=(length, features))


@settings(deadline=None)
@given(shapes)
def test_windows_are_those_of_a_plain_loop(shape):
    length, window, horizon = shape["length"], shape["window"], shape["horizon"]
    series = series_of(length, shape["features"])
    if length < window + horizon:
        with pytest.raises(ValueError, match=rf"^the sequence has {length} values, expected at least {window} \+ {horizon}, one window"):
            windows(series, window, horizon)
        return
    X, Y = windows(series, window, horizon)
    starts = range(length - window - horizon + 1)
    np.testing.assert_array_equal(X, [[series[s + j] for j in range(window)] for s in starts])
    np.testing.assert_array_equal(Y, [[series[s + window + j] for j in range(horizon)] for s in starts])


def test_a_sequence_of_numbers_has_one_feature_and_windows_are_copies():
    series = np.arange(6.0)
    X, Y = windows(series, 3)
    assert X.shape == (3, 3, 1) and Y.shape == (3, 1, 1)
    X[:], Y[:] = -1, -1
    np.testing.assert_array_equal(series, np.arange(6.0))


def split_or_refusal(series, window, horizon, train, validation):
    try:
        return split_windows(series, window, horizon, train=train, validation=validation)
    except ValueError as error:
        assert "leave too few" in str(error)
        return None


@settings(deadline=None)
@given(shapes, st.floats(0.3, 0.7), st.floats(0.1, 0.25))
def test_no_value_from_the_future_reaches_a_part(shape, train, validation):
    """Each value is its own position, so the windows tell where they were cut."""
    length, window, horizon = shape["length"], shape["window"], shape["horizon"]
    positions = np.arange(length, dtype=float)
    split = split_or_refusal(positions, window, horizon, train, validation)
    first, second = round(train * length), round((train + validation) * length)
    parts = [range(0, first), range(first, second), range(second, length)]
    if split is None:
        enough = [first - window - horizon, second - first - horizon, length - second - horizon, first - window]
        assert min(enough) < 0
        return
    for (X, Y), part in zip((split.train, split.validation, split.test), parts, strict=True):
        X, Y = np.round(split.unscale(X)), np.round(split.unscale(Y))
        inside = [s for s in range(length - window - horizon + 1) if s + window >= part[0] and s + window + horizon - 1 <= part[-1]]
        np.testing.assert_array_equal(X[:, 0, 0], inside)
        np.testing.assert_array_equal(Y[:, -1, 0], np.array(inside) + window + horizon - 1)
    assert np.round(split.unscale(split.train[0])).max() < first and np.round(split.unscale(split.train[1])).max() < first


@settings(deadline=None)
@given(st.integers(40, 60), st.integers(1, 4), st.integers(1, 4), st.integers(1, 2), st.integers(0, 99))
def test_later_values_change_nothing_in_the_training_part_or_the_scale(length, features, window, horizon, seed):
    series = series_of(length, features, seed)
    how = {"window": window, "horizon": horizon, "train": 0.5, "validation": 0.25}
    before = split_windows(series, **how)
    changed = series.copy()
    first = round(0.5 * len(series))
    changed[first:] = 1e3 * np.random.default_rng(1).normal(size=changed[first:].shape)
    after = split_windows(changed, **how)
    np.testing.assert_array_equal(before.train[0], after.train[0])
    np.testing.assert_array_equal(before.train[1], after.train[1])
    np.testing.assert_array_equal(before.scaler.mean_, after.scaler.mean_)
    np.testing.assert_allclose(before.scaler.mean_, series[:first].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(before.scaler.scale_, series[:first].std(axis=0), rtol=1e-12)


def test_unscaled_windows_are_the_sequence_again():
    series = series_of(50, 3)
    split = split_windows(series, 4, 2)
    np.testing.assert_allclose(split.unscale(split.train[0]), windows(series[:35], 4, 2)[0], rtol=1e-12)


def test_unscaling_refuses_to_invent_features():
    split = split_windows(series_of(50, 2), 4)
    for forecast in (np.zeros((3, 1)), np.zeros(3), 0.5):
        with pytest.raises(ValueError, match=r"^the shape of the scaled values is .*, expected \(\.\.\., 2\)\.$"):
            split.unscale(forecast)
    assert split.unscale([0.0, np.nan]).shape == (2,)


def test_a_constant_feature_is_only_shifted():
    table = np.stack([np.arange(50.0), np.full(50, 7.0)], axis=1)
    split = split_windows(table, 4)
    assert not split.train[0][..., 1].any()
    np.testing.assert_array_equal(split.unscale(split.test[0])[..., 1], 7)


@pytest.mark.parametrize(("size", "offset"), [(1e160, 0), (1e-170, 0), (1e-9, 1e6)])
@pytest.mark.filterwarnings("error")
def test_a_feature_whose_variance_cannot_be_computed_is_refused(size, offset):
    """Its variance overflows, underflows, or is made of rounding errors: one step between numbers near 1e6 is 1e-10."""
    with pytest.raises(ValueError, match=r"^feature 0 goes from .* in the training part, too wide or too narrow to be scaled"):
        split_windows(offset + size * np.sin(np.arange(10_000.0)), 4)


TEXT_DATES = ["12/30/2023", "12/31/2023", "01/01/2024", "01/02/2024"]


@pytest.mark.parametrize("index", [TEXT_DATES, sorted(TEXT_DATES), pd.CategoricalIndex(TEXT_DATES), pd.Index(TEXT_DATES, dtype=object)])
def test_dates_as_text_are_refused_in_whatever_order(index):
    with pytest.raises(
        ValueError, match=r"^the index of the sequence holds (text|categorical) values, .*: convert dates with pd\.to_datetime"
    ):
        windows(pd.Series(np.arange(4.0), index), 1)


def test_dates_may_index_the_sequence():
    dates = pd.date_range("2020-01-01", periods=12)
    table = pd.DataFrame({"a": np.arange(12.0), "b": np.arange(12.0) ** 2}, dates)
    np.testing.assert_array_equal(windows(table, 3)[0], windows(table.to_numpy(), 3)[0])


DATES = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-06"])


@pytest.mark.parametrize(
    ("series", "window", "horizon", "message"),
    [
        (np.ones(5), 0, 1, r"^the window is 0, expected a whole number, 1 or more\.$"),
        (np.ones(5), 2, -1, r"^the horizon is -1, expected a whole number, 1 or more\.$"),
        (np.ones(5), 2.5, 1, r"^the window is 2\.5, expected a whole number, 1 or more\.$"),
        (np.ones((2, 3, 4)), 1, 1, r"^the shape of the sequence is \(2, 3, 4\), expected \(T,\) or \(T, features\)\.$"),
        (np.array([]), 1, 1, r"^the shape of the sequence is \(0,\), .* with no length 0\.$"),
        ([1, np.nan, 3, np.inf], 1, 1, r"^found nan at position 1 in the sequence, expected finite .* too large: 2\.$"),
        (
            pd.Series(np.ones(4), DATES[[0, 2, 1, 3]]),
            1,
            1,
            r"^the index of the sequence goes from 2020-01-03 .* to 2020-01-02 .*, expected it to increase",
        ),
        (
            pd.Series(np.ones(4), DATES[[0, 1, 1, 3]]),
            1,
            1,
            r"^the index of the sequence goes from 2020-01-02 .* to 2020-01-02 .*drop duplicates\.$",
        ),
    ],
)
def test_bad_input_to_windows_gets_one_sentence(series, window, horizon, message):
    for call in (windows, split_windows):
        with pytest.raises(ValueError, match=message) as error:
            call(series, window, horizon)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("shares", [(0, 0.5), (0.5, 0), (0.7, 0.3), (-0.1, 0.2)])
def test_bad_shares_get_one_sentence(shares):
    with pytest.raises(ValueError, match=r"^the shares are .*, expected two positive numbers whose sum is below 1\.$"):
        split_windows(np.ones(100), 3, train=shares[0], validation=shares[1])


def test_a_part_too_short_for_a_window_is_named():
    with pytest.raises(
        ValueError, match=r"^the sequence's 20 values leave too few for the validation part, expected one window of 3 \+ 5\.$"
    ):
        split_windows(np.arange(20.0), 3, 5)


@functools.cache
def network(features=2, window=5):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((window, features)), layers.SimpleRNN(7), layers.Dense(features)])


def step_by_step(model, window, steps):
    """The plain loop that a reader would write."""
    found = []
    for _ in range(steps):
        found.append(np.asarray(model(window)))
        window = np.concatenate([window[:, 1:], found[-1][:, None]], axis=1)
    return np.stack(found, axis=1)


@pytest.mark.parametrize("steps", [1, 2, 40])
@pytest.mark.parametrize("n", [1, 3])
def test_the_roll_out_is_the_step_by_step_loop(steps, n):
    start = np.random.default_rng(n).normal(size=(n, 5, 2)).astype("float32")
    found = roll_out(network(), start, steps)
    assert found.shape == (n, steps, 2)
    # Single precision, and a network that contracts: the rounding errors of the steps do not add up.
    np.testing.assert_allclose(found, step_by_step(network(), start, steps), rtol=1e-4, atol=1e-5)


def test_the_roll_out_follows_changed_weights_and_is_compiled_once_for_any_number_of_steps():
    model, start = keras.models.clone_model(network()), np.ones((1, 5, 2), "float32")
    before = roll_out(model, start, 8)
    model.set_weights([2 * w for w in network().get_weights()])
    assert not np.allclose(roll_out(model, start, 8), before)
    roll_out(model, start, 800)
    assert sequences._compiled_roll_out(model).experimental_get_tracing_count() == 1


def test_the_roll_out_leaves_its_start_alone():
    start = np.ones((1, 5, 2), "float32")
    roll_out(network(), start, 3)
    np.testing.assert_array_equal(start, 1)


@pytest.mark.parametrize(
    ("start", "steps", "message"),
    [
        (np.ones((1, 5, 2)), 0, r"^the number of steps is 0, expected a whole number from 1 to 2147483647\.$"),
        (np.ones((1, 5, 2)), -3, r"^the number of steps is -3, expected a whole"),
        (np.ones((5, 2)), 1, r"^the shape of the start is \(5, 2\), expected \(n, 5, 2\)\.$"),
        (np.full((1, 5, 2), np.nan), 1, r"^found nan at position \(0, 0, 0\) in the start, expected finite numbers only;"),
        (np.full((1, 5, 2), 1e39), 1, r"^found 1e\+39 at position \(0, 0, 0\) in the start, expected numbers that float32 can hold;"),
        (np.ones((1, 4, 2)), 1, r"^the shape of the start is \(1, 4, 2\), expected \(n, 5, 2\)\.$"),
        (np.ones((1, 5, 3)), 1, r"^the shape of the start is \(1, 5, 3\), expected"),
    ],
)
def test_bad_input_to_the_roll_out_gets_one_sentence(start, steps, message):
    with pytest.raises(ValueError, match=message):
        roll_out(network(), start, steps)


def test_a_model_that_forecasts_something_else_is_refused():
    model = keras.Sequential([keras.Input((5, 2)), layers.Flatten(), layers.Dense(1)])
    with pytest.raises(
        ValueError, match=r"^the model's input and output shapes are \(None, 5, 2\) and \(None, 1\), expected .*each feature\.$"
    ):
        roll_out(model, np.ones((1, 5, 2)), 1)
    for model in (keras.Sequential([layers.SimpleRNN(3), layers.Dense(2)]), "a model"):
        with pytest.raises(ValueError, match=r"^the model's input and output shapes are None and None, expected a Keras model, built,"):
            roll_out(model, np.ones((1, 5, 2)), 1)


@pytest.mark.parametrize("policy", ["float64", "mixed_float16"])
def test_layers_of_another_precision_than_the_model_roll_out_too(policy):
    model = keras.Sequential([keras.Input((5, 2)), layers.Flatten(), layers.Dense(2, dtype=policy, kernel_initializer="ones")])
    # Sums of 0.1: the smallest step of half precision near 1 and 10 is 2**-10 and 2**-7.
    np.testing.assert_allclose(roll_out(model, np.full((1, 5, 2), 0.1), 2)[0, :, 0], [1, 2.8], rtol=2**-9)


def small_problem(optimizer, jit_compile=False):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4, 1)), layers.GRU(6), layers.Dense(1)])
    model.compile(optimizer(), "mse", jit_compile=jit_compile)
    X, Y = windows(np.sin(np.arange(14.0)), 4)
    return model, X.astype("float32"), Y[:, 0].astype("float32")

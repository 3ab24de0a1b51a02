"""What book/corrections.md says of the source lectures, where no lecture shows it: their way fails as described, and ours does not."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
import tensorflow as tf
from matplotlib.figure import Figure
from scipy.special import expit as sigmoid
from sklearn.datasets import load_breast_cancer
from sklearn.datasets import load_digits as digits_of_scikit_learn
from sklearn.metrics import log_loss

from physnets.checks import gradient_error
from physnets.data import load_digits
from physnets.plots import heatmap

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("today", "error", "printed"),
    [
        (lambda: keras.optimizers.SGD(learning_rate=0.5), ValueError, lambda: keras.optimizers.SGD(lr=0.5)),
        (
            lambda: keras.layers.Dense(250 // 2)(np.ones((1, 4))),
            (TypeError, ValueError),
            lambda: keras.layers.Dense(250 / 2)(np.ones((1, 4))),
        ),
        (lambda: tf.zeros_like([1.0, 2.0]), AttributeError, lambda: tf.zeros_liks([1.0, 2.0])),
        (lambda: range(2 * math.isqrt(100)), TypeError, lambda: range(2 * np.sqrt(100))),
    ],
    ids=["learning rate", "units", "zeros", "range"],
)
def test_calls_that_libraries_refuse_today(today, error, printed):
    today()
    with pytest.raises(error):
        printed()


def test_a_forecast_goes_back_into_the_window_as_a_row_of_the_output():
    def forecasts(steps, keep):
        """Each forecast is the mean of a window of two values, shape (1, 2, 1); `keep` says what of it, (1, 1), is kept for later."""
        older, newer, coming, found = [1.0], [3.0], [3.0], []
        for _ in range(steps):
            output = np.array([[older, newer]]).mean(axis=1)
            found.append(output.item())
            older, newer, coming = coming, output[0], keep(output)
        return found

    assert forecasts(4, keep=lambda output: output[0]) == [2.0, 2.5, 2.25, 2.375]
    assert forecasts(2, keep=lambda output: output) == [2.0, 2.5]
    with pytest.raises(ValueError, match="inhomogeneous"):
        forecasts(3, keep=lambda output: output)


def test_batches_of_images_are_joined_along_the_axis_they_have():
    batches = [tf.fill((10, 28, 28, 1), float(number)) for number in range(3)]
    assert tf.concat(batches, axis=0).shape == (30, 28, 28, 1)
    pair = tf.stack(batches[:2])
    assert pair.shape == (2, 10, 28, 28, 1)
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.stack([pair, batches[2]])


def test_images_and_labels_shuffled_apart_no_longer_belong_together():
    images, labels = load_digits()
    label_of = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}

    def share(images, labels):
        return np.mean([label_of[image.tobytes()] == label for image, label in zip(images, labels, strict=True)])

    together, apart = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        order, another = rng.permutation(len(images)), rng.permutation(len(images))
        together.append(share(images[order], labels[order]))
        apart.append(share(images[order], labels[another]))
    chance = np.sum((np.bincount(labels) / len(labels)) ** 2)
    assert set(together) == {1.0}
    assert chance == pytest.approx(0.1, abs=1e-3)
    assert np.mean(apart) == pytest.approx(chance, abs=5 * np.sqrt(chance / len(labels) / 20))  # five standard errors


def test_a_softmax_without_its_maximum_ends_in_nan_where_the_other_stays_finite():
    """One network of the source's grid, its learning rate 10: raw pixels, N(0, 1) weights, summed gradients of batches of 100."""
    images, labels = load_digits()
    X, T = images.reshape(-1, 64), np.eye(10)[labels]

    def trained(shift):
        rng = np.random.default_rng(0)
        W1, W2 = rng.normal(size=(64, 50)), rng.normal(size=(50, 10))
        for rows in rng.permutation(1700).reshape(17, 100):
            A = sigmoid(X[rows] @ W1)
            Z = A @ W2
            powers = np.exp(Z - shift(Z))
            delta = powers / powers.sum(axis=1, keepdims=True) - T[rows]
            W1, W2 = W1 - 10 * X[rows].T @ (delta @ W2.T * A * (1 - A)), W2 - 10 * A.T @ delta
        return W2

    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isnan(trained(lambda Z: 0)).all()
    assert np.isfinite(trained(lambda Z: Z.max(axis=1, keepdims=True))).all()


def test_the_penalty_and_its_gradient_differ_by_a_factor_of_two():
    W, lmbd = np.random.default_rng(0).normal(size=(4, 3)), 0.3
    assert gradient_error(lambda p: lmbd / 2 * np.sum(p[0] ** 2), [W], [lmbd * W]) < 1e-8
    assert gradient_error(lambda p: lmbd * np.sum(p[0] ** 2), [W], [lmbd * W]) == pytest.approx(0.5)
    assert float(keras.regularizers.L2(lmbd)(W)) == pytest.approx(lmbd * np.sum(W**2), rel=1e-6)


def test_the_axes_of_the_cancer_figure_are_columns_1_and_2():
    assert list(load_breast_cancer().feature_names[[1, 2, 5]]) == ["mean texture", "mean perimeter", "mean compactness"]


def test_the_last_batch_of_an_epoch_is_short_unless_it_is_dropped():
    images = tf.data.Dataset.range(60_000)
    whole, cut = ([len(batch) for batch in images.batch(256, drop_remainder=drop)] for drop in (False, True))
    assert whole[-1] == 96 and set(whole[:-1]) == {256}
    assert set(cut) == {256} and len(cut) == len(whole) - 1


def test_a_batch_size_among_the_layers_makes_another_network_of_each_batch_size():
    def weights(channels):
        return keras.Sequential([keras.Input((100,)), keras.layers.Dense(7 * 7 * channels, use_bias=False)]).count_params()

    assert [weights(batch_size) for batch_size in (64, 256)] == [313_600, 1_254_400]
    network = keras.Sequential([keras.Input((100,)), keras.layers.Dense(7 * 7 * 128, use_bias=False)])
    assert [network(np.zeros((batch_size, 100))).shape for batch_size in (64, 256)] == [(64, 6272), (256, 6272)]


def test_a_heatmap_of_a_bare_array_counts_its_rows():
    etas = lmbds = np.logspace(-5, 1, 7)
    bare, ours = (Figure().add_subplot() for _ in range(2))
    sns.heatmap(np.zeros((7, 7)), ax=bare)
    heatmap(pd.DataFrame(np.zeros((7, 7)), etas, lmbds), label="accuracy", ax=ours)
    for axis in ("get_xticklabels", "get_yticklabels"):
        assert [text.get_text() for text in getattr(bare, axis)()] == list("0123456")
        assert [float(text.get_text()) for text in getattr(ours, axis)()] == pytest.approx(etas)


def test_the_channel_axis_comes_last():
    images, _ = load_digits()
    convolution = keras.layers.Conv2D(10, 3)
    assert images[:, :, np.newaxis].shape == (1797, 8, 1, 8)
    with pytest.raises(ValueError):
        keras.layers.Conv2D(10, 3)(images[:, :, np.newaxis])
    assert images[..., np.newaxis].shape == (1797, 8, 8, 1)
    assert convolution(images[..., np.newaxis]).shape == (1797, 6, 6, 10)


def test_a_unit_has_a_weight_for_each_pixel_and_a_bias():
    def parameters(*shape):
        return keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(1)]).count_params()

    assert parameters(28, 28, 1) == 784 + 1
    assert parameters(*load_digits()[0][0].shape, 1) == 64 + 1


def sigmoid_network(parameters, x):
    """Activations of layers with a_j = sigmoid(sum_i a_i w_ij + b_j)."""
    A = [x]
    for W, b in zip(parameters[::2], parameters[1::2], strict=True):
        A.append(sigmoid(A[-1] @ W + b))
    return A


def propagated(parameters, x, t, sign=1, index="jk", weight="kj"):
    """Gradients of C = sum (y - t)^2 / 2; sign, index of the weight in the sum, and order of dC/dw can be chosen."""
    A, gradients = sigmoid_network(parameters, x), []
    delta = sign * (A[-1] - t) * A[-1] * (1 - A[-1])
    for a, W in zip(A[-2::-1], parameters[-2::-2], strict=True):
        dW = np.outer(a, delta)
        gradients[:0] = [dW if weight == "kj" else dW.T, delta]
        delta = (W @ delta if index == "jk" else delta @ W) * a * (1 - a)
    return gradients


@pytest.fixture
def square():
    """Parameters of three layers of equal size, which let every wrong index pass, an input and a target."""
    rng = np.random.default_rng(0)
    parameters = [rng.normal(size=shape) for _ in range(3) for shape in ((4, 4), 4)]
    return parameters, rng.normal(size=4), rng.random(4)


def test_the_equations_of_backpropagation_as_printed_fail_the_check_that_the_corrected_ones_pass(square):
    parameters, x, t = square

    def error(**printed):
        gradients = propagated(parameters, x, t, **printed)
        return gradient_error(lambda p: np.sum((sigmoid_network(p, x)[-1] - t) ** 2) / 2, parameters, gradients)

    assert error() < 1e-7
    assert error(index="kj") > 0.1
    assert error(weight="jk") > 0.1
    assert error(sign=-1) == pytest.approx(2)  # uphill


def test_descent_that_leaves_out_the_output_layer_stops_short(square):
    parameters, x, t = square

    def descended(moving):
        p = list(parameters)
        for _ in range(2000):
            gradients = propagated(p, x, t)
            p = [old - (k < moving) * gradients[k] for k, old in enumerate(p)]
        return np.sum((sigmoid_network(p, x)[-1] - t) ** 2) / 2

    assert descended(moving=6) < 1e-6 < 1e-3 < descended(moving=4)


def test_the_cross_entropy_with_the_classes_exchanged_prefers_the_wrong_answers():
    y, wrong, t = np.array([0.9, 0.2, 0.7]), np.array([0.1, 0.8, 0.3]), np.array([1, 0, 1])

    def cost(p):
        return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))

    assert cost(y) == pytest.approx(log_loss(t, y)) and cost(y) < cost(wrong)  # y = P(1)
    assert cost(1 - y) > cost(1 - wrong)  # P(0) in its place


def test_the_digits_are_those_of_uci():
    description = digits_of_scikit_learn().DESCR
    assert "UCI" in description and "MNIST" not in description
    assert load_digits()[0].shape == (1797, 8, 8)


def test_graphs_need_no_session():
    assert not hasattr(tf, "Session")
    assert tf.function(lambda x: 2 * x)(tf.constant(21)).numpy() == 42


@pytest.mark.parametrize("backend", ["theano", "cntk"])
def test_keras_runs_on_tensorflow_and_no_longer_on_theano_or_cntk(backend):
    environment = os.environ | {"KERAS_BACKEND": backend}
    process = subprocess.run([sys.executable, "-c", "import keras"], env=environment, capture_output=True, encoding="utf-8", timeout=100)
    assert process.returncode != 0 and f"Unable to import backend : {backend}" in process.stderr
    assert keras.config.backend() == "tensorflow"


def test_the_page_names_tests_that_exist_and_all_of_these():
    page = (ROOT / "book" / "corrections.md").read_text(encoding="utf-8")
    named = re.findall(r"\[`(test_\w+)`\]\[(test_\w+\.py)\]", page)
    text = {file: (ROOT / "tests" / file).read_text(encoding="utf-8") for _, file in named}
    assert [name for name, file in named if f"def {name}(" not in text[file]] == []
    here = set(re.findall(r"^def (test_\w+)\(", text[Path(__file__).name], re.M))
    assert here - {name for name, _ in named} == {"test_the_page_names_tests_that_exist_and_all_of_these"}

"""The grid trained as one program: every member is what Keras makes of it alone, and what cannot be trained is refused in time."""

import dataclasses
import functools
import random

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from keras import layers

from physnets import grid
from physnets.data import load_digits
from physnets.plots import heatmap

EPOCHS, BATCH_SIZE, SEED = 5, 25, 7
HOW = {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "seed": SEED}
# Few samples, so that rounding hardly ever decides which pixel of a window is the largest; the last batch of an epoch has only 10.
TRAINING, VALIDATION = slice(60), slice(60, 110)
QUIET = [(0.05, 0.0), (0.01, 0.1), (0.1, 1e-3)]  # pairs of eta and lambda that converge
DIVERGING = (10.0, 100.0)  # each step multiplies a weight by about 1 - 1000


@functools.cache
def dense(activation="sigmoid"):
    return keras.Sequential([keras.Input((64,)), layers.Dense(20, activation), layers.Dense(10, activation), layers.Dense(10)])


@functools.cache
def convolutional(padding="valid", pooling=layers.MaxPooling2D, strides=1, size=(8, 8)):
    return keras.Sequential(
        [
            keras.Input((*size, 1)),
            layers.Conv2D(4, 3, strides=strides, padding=padding, activation="relu"),
            pooling(2),
            layers.Flatten(),
            layers.Dense(12, activation="relu"),
            layers.Dense(10),
        ]
    )


@functools.cache
def flattened():
    return keras.Sequential([keras.Input((8, 8)), layers.Flatten(), layers.Dense(10)])


def data(model, part=TRAINING):
    """Some digits in the shape that the model takes, pixels from 0 to 1."""
    images, labels = load_digits()
    shape = model.input_shape[1:]
    if len(shape) > 1:
        images = images[:, : shape[0], : shape[1]]
    return (images[part] / 16).reshape(-1, *shape), labels[part]


def points(*pairs):
    return pd.DataFrame(pairs, columns=["eta", "lmbd"])


def train(model, *pairs, **how):
    return grid.train_members(model, data(model), data(model, VALIDATION), points(*pairs), **HOW | how)


# A training takes a second, so several tests look at the same one.
trained = functools.cache(train)


@pytest.fixture(autouse=True)
def _evaluation_in_several_batches(monkeypatch):
    monkeypatch.setattr(grid, "EVALUATION_BATCH", 33)


def trained_alone(model, number, members, eta, lmbd):
    """Weights of one member as Keras trains it, from the initial weights and in the order of the samples that the grid draws."""
    rng = np.random.default_rng(SEED)
    initial = [array[number] for array in grid._initial_weights(model.layers, members, rng)]
    penalty = keras.regularizers.L2(lmbd / 2)

    def with_penalty(layer):
        return type(layer).from_config(layer.get_config() | ({"kernel_regularizer": penalty} if layer.weights else {}))

    alone = keras.models.clone_model(model, clone_function=with_penalty)
    alone.set_weights(initial)
    # Run step by step, a model of this size needs less time than its compilation.
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    alone.compile(keras.optimizers.SGD(eta), loss, run_eagerly=True)
    x, t = data(model)
    for _ in range(EPOCHS):
        order = rng.permutation(len(x))
        alone.fit(x[order], t[order], batch_size=BATCH_SIZE, epochs=1, shuffle=False, verbose=0)
    return alone.get_weights()


def difference(array, reference):
    return np.linalg.norm(array - reference) / np.linalg.norm(reference)


FOUR = [QUIET[0], DIVERGING, QUIET[1], QUIET[2]]


@pytest.mark.parametrize(
    ("architecture", "options", "numbers"),
    [
        pytest.param(dense, ("sigmoid",), (0, 2, 3), id="sigmoid"),
        pytest.param(dense, ("tanh",), (3,), id="tanh"),
        pytest.param(dense, ("relu",), (3,), id="relu"),
        pytest.param(flattened, (), (2,), id="flattened images"),
        pytest.param(convolutional, (), (0, 2, 3), id="convolution"),
        pytest.param(convolutional, ("same", layers.AveragePooling2D), (3,), id="average pooling, same"),
        pytest.param(convolutional, ("same", layers.MaxPooling2D, 1, (7, 5)), (3,), id="odd sizes, same"),
        pytest.param(convolutional, ("same", layers.AveragePooling2D, (2, 1), (7, 8)), (2,), id="strides"),
    ],
)
def test_each_member_is_the_model_that_keras_trains_alone(architecture, options, numbers):
    model = architecture(*options)
    together = trained(model, *FOUR)
    assert together.members["diverged"].tolist() == [False, True, False, False]
    for number in numbers:
        alone = trained_alone(model, number, 4, *FOUR[number])
        for array, reference in zip(together.model(number).get_weights(), alone, strict=True):
            assert array.shape == reference.shape
            assert difference(array, reference) < 1e-5


@pytest.mark.parametrize("factors", [(1.001, 1), (1, 1.01)])
def test_the_comparison_would_see_a_learning_rate_or_a_penalty_slightly_off(factors):
    model = dense("sigmoid")
    alone = trained_alone(model, 2, 4, *np.multiply(FOUR[2], factors))
    assert max(map(difference, trained(model, *FOUR).model(2).get_weights(), alone)) > 3e-5


@pytest.mark.parametrize(("architecture", "options"), [(dense, ("relu",)), (convolutional, ())], ids=["dense", "convolutional"])
def test_a_diverging_member_leaves_its_neighbours_alone_and_gets_no_accuracy(architecture, options):
    model = architecture(*options)
    together = trained(model, *FOUR)
    without = trained(model, FOUR[0], (0.0, 0.0), *FOUR[2:])
    for array, reference in zip(together.weights, without.weights, strict=True):
        np.testing.assert_array_equal(array[[0, 2, 3]], reference[[0, 2, 3]])
    pd.testing.assert_frame_equal(together.members.drop(1), without.members.drop(1))
    assert together.members["diverged"].tolist() == [False, True, False, False]
    for part in ("training", "validation"):
        assert together.members[f"{part} accuracy"].isna().tolist() == [False, True, False, False]
    assert not np.isfinite(np.concatenate([array.ravel() for array in trained_alone(model, 1, 4, *DIVERGING)])).all()


def test_a_batch_larger_than_the_data_is_one_step_an_epoch():
    exact, larger = (trained(dense("sigmoid"), QUIET[2], batch_size=size, epochs=2) for size in (60, 1000))
    for array, reference in zip(larger.weights, exact.weights, strict=True):
        np.testing.assert_array_equal(array, reference)


def test_the_compiled_program_does_what_its_lines_say():
    """Also where there is no compiler; and only lines that Python itself runs count as tested."""
    tf.config.run_functions_eagerly(True)
    try:
        uncompiled = train(dense("sigmoid"), *FOUR)
    finally:
        tf.config.run_functions_eagerly(False)
    for array, reference in zip(uncompiled.weights, trained(dense("sigmoid"), *FOUR).weights, strict=True):
        assert difference(array[[0, 2, 3]], reference[[0, 2, 3]]) < 1e-5


def initial_weights(model, members):
    """From these the training begins, as the comparison with Keras shows."""
    return grid._initial_weights(model.layers, members, np.random.default_rng(SEED))


@pytest.mark.parametrize(
    ("architecture", "fans"),
    [
        (dense, [(64, 20), (20, 10), (10, 10)]),
        (convolutional, [(3 * 3 * 1, 3 * 3 * 4), (3 * 3 * 4, 12), (12, 10)]),
    ],
    ids=["dense", "convolutional"],
)
def test_each_member_starts_within_the_glorot_limits_of_its_own_layers(architecture, fans):
    weights = initial_weights(architecture(), 30)
    for kernels, biases, (fan_in, fan_out) in zip(weights[::2], weights[1::2], fans, strict=True):
        limit = np.sqrt(6 / (fan_in + fan_out))
        largest = abs(kernels).reshape(30, -1).max(axis=1)
        assert (largest <= limit).all()
        assert (largest > 0.8 * limit).all()
        assert kernels.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)  # the spread of a uniform distribution
        assert len(np.unique(kernels)) > 0.99 * kernels.size  # no member is the copy of another
        assert not biases.any()


def test_the_layers_own_initialisers_are_used_also_one_that_has_a_seed():
    he = layers.Dense(40, activation="relu", kernel_initializer="he_normal", bias_initializer=keras.initializers.Constant(0.1))
    seeded = layers.Dense(10, kernel_initializer=keras.initializers.GlorotUniform(seed=1))
    weights = initial_weights(keras.Sequential([keras.Input((64,)), he, seeded]), 30)
    np.testing.assert_allclose(weights[0].reshape(30, -1).std(axis=1), np.sqrt(2 / 64), rtol=0.1)
    assert (weights[1] == np.float32(0.1)).all()
    assert len(np.unique(weights[2])) > 0.99 * weights[2].size


def test_the_same_seed_gives_the_same_grid_and_another_seed_another_one():
    first = trained(dense("sigmoid"), *FOUR)
    again, other = train(dense("sigmoid"), *FOUR, seed=np.int64(SEED)), train(dense("sigmoid"), *FOUR, seed=SEED + 1)
    pd.testing.assert_frame_equal(first.members, again.members)
    for array, repeated, different in zip(first.weights, again.weights, other.weights, strict=True):
        np.testing.assert_array_equal(array, repeated)
        assert difference(array[0], different[0]) > 0.1


def test_the_random_state_of_the_process_and_the_model_stay_as_they_were():
    def draws():
        legacy = np.random.random(3).tolist()  # noqa: NPY002 - the generator that libraries share
        return [random.random(), legacy, tf.random.normal([3]).numpy().tolist(), keras.random.normal([3]).numpy().tolist()]

    def reset():
        keras.utils.clear_session(free_memory=False)  # before version 3.13 the seed alone does not begin Keras' own generator anew
        keras.utils.set_random_seed(3)

    before = dense().get_weights()
    reset()
    untouched = draws()
    reset()
    train(dense(), *QUIET, epochs=1)
    assert draws() == untouched
    for array, reference in zip(dense().get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, reference)


@pytest.mark.parametrize(("architecture", "options"), [(dense, ("sigmoid",)), (convolutional, ())], ids=["dense", "convolutional"])
def test_an_extracted_model_predicts_what_its_member_does(architecture, options):
    model = architecture(*options)
    together = trained(model, *FOUR)
    (x, t), (x_judged, t_judged) = data(model), data(model, VALIDATION)
    logits = together.logits(x)
    assert logits.shape == (4, 60, 10)
    for number, row in together.members.drop(1).iterrows():
        member = together.model(number)
        assert isinstance(member, keras.Sequential)
        outputs = member.predict(x, verbose=0)
        assert difference(outputs, logits[number]) < 1e-6
        assert row["training accuracy"] == np.mean(outputs.argmax(axis=1) == t)
        assert row["validation accuracy"] == np.mean(member.predict(x_judged, verbose=0).argmax(axis=1) == t_judged)


def test_a_grid_trains_all_pairs_in_their_order_and_its_tables_have_the_true_values_as_axes():
    etas, lmbds = np.array([1.0, 1e-3, 10.0]), [1e-4, 1000.0]
    pairs = [(eta, lmbd) for eta in etas for lmbd in lmbds]
    parts = data(dense()), data(dense(), VALIDATION)
    together = grid.train_grid(dense(), *parts, etas, lmbds, **HOW)
    one_by_one = grid.train_members(dense(), *parts, points(*pairs).assign(name="a").set_axis(range(3, 9)), **HOW)
    assert together.members[["eta", "lmbd"]].to_numpy().tolist() == [list(pair) for pair in pairs]
    pd.testing.assert_frame_equal(together.members, one_by_one.members)
    for name in ("training accuracy", "validation accuracy", "diverged"):
        table = together.table(name)
        assert table.index.tolist() == [1e-3, 1.0, 10.0]
        assert table.columns.tolist() == [1e-4, 1000.0]
        for _, row in together.members.iterrows():
            np.testing.assert_equal(table.loc[row["eta"], row["lmbd"]], row[name])
    assert together.table("diverged").to_numpy().tolist() == [[False, False], [False, True], [False, True]]
    assert together.members.loc[together.best(), "validation accuracy"] == together.members["validation accuracy"].max()
    ax = heatmap(together.table("validation accuracy"), label="accuracy")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0.001", "1", "10"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0.0001", "1000"]
    assert (ax.get_ylabel(), ax.get_xlabel()) == (r"learning rate $\eta$", r"penalty $\lambda$")
    assert len(ax.texts) == 4  # the two cells that diverged stay blank
    plt.close(ax.figure)


def test_the_training_shows_its_epochs(capsys):
    train(dense(), *QUIET, epochs=3)
    shown = capsys.readouterr().err
    assert "training 3 networks: 100%" in shown
    assert "3/3" in shown
    assert "epoch" in shown


def with_members(**columns):
    """A trained grid of four members whose table has been changed."""
    together = trained(dense("sigmoid"), *FOUR)
    return dataclasses.replace(together, members=together.members.assign(**columns))


def test_the_best_member_is_the_first_with_the_highest_validation_accuracy():
    assert with_members(**{"validation accuracy": [0.8, np.nan, 0.9, 0.9]}).best() == 2


def test_what_a_trained_grid_cannot_show_is_refused():
    with pytest.raises(ValueError, match=r"^no column is called 'accuracy'; there are: eta, lmbd, training accuracy, validation accuracy,"):
        with_members().table("accuracy")
    with pytest.raises(ValueError, match=r"^several members share a learning rate and a penalty, expected one member for each cell"):
        with_members(eta=0.1, lmbd=[0, 1, 2, 0]).table("validation accuracy")
    with pytest.raises(ValueError, match=r"^the new inputs have shape \(64,\), expected \(n, 64\) with n >= 1\.$"):
        with_members().logits(X[0])
    for number in (-1, 4):
        with pytest.raises(ValueError, match=rf"^the member is {number}, expected a row of `members`, 0 to 3\.$"):
            with_members().model(number)
    with pytest.raises(ValueError, match=r"^all members diverged, expected one at least that did not"):
        with_members(diverged=True).best()


@pytest.fixture
def nothing_is_trained(monkeypatch):
    """No training may have begun by the time of the complaint."""

    def begin(*_, **__):
        raise AssertionError("a training began")

    monkeypatch.setattr(grid, "tqdm", begin)
    monkeypatch.setattr(grid, "_initial_weights", begin)


@pytest.mark.parametrize(
    ("etas", "lmbds", "message"),
    [
        ([0.1, -0.1], [0], r"^one of the learning rates is -0\.1, expected finite numbers, 0 or more\.$"),
        ([np.nan], [0], r"^one of the learning rates is nan, expected"),
        ([0.1], [0, np.inf], r"^one of the penalties is inf, expected finite numbers, 0 or more\.$"),
        ([0.1], [-1e-9], r"^one of the penalties is -1e-09, expected"),
        ([], [0], r"^the grid is empty, expected at least one learning rate and one penalty\.$"),
        ([0.1], [], r"^the grid is empty, expected"),
    ],
)
def test_bad_learning_rates_and_penalties_are_refused(nothing_is_trained, etas, lmbds, message):
    with pytest.raises(ValueError, match=message):
        grid.train_grid(dense(), data(dense()), data(dense()), etas, lmbds, **HOW)


@pytest.mark.parametrize("given", [[(0.1, 0.0)], pd.DataFrame({"eta": [0.1]})])
def test_points_that_are_no_table_of_both_are_refused(nothing_is_trained, given):
    with pytest.raises(ValueError, match=r"^the points are .*, expected a DataFrame with the columns 'eta' and 'lmbd'\.$"):
        grid.train_members(dense(), data(dense()), data(dense()), given, **HOW)


X, T = np.zeros((3, 64)), np.array([0, 1, 9])


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (X, r"data are a ndarray, expected a pair: inputs and labels\.$"),
        ((X, T, T), r"data are a tuple, expected a pair"),
        ((X[:0], T[:0]), r"inputs have shape \(0, 64\), expected \(n, 64\) with n >= 1\.$"),
        ((X[:, :63], T), r"inputs have shape \(3, 63\), expected \(n, 64\)"),
        ((1.0, T), r"inputs have shape \(\), expected \(n, 64\)"),
        ((np.where(X == 0, np.nan, X), T), r"inputs have values that are not finite, expected finite numbers only\.$"),
        ((X, T[:2]), r"labels have shape \(2,\) and type int64, expected \(3,\), one whole number a sample\.$"),
        ((X, T[:, None]), r"labels have shape \(3, 1\) and type int64, expected \(3,\)"),
        ((X, T.astype(float)), r"labels have shape \(3,\) and type float64, expected \(3,\), one whole number a sample\.$"),
        ((X, T + 1), r"labels run from 1 to 10, expected 0 to 9 for 10 outputs\.$"),
        ((X, T - 1), r"labels run from -1 to 8, expected 0 to 9 for 10 outputs\.$"),
    ],
)
@pytest.mark.parametrize("name", ["training", "validation"])
def test_bad_data_are_refused(nothing_is_trained, name, part, message):
    parts = [(X, T), part] if name == "validation" else [part, (X, T)]
    with pytest.raises(ValueError, match=f"^the {name} {message}"):
        grid.train_grid(dense(), *parts, [0.1], [0.0], **HOW)


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [("epochs", 0, 1), ("epochs", 1.5, 1), ("batch_size", 0, 1), ("batch_size", None, 1), ("seed", -1, 0), ("seed", "1", 0)],
)
def test_bad_whole_numbers_are_refused(nothing_is_trained, name, value, least):
    with pytest.raises(ValueError, match=rf"^{name} is {value!r}, expected a whole number, {least} or more\.$"):
        train(dense(), QUIET[0], **{name: value})


IMAGE = keras.Input((8, 8, 1))
VECTOR = keras.Input((64,))


def conv(**options):
    return layers.Conv2D(4, 3, **options)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ([VECTOR, layers.Dropout(0.5), layers.Dense(10)], r"^layer 1, 'dropout.*', is a Dropout, expected Dense, Flatten, "),
        ([IMAGE, conv(), conv(), layers.Flatten(), layers.Dense(10)], r"^layer 2, 'conv2d.*', is not a plain first convolution, expected"),
        ([IMAGE, conv(dilation_rate=2), layers.Flatten(), layers.Dense(10)], r"^layer 1, .* is not a plain first convolution, expected"),
        ([keras.Input((8, 8, 2)), conv(groups=2), layers.Flatten(), layers.Dense(10)], r"^layer 1, .* is not a plain first convolution"),
        ([IMAGE, conv(), layers.MaxPooling2D(3, strides=2), layers.Flatten(), layers.Dense(10)], r"^layer 2, .* is not the pooling of a"),
        ([IMAGE, conv(), layers.MaxPooling2D(2, padding="same"), layers.Flatten(), layers.Dense(10)], r"^layer 2, .* is not the pooling"),
        ([IMAGE, layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(10)], r"^layer 1, .* is not the pooling of a convolution's output"),
        ([IMAGE, layers.Flatten(data_format="channels_first"), layers.Dense(10)], r"^layer 1, .* has the channels of its images first, ex"),
        (
            [IMAGE, conv(activation="softmax"), layers.Flatten(), layers.Dense(10)],
            r"^layer 1, .* has an activation that mixes its channels",
        ),
        (
            [IMAGE, conv(), layers.Dense(10)],
            r"^layer 2, .* gets inputs of shape \(6, 6, 4\), expected one Flatten between images and Dense",
        ),
        ([VECTOR, layers.Dense(9), layers.Flatten(), layers.Dense(10)], r"^layer 2, .* gets inputs of shape \(9,\), expected one Flatten"),
        ([VECTOR, layers.Dense(10, activation="softmax")], r"^the last layer, 'dense.*', is no linear Dense layer, expected one: its outp"),
        ([IMAGE, conv(), layers.Flatten()], r"^the last layer, 'flatten.*', is no linear Dense layer, expected one"),
        ([VECTOR, layers.Dense(10, use_bias=False)], r"^layer 1, 'dense.*', has no bias, expected one\.$"),
        ([VECTOR, layers.Dense(10, kernel_regularizer="l2")], r"^layer 1, .* brings a regularizer of its own, expected none: the penalti"),
        ([VECTOR, layers.Dense(10, bias_regularizer="l2")], r"^layer 1, .* brings a regularizer of its own, expected none"),
        ([VECTOR, layers.Dense(10, activity_regularizer="l2")], r"^layer 1, .* brings a regularizer of its own, expected none"),
        ([VECTOR, layers.Dense(10, kernel_constraint="non_neg")], r"^layer 1, .* has constrained or frozen weights, expected free ones\.$"),
        ([VECTOR, layers.Dense(10, bias_constraint="non_neg")], r"^layer 1, .* has constrained or frozen weights, expected free ones\.$"),
        ([VECTOR, layers.Dense(9, trainable=False), layers.Dense(10)], r"^layer 1, .* has constrained or frozen weights, expected free on"),
        ([layers.Dense(10)], r"^the model is Sequential, expected a keras\.Sequential that begins with an Input and has layers\.$"),
        ([VECTOR], r"^the model is Sequential, expected a keras\.Sequential that begins with an Input and has layers\.$"),
    ],
)
def test_an_architecture_that_the_model_axis_cannot_carry_is_refused(nothing_is_trained, architecture, message):
    with pytest.raises(ValueError, match=message):
        grid.train_grid(keras.Sequential(architecture), (X, T), (X, T), [0.1], [0.0], **HOW)


def test_a_model_that_is_not_sequential_is_refused(nothing_is_trained):
    with pytest.raises(ValueError, match=r"^the model is Functional, expected a keras\.Sequential that begins with an Input"):
        grid.train_grid(keras.Model(VECTOR, layers.Dense(10)(VECTOR)), (X, T), (X, T), [0.1], [0.0], **HOW)


def test_the_compiler_trains_a_large_grid_as_tensorflow_does_without_it(monkeypatch):
    """TensorFlow 2.16 and 2.17 computed wrong gradients here, for some of 49 members."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(10, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(50, activation="relu"),
            layers.Dense(10),
        ]
    )
    pairs = pd.DataFrame([(eta, lmbd) for eta in np.logspace(-5, -1, 7) for lmbd in np.logspace(-5, -1, 7)], columns=["eta", "lmbd"])
    how = {"epochs": 1, "batch_size": 50, "seed": 0}
    train, judged = data(model, slice(1200)), data(model, slice(1200, 1797))
    found = grid.train_members(model, train, judged, pairs, **how)
    monkeypatch.setattr(grid, "COMPILE", False)
    plain = grid.train_members(model, train, judged, pairs, **how)
    for mine, theirs in zip(found.weights, plain.weights, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4 * np.abs(theirs).max())

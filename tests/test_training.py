"""Many trainings by one program: every member is what Keras' `fit` makes of it alone, and what cannot be trained is refused in time."""

import os
import random
import re
import signal
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from dask.distributed import Client, LocalCluster
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import layers, optimizers

from physnets import training
from physnets.training import train_grid, train_members

EPOCHS, BATCH_SIZE = 5, 25
N, N_JUDGED = 60, 30  # the last batch of an epoch has only 10
RNG = np.random.default_rng(0)
LABELS, LABELS_JUDGED = RNG.integers(0, 3, N), RNG.integers(0, 3, N_JUDGED)
TOLERANCE = 1e-5  # of the largest weight; single precision rounds at 6e-8, and 15 steps add up
PAGE = Path(__file__).resolve().parents[1] / "book" / "cluster.md"
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has no SIGKILL, and there SIGTERM kills at once


def data(*shape):
    """Inputs, then what they are judged by: two pairs."""
    x = np.random.default_rng(1).normal(size=(N + N_JUDGED, *shape)).astype("float32")
    return (x[:N], LABELS), (x[N:], LABELS_JUDGED)


def classifier(*chain, shape=(6,), optimizer=None, **how):
    """A function that builds and compiles a network of these layers, each given as a function so that no two models share one."""

    def build():
        model = keras.Sequential([keras.Input(shape), *(make() for make in chain), layers.Dense(3)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile((optimizer or (lambda: optimizers.SGD(0.1)))(), loss, metrics=["accuracy"], **how)
        return model

    return build


def with_a_skip():
    inputs = keras.Input((6,))
    hidden = layers.Dense(6, "tanh")(inputs)
    outputs = layers.Dense(3)(layers.Add()([inputs, hidden]))
    model = keras.Model(inputs, outputs)
    schedule = optimizers.schedules.ExponentialDecay(0.05, 3, 0.7)
    model.compile(optimizers.RMSprop(schedule), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def hidden(*more):
    return (lambda: layers.Dense(8, "tanh"), *more)


def over_time(layer):
    return {"shape": (5, 2)}, (layer, lambda: layers.Dense(4, "relu"))


def convolutions():
    return (
        lambda: layers.Conv2D(4, 3, padding="same", activation="relu"),
        lambda: layers.MaxPooling2D(2),
        lambda: layers.Conv2D(3, 2, strides=(2, 1), activation="relu"),
        layers.Flatten,
    )


NETWORKS = {
    "dense, momentum, clipping": classifier(*hidden(), optimizer=lambda: optimizers.SGD(0.1, momentum=0.9, clipnorm=0.1)),
    "batch normalisation, Adam": classifier(*hidden(layers.BatchNormalization), optimizer=lambda: optimizers.Adam(0.01)),
    "dropout, AdamW": classifier(*hidden(lambda: layers.Dropout(0.5)), optimizer=lambda: optimizers.AdamW(0.01, weight_decay=0.1)),
    "skip, RMSprop, schedule": with_a_skip,
    "Conv1D, pooling, Nadam": classifier(
        lambda: layers.Conv1D(4, 2, activation="relu"),
        lambda: layers.MaxPooling1D(2),
        layers.Flatten,
        shape=(5, 2),
        optimizer=lambda: optimizers.Nadam(0.01),
    ),
    "Conv2D, pooling, Adagrad": classifier(*convolutions(), shape=(8, 8, 1), optimizer=lambda: optimizers.Adagrad(0.1)),
    "Conv2D, pooling, XLA": classifier(*convolutions(), shape=(8, 8, 1), jit_compile=True),
    "SimpleRNN": classifier(lambda: layers.SimpleRNN(4), shape=(5, 2)),
    "LSTM": classifier(lambda: layers.LSTM(4), shape=(5, 2)),
    "GRU": classifier(lambda: layers.GRU(4), shape=(5, 2)),
}


def trained_by_fit(build, seed, train, judged, epochs=EPOCHS, batch_size=BATCH_SIZE, **how):
    """A model from the same start, trained by `fit` with the same batches, and its history."""
    keras.utils.set_random_seed(seed)
    model = build()
    model.jit_compile, model.run_eagerly = False, True  # for so few steps a compiled function takes longer
    (x, t), order = train, np.random.default_rng(seed)
    records = []
    for _ in range(epochs):
        rows = order.permutation(len(x))
        more = {name: values[rows] if name == "sample_weight" else values for name, values in how.items()}
        record = model.fit(
            x[rows], t[rows], batch_size=batch_size, epochs=1, shuffle=False, verbose=0, validation_data=judged, **more
        ).history
        records.append({name: values[0] for name, values in record.items()})
    return model, pd.DataFrame(records)


def assert_same(trained, member, model, record, tolerance=TOLERANCE):
    for mine, theirs in zip(trained.model(member).get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())
    assert set(trained.history) == set(record)
    for name, values in record.items():
        np.testing.assert_allclose(trained.history[name][member], values, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_member_is_what_fit_makes_of_it(name, monkeypatch):
    monkeypatch.setattr(training, "MOST_THREADS", 2)
    build = NETWORKS[name]
    train, judged = data(*build().input_shape[1:])
    trained = train_members(build, train, pd.DataFrame({"seed": [3, 4, 5]}), epochs=EPOCHS, batch_size=BATCH_SIZE, validation=judged)
    # The last one, which is trained where the first has left its weights, its optimiser's state, and its metrics.
    model, record = trained_by_fit(build, 5, train, judged)
    assert_same(trained, 2, model, record)
    scores = model.evaluate(*judged, verbose=0, return_dict=True)
    assert trained.members["validation loss"][2] == pytest.approx(scores["loss"], rel=TOLERANCE)
    assert trained.members["validation accuracy"][2] == pytest.approx(scores["accuracy"])
    assert not np.allclose(trained.weights[0][0], trained.weights[2][0])


LAYERS = st.sampled_from(
    [
        lambda: layers.Dense(5, "relu"),
        lambda: layers.Dense(4, "gelu", use_bias=False),
        lambda: layers.Dropout(0.3),
        layers.BatchNormalization,
        layers.LayerNormalization,
        lambda: layers.Dense(6, kernel_initializer="he_normal", kernel_regularizer="l2", activity_regularizer="l1"),
        lambda: layers.Activation("sigmoid"),
        lambda: layers.GaussianNoise(0.1),
        lambda: layers.Dense(3, kernel_constraint="max_norm"),
    ]
)
OPTIMIZERS = st.sampled_from([optimizers.SGD, optimizers.Adam, optimizers.RMSprop, optimizers.Lion, optimizers.Adamax, optimizers.Adadelta])


@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(chain=st.lists(LAYERS, min_size=1, max_size=4), optimizer=OPTIMIZERS, seed=st.integers(0, 2**32 - 1))
def test_a_member_of_any_small_network_is_what_fit_makes_of_it(chain, optimizer, seed):
    build = classifier(*chain, optimizer=lambda: optimizer(0.01))
    train, judged = data(6)
    trained = train_members(build, train, pd.DataFrame({"seed": [seed]}), epochs=2, batch_size=BATCH_SIZE, validation=judged)
    assert_same(trained, 0, *trained_by_fit(build, seed, train, judged, epochs=2))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_a_member_of_any_precision_is_what_fit_makes_of_it(policy):
    build = classifier(*hidden())
    keras.config.set_dtype_policy(policy)
    try:
        train, judged = data(6)
        trained = train_members(build, train, pd.DataFrame({"seed": [3]}), epochs=EPOCHS, batch_size=BATCH_SIZE, validation=judged)
        model, record = trained_by_fit(build, 3, train, judged)
        assert_same(trained, 0, model, record)
    finally:
        keras.config.set_dtype_policy("float32")


def test_learning_rate_and_penalty_are_each_members_own():
    def build(lmbd=0.0, eta=0.5):
        penalty = keras.regularizers.L2(lmbd / 2)
        model = keras.Sequential(
            [keras.Input((6,)), layers.Dense(8, "tanh", kernel_regularizer=penalty), layers.Dense(3, kernel_regularizer=penalty)]
        )
        model.compile(optimizers.SGD(eta), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        return model

    def plain():
        model = keras.Sequential([keras.Input((6,)), layers.Dense(8, "tanh"), layers.Dense(3)])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        return model

    train, judged = data(6)
    trained = train_grid(plain, train, judged, [0.02, 0.3], [0.0, 0.1], seed=4, epochs=EPOCHS, batch_size=BATCH_SIZE)
    for member, (eta, lmbd) in {1: (0.02, 0.1), 2: (0.3, 0.0)}.items():
        assert tuple(trained.members.loc[member, ["eta", "lmbd"]]) == (eta, lmbd)
        assert_same(trained, member, *trained_by_fit(lambda eta=eta, lmbd=lmbd: build(lmbd, eta), 4, train, judged))


def test_a_member_that_diverges_has_no_scores_and_disturbs_no_other():
    train, judged = data(6)
    how = {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "validation": judged}
    table = pd.DataFrame({"seed": [1, 1, 2], "eta": [0.1, 1e30, 0.1], "lmbd": [0.0, 100.0, 0.0]})
    together = train_members(classifier(*hidden()), train, table, **how)
    assert together.members["diverged"].tolist() == [False, True, False]
    assert together.members.loc[1, ["training loss", "validation accuracy"]].isna().all()
    alone = train_members(classifier(*hidden()), train, table.drop(index=1), **how)
    for mine, theirs in ((0, 0), (2, 1)):
        for a, b in zip(together.weights[mine], alone.weights[theirs], strict=True):
            np.testing.assert_array_equal(a, b)


def test_columns_that_are_no_settings_go_to_the_function_that_builds():
    def build(units, start):
        model = keras.Sequential([keras.Input((6,)), layers.Dense(units, "relu", kernel_initializer=start), layers.Dense(3)])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    train, _ = data(6)
    table = pd.DataFrame({"units": [2, 5, 2], "start": ["he_normal", "zeros", "he_normal"], "seed": [0, 0, 1]}, index=[7, 7, 9])
    trained = train_members(build, train, table, epochs=1, batch_size=60)
    assert [arrays[0].shape for arrays in trained.weights] == [(6, 2), (6, 5), (6, 2)]
    assert (trained.weights[1][0] == 0).all()
    assert trained.members[["units", "start", "seed"]].equals(table.reset_index(drop=True))
    assert list(trained.members)[3:] == ["epochs", "diverged", "training loss"]
    assert trained.predict(train[0]).shape == (3, N, 3)
    for member in range(3):
        np.testing.assert_allclose(trained.predict(train[0])[member], trained.model(member).predict(train[0], verbose=0), rtol=1e-5)
    assert trained.each(lambda model: model.layers[0].units) == [2, 5, 2]


def test_all_samples_in_one_batch_keep_their_order_for_thousands_of_steps():
    train, _ = data(6)
    trained = train_members(classifier(*hidden()), train, pd.DataFrame({"seed": [3]}), epochs=1203, batch_size=N)
    keras.utils.set_random_seed(3)
    model = classifier(*hidden())()
    record = model.fit(*train, batch_size=N, epochs=4, shuffle=False, verbose=0).history
    np.testing.assert_allclose(trained.history["loss"][0][:4], record["loss"], rtol=TOLERANCE)
    assert trained.history["loss"].shape == (1, 1203)
    assert np.isfinite(trained.history["loss"]).all()
    assert trained.members["epochs"].tolist() == [1203]


def test_weights_of_samples_and_of_classes():
    train, judged = data(6)
    weights, of_classes = np.random.default_rng(2).random(N).astype("float32"), {0: 1.0, 1: 3.0, 2: 0.5}
    how = {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "validation": judged}
    build, start = classifier(*hidden()), pd.DataFrame({"seed": [3]})
    trained = train_members(build, train, start, sample_weight=weights, **how)
    assert_same(trained, 0, *trained_by_fit(build, 3, train, judged, sample_weight=weights))
    trained = train_members(build, train, start, class_weight=of_classes, **how)
    assert_same(trained, 0, *trained_by_fit(build, 3, train, judged, class_weight=of_classes))
    both = train_members(
        build, train, pd.concat([start] * 2), sample_weight=np.stack([weights, np.zeros(N)]), class_weight=of_classes, **how
    )
    factors = np.array([of_classes[label] for label in LABELS])
    assert_same(both, 0, *trained_by_fit(build, 3, train, judged, sample_weight=weights * factors))
    assert (both.history["loss"][1] == 0).all()


def test_rows_of_each_members_own():
    (x, t), judged = data(6)
    rows = np.random.default_rng(5).integers(0, N, (2, 40))
    trained = train_members(
        classifier(*hidden()), (x, t), pd.DataFrame({"seed": [3, 3]}), epochs=EPOCHS, batch_size=BATCH_SIZE, validation=judged, rows=rows
    )
    for member in range(2):
        part = x[rows[member]], t[rows[member]]
        model, record = trained_by_fit(classifier(*hidden()), 3, part, judged)
        assert_same(trained, member, model, record)
        assert trained.members["training loss"][member] == pytest.approx(model.evaluate(*part, verbose=0)[0], rel=TOLERANCE)


def test_early_stopping_is_that_of_keras_with_the_best_weights():
    (x, t), judged = data(6)
    build = classifier(lambda: layers.Dense(30, "relu"), optimizer=lambda: optimizers.Adam(0.05))
    trained = train_members(build, (x, t), pd.DataFrame({"seed": [0, 1, 2]}), epochs=40, batch_size=N, validation=judged, patience=3)
    for member, seed in enumerate([0, 1, 2]):
        keras.utils.set_random_seed(seed)
        model = build()
        stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
        record = model.fit(x, t, batch_size=N, epochs=40, shuffle=False, verbose=0, validation_data=judged, callbacks=[stop]).history
        assert 3 < len(record["loss"]) < 40
        assert trained.members["epochs"][member] == len(record["loss"])
        padded = {name: np.pad(values, (0, 40 - len(values)), constant_values=np.nan) for name, values in record.items()}
        assert_same(trained, member, model, padded)
        assert trained.members["validation loss"][member] == pytest.approx(min(record["val_loss"]), rel=TOLERANCE)


def test_a_model_is_trained_as_it_was_compiled_last_and_keeps_its_weights():
    (x, _), _ = data(6)
    y = x[:, :1]
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4, "tanh"), layers.Dense(1)])
    how = {"members": pd.DataFrame({"seed": [0]}), "epochs": 3, "batch_size": N}
    model.compile(optimizers.SGD(0.1), "mse")
    before = [array.copy() for array in model.get_weights()]
    first = train_members(model, (x, y), **how)
    model.compile(optimizers.SGD(0.4), "mae")
    second = train_members(model, (x, y), **how)
    assert first.history["loss"][0, 0] == pytest.approx(np.mean((first_output(model, first, x) - y) ** 2), rel=1e-5)
    assert second.history["loss"][0, 0] == pytest.approx(np.mean(np.abs(first_output(model, first, x) - y)), rel=1e-5)
    model.layers[0].trainable = False
    model.compile(optimizers.SGD(0.4), "mae")
    frozen = train_members(model, (x, y), **how)
    keras.utils.set_random_seed(0)
    start = keras.models.clone_model(model)
    np.testing.assert_array_equal(frozen.model(0).layers[0].kernel, start.layers[0].kernel)
    for array, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_sequences_of_any_length_are_trained():
    model = keras.Sequential([keras.Input((None, 2)), layers.SimpleRNN(3, return_sequences=True), layers.Dense(2)])
    model.compile("sgd", "mse")
    x = data(5, 2)[0][0]
    assert train_members(model, (x, x), pd.DataFrame({"seed": [0]}), epochs=1, batch_size=N).predict(x).shape == (1, N, 5, 2)


def first_output(model, trained, x):
    keras.utils.set_random_seed(0)
    return keras.models.clone_model(model).predict(x, verbose=0)


def test_the_users_random_numbers_go_on_as_if_nothing_had_been_trained(capsys):
    random.seed(1), np.random.seed(1)  # noqa: NPY002
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(1), np.random.seed(1)  # noqa: NPY002
    train_members(classifier(*hidden()), data(6)[0], pd.DataFrame({"seed": [3]}), epochs=2, batch_size=N)
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "training 1 network:" in printed.err
    assert "2/2" in printed.err


def test_a_grid_is_a_table():
    train, judged = data(6)
    grid = train_grid(classifier(*hidden()), train, judged, [0.01, 0.5], [0.0, 0.01, 1e30], epochs=8, batch_size=N)
    table = grid.table("validation loss")
    assert (table.index.tolist(), table.columns.tolist()) == ([0.01, 0.5], [0.0, 0.01, 1e30])
    assert table.loc[0.5, 0.01] == grid.members["validation loss"][4]
    with pytest.raises(ValueError, match=r"^no column is called 'loss'; there are: eta, lmbd, seed, epochs,"):
        grid.table("loss")
    with pytest.raises(ValueError, match=r"^several members share a learning rate"):
        train_members(classifier(*hidden()), train, pd.DataFrame({"eta": [0.1, 0.1], "lmbd": 0.0}), epochs=1, batch_size=N).table("epochs")


def a_model(*chain, loss="mse", **how):
    model = keras.Sequential([keras.Input((6,)), *chain, layers.Dense(1)])
    model.compile("sgd", loss, **how)
    return model


def two_outputs():
    inputs = keras.Input((6,))
    model = keras.Model(inputs, [layers.Dense(1)(inputs), layers.Dense(2)(inputs)])
    model.compile("sgd", "mse")
    return model


GOOD = {
    "build": classifier(*hidden()),
    "train": data(6)[0],
    "members": pd.DataFrame({"seed": [0, 1]}),
    "epochs": 1,
    "batch_size": 10,
    "validation": data(6)[1],
}
X = data(6)[0][0]
BAD = {
    "no function": ({"build": 3}, "the network is 3, expected a compiled Keras model or a function"),
    "not compiled": ({"build": keras.Sequential([keras.Input((6,)), layers.Dense(3)])}, "is not compiled, expected model.compile"),
    "not built": ({"build": keras.Sequential([layers.Dense(3)])}, "is not built or has several inputs or outputs"),
    "two outputs": ({"build": two_outputs}, "is not built or has several inputs or outputs"),
    "a function that returns nothing": ({"build": lambda: None}, "returned None, expected a compiled Keras model"),
    "functions of one's own": ({"build": a_model(layers.Dense(2, lambda x: x))}, "cannot be copied, since it holds functions of your own"),
    "unknown column": (
        {"members": pd.DataFrame({"units": [3]})},
        "cannot be called with {'units': 3}, expected columns that fit it: got an unexpected keyword",
    ),
    "column for a model": (
        {"build": a_model(), "members": pd.DataFrame({"units": [3]})},
        r"the table has the columns ['units'], which a model",
    ),
    "no table": ({"members": [0, 1]}, "the members are [0, 1], expected a DataFrame"),
    "empty table": ({"members": pd.DataFrame()}, "expected a DataFrame with a row for each"),
    "seed": ({"members": pd.DataFrame({"seed": [-1]})}, "a seed is -1, expected a whole number from 0"),
    "eta": ({"members": pd.DataFrame({"eta": [0.1, np.nan]})}, "a learning rate is nan, expected a finite number, 0 or more"),
    "lmbd": ({"members": pd.DataFrame({"lmbd": ["a"]})}, "a penalty is 'a', expected a finite number, 0 or more"),
    "schedule": ({"build": with_a_skip, "members": pd.DataFrame({"eta": [0.1]})}, "a column 'eta' and the optimiser a schedule"),
    "epochs": ({"epochs": 0}, "the number of epochs is 0, expected a whole number from 1"),
    "batch size": ({"batch_size": 2.5}, "the batch size is 2.5, expected a whole number from 1"),
    "patience": ({"patience": 0}, "the patience is 0, expected a whole number, 1 or more"),
    "patience for nothing": ({"patience": 2, "validation": None}, "a patience is given and no validation data"),
    "no pair": ({"train": X}, "expected a pair: inputs and targets"),
    "shape": ({"train": (X[:, :5], LABELS)}, "the training inputs have shape (60, 5), expected ('n', 6)"),
    "lengths": ({"train": (X, LABELS[1:])}, "the training data have 60 inputs and 59 targets"),
    "labels": ({"train": (X, LABELS + 1)}, "found 3 at position"),
    "labels judged": ({"validation": (X, LABELS - 0.5)}, "the validation labels is float64, expected whole numbers, from 0 to 2"),
    "targets": ({"build": a_model(), "train": (X, X)}, "the training targets have shape (60, 6), expected ('n', 1)"),
    "missing": ({"train": (np.where(X > 2, np.nan, X), LABELS)}, "in the training inputs, expected finite numbers only"),
    "weights": ({"sample_weight": np.ones(3)}, "the shape of the weights is (3,), expected (60,) or (2, 60)"),
    "negative weights": ({"sample_weight": -np.ones(60)}, "the smallest of the weights is -1, expected 0 or more"),
    "class weights": ({"class_weight": {0: 1.0}}, "the weights of the classes are {0: 1.0}, expected a dictionary"),
    "rows": ({"rows": np.array([[0, 60], [1, 2]])}, "the rows go from 0 to 60, expected whole numbers from 0 to 59"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_in_one_sentence_before_anything_is_trained(name, monkeypatch):
    changed, message = BAD[name]
    monkeypatch.setattr(training, "_train_piece", lambda *given: pytest.fail("something was trained"))
    with pytest.raises(ValueError) as error:
        train_members(**(GOOD | changed))
    assert message in str(error.value)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Two workers, each a process that is started anew when it dies."""
    settings = {"processes": True, "memory_limit": 0, "dashboard_address": None, "local_directory": tmp_path_factory.mktemp("dask")}
    with LocalCluster(n_workers=2, threads_per_worker=1, **settings) as cluster, Client(cluster) as client:
        yield client


def test_the_three_calls_of_the_page_give_the_same_also_when_a_worker_is_killed(client, tmp_path):
    setup, *calls = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    page, killed = {"__name__": "__main__"}, tmp_path / "killed"
    exec(setup, page)
    assert len(page["members"]) == 27
    build_model, workers = page["build"], set(client.run(os.getpid).values())

    def build(filters):
        (folder / str(os.getpid())).touch()
        if os.getpid() in workers and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), KILL)
        return build_model(filters)

    images, labels = page["train"]
    page |= {"build": build, "members": pd.DataFrame({"filters": [2, 2, 3], "seed": [1, 2, 1]}), "train": (images[:200], labels[:200])}
    results, places = [], []
    for number, call in enumerate(calls):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert call.count("epochs=50") == 1
        exec(call.replace("epochs=50", "epochs=1").replace("tcp://192.168.0.10:8786", client.scheduler.address), page)
        results.append(page["trained"])
        places.append({int(path.name) for path in folder.iterdir()} - {os.getpid()})
    assert killed.exists()
    assert (len(places), places[0]) == (3, set())
    assert places[1] and places[2]
    for result in results[1:]:
        pd.testing.assert_frame_equal(result.members, results[0].members, check_exact=True)
        for mine, theirs in zip(result.weights, results[0].weights, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))

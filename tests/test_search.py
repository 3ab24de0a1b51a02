"""The parallel search: the same table from one process, several, and a cluster, also when its workers die."""

import contextlib
import os
import random
import re
import signal
import threading
from itertools import product
from pathlib import Path

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from dask.distributed import Client, LocalCluster
from sklearn.model_selection import ParameterSampler
from tensorflow.python.framework import config

from physnets.search import search

PAGE = Path(__file__).resolve().parents[1] / "book" / "search.md"
SCORES = ["training accuracy", "training loss", "validation accuracy", "validation loss"]


def part(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(seed).normal(size=(n, 4))
    return x, (x.sum(axis=1) > 0).astype(int)


# More than a kilobyte: joblib treats smaller arrays differently on a cluster.
TRAIN, VALIDATION = part(1, 80), part(2, 40)
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has no SIGKILL, and there SIGTERM kills at once


@pytest.fixture(scope="module", autouse=True)
def _determinism_off():
    """Leave TensorFlow's switch off for the tests of other files."""
    yield
    config.disable_op_determinism()


@pytest.fixture
def build_model():
    """A classifier whose start, dropout and mini-batches are random; a function in a function, which travels whole to other processes."""

    def build_model(units, eta=0.1):
        layers = [keras.Input((4,)), keras.layers.Dense(units, "relu"), keras.layers.Dropout(0.2), keras.layers.Dense(2)]
        model = keras.Sequential(layers)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(eta), loss, metrics=["accuracy"], run_eagerly=True)  # compiling takes longer than so few steps
        return model

    return build_model


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two workers, each a process that is started anew when it dies."""
    settings = {"processes": True, "memory_limit": 0, "dashboard_address": None, "local_directory": tmp_path_factory.mktemp("dask")}
    with LocalCluster(n_workers=2, threads_per_worker=1, **settings) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with Client(cluster) as client:
        yield client


def same(table: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(table, expected, check_exact=True)


def test_a_row_is_what_keras_gives_for_that_combination_and_seed(build_model, capsys):
    table = search(build_model, {"units": [3, 2], "eta": [0.5, 0.1]}, TRAIN, VALIDATION, epochs=2, batch_size=27, seeds=np.array([5]))
    rows = []
    for eta, units in product([0.5, 0.1], [3, 2]):
        keras.utils.set_random_seed(5)
        model = build_model(units, eta)
        model.fit(*TRAIN, epochs=2, batch_size=27, verbose=0)
        (training_loss, training), (loss, accuracy) = (model.evaluate(*p, batch_size=27, verbose=0) for p in (TRAIN, VALIDATION))
        rows.append((eta, units, 5, training, training_loss, accuracy, loss))
    same(table, pd.DataFrame(rows, columns=["eta", "units", "seed", *SCORES]))
    assert table["training loss"].nunique() == 4
    output = capsys.readouterr()
    assert output.out == ""
    assert "4/4" in output.err


def test_a_random_search_keeps_the_order_of_the_sample(build_model):
    sample = ParameterSampler({"units": range(2, 50), "eta": [0.1, 0.2, 0.3]}, n_iter=2, random_state=1)
    table = search(build_model, sample, TRAIN, VALIDATION, epochs=1)
    assert table[["units", "eta"]].to_dict("records") == list(sample)
    assert list(table["seed"]) == [0, 0]


def test_a_training_that_diverges_is_a_row_without_scores_and_disturbs_no_other(build_model):
    table = search(build_model, {"units": [2], "eta": [1e30, 0.1]}, TRAIN, VALIDATION, epochs=1)
    assert table[SCORES].isna().to_numpy().tolist() == [[True] * 4, [False] * 4]
    same(table.tail(1).reset_index(drop=True), search(build_model, {"units": [2], "eta": [0.1]}, TRAIN, VALIDATION, epochs=1))


def test_a_model_without_metrics_has_its_losses():
    def regressor(units):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)])
        model.compile("sgd", "mse")
        return model

    assert list(search(regressor, {"units": [1]}, TRAIN, VALIDATION, epochs=1)) == ["units", "seed", "training loss", "validation loss"]


def test_a_thread_that_draws_random_numbers_meanwhile_changes_nothing(build_model):
    def disturbed(units):
        thread = threading.Thread(target=random.random)
        thread.start()
        thread.join()
        return build_model(units)

    expected = search(build_model, {"units": [2]}, TRAIN, VALIDATION, epochs=1)
    same(search(disturbed, {"units": [2]}, TRAIN, VALIDATION, epochs=1), expected)


def test_threads_do_not_disturb_each_others_random_numbers(build_model):
    threads = set()

    def noting(units):
        threads.add(threading.get_ident())
        return build_model(units)

    expected = search(build_model, {"units": [2, 3]}, TRAIN, VALIDATION, epochs=1)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        same(search(noting, {"units": [2, 3]}, TRAIN, VALIDATION, epochs=1), expected)
    assert len(threads) == 2
    assert threading.get_ident() not in threads


def test_the_three_calls_of_the_page_give_the_same_table(client, tmp_path):
    setup, *calls = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert len(calls) == 3
    page = {"__name__": "__main__"}
    exec(setup, page)
    build_model = page["build_model"]
    assert list(page["parameters"]) == ["filters", "eta"]

    def noting(filters, eta):
        (folder / str(os.getpid())).touch()
        return build_model(filters, eta)

    images, labels = page["train"]
    page |= {"build_model": noting, "parameters": {"filters": [2], "eta": [1e-2]}, "train": (images[:200], labels[:200])}
    tables, places = [], []
    client.wait_for_workers(2, timeout=120)
    workers = set(client.run(os.getpid).values())
    for number, call in enumerate(calls):
        folder = tmp_path / str(number)
        folder.mkdir()
        small = call.replace("epochs=50", "epochs=1").replace("seeds=(0, 1, 2)", "seeds=(0, 1)")
        exec(small.replace("tcp://192.168.0.10:8786", client.scheduler.address), page)
        assert small.count("epochs=1, seeds=(0, 1)") == 1
        tables.append(page["table"])
        places.append({int(path.name) for path in folder.iterdir()})
    assert tables[0][["eta", "filters", "seed"]].to_numpy().tolist() == [[1e-2, 2, 0], [1e-2, 2, 1]]
    same(tables[1], tables[0])
    same(tables[2], tables[0])
    assert places[0] == {os.getpid()}
    workers |= set(client.run(os.getpid).values())  # on a busy machine one may have been started anew meanwhile
    assert places[2] <= workers
    assert places[1].isdisjoint(places[0] | places[2])


def test_workers_that_are_killed_cost_no_result(client, build_model, tmp_path):
    workers = set(client.run(os.getpid).values())

    def deadly(units):
        # Of the trainings that get here, the first kills all workers at once, and the second the one that it runs on.
        for death, victims in (("all", workers), ("one", {os.getpid()})):
            if units in (3, 5) and not (tmp_path / death).exists():
                (tmp_path / death).touch()
                for pid in sorted(victims, key=lambda pid: pid == os.getpid()):
                    with contextlib.suppress(OSError):  # it is dead already
                        os.kill(pid, KILL)
        return build_model(units)

    expected = search(build_model, {"units": range(2, 7)}, TRAIN, VALIDATION, epochs=1)
    with joblib.parallel_config(backend="dask"):
        table = search(deadly, {"units": range(2, 7)}, TRAIN, VALIDATION, epochs=1)
    same(table, expected)
    assert {path.name for path in tmp_path.iterdir()} == {"all", "one"}
    client.wait_for_workers(2, timeout=120)
    assert workers.isdisjoint(client.run(os.getpid).values())


def untouched(units, eta=0.1):
    pytest.fail("a model was built")


GIVEN = {"build_model": untouched, "parameters": {"units": [2]}, "train": TRAIN, "validation": VALIDATION, "epochs": 1}
X, T = TRAIN


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"build_model": None}, "build_model is None, expected a function that returns a compiled Keras model."),
        ({"parameters": {}}, "0 parameters and 1 seeds given, expected at least one of each."),
        ({"parameters": []}, "0 parameters and 1 seeds given, expected at least one of each."),
        ({"seeds": ()}, "1 parameters and 0 seeds given, expected at least one of each."),
        ({"parameters": {"width": [2]}}, "build_model cannot be called with {'width': 2}: missing a required argument: 'units'."),
        (
            {"parameters": [{"units": 2}, {"units": 2, "lmbd": 0}]},
            "build_model cannot be called with {'units': 2, 'lmbd': 0}: got an unexpected keyword argument 'lmbd'.",
        ),
        (
            {"build_model": lambda seed: untouched(seed), "parameters": {"seed": [1]}},
            "a parameter is called 'seed', expected another name, and the seeds themselves in `seeds`.",
        ),
        ({"seeds": (0, -1)}, "a seed is -1, expected a whole number from 0 to 2**32 - 1."),
        ({"seeds": (2**32,)}, "a seed is 4294967296, expected a whole number from 0 to 2**32 - 1."),
        ({"seeds": (0.5,)}, "a seed is 0.5, expected a whole number from 0 to 2**32 - 1."),
        ({"epochs": 0}, "epochs is 0, expected a whole number, 1 or more."),
        ({"epochs": 1.5}, "epochs is 1.5, expected a whole number, 1 or more."),
        ({"batch_size": 0}, "batch_size is 0, expected a whole number, 1 or more."),
        ({"train": X[:2]}, "the training data are a ndarray, expected a pair: inputs and targets."),
        ({"validation": (X, T, X)}, "the validation data are a tuple, expected a pair: inputs and targets."),
        ({"train": (X, T[1:])}, "the training data have 80 inputs and 79 targets, expected as many of each, at least one."),
        ({"validation": (X[:0], T[:0])}, "the validation data have 0 inputs and 0 targets, expected as many of each, at least one."),
        ({"train": (np.where(X > 2, np.nan, X), T)}, "the training data have values that are not finite, expected finite numbers only."),
        ({"validation": (X, np.where(T, np.inf, 0))}, "the validation data have values that are not finite, expected finite numbers only."),
    ],
)
def test_bad_input_is_refused_before_any_training(changed, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        search(**(GIVEN | changed))


@pytest.mark.parametrize("compiled", [True, False])
def test_a_function_that_returns_no_compiled_model_is_refused(compiled):
    def forgetful(units):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)])
        if compiled:
            model.compile("sgd", "mse")
            return None
        return model

    with pytest.raises(ValueError, match=r"^build_model returned (None|<Sequential .*>), expected a compiled Keras model\.$"):
        search(forgetful, {"units": [2]}, TRAIN, VALIDATION, epochs=1)

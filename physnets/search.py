"""A search over hyperparameters for any Keras model: one training after another, in several processes, or on a cluster.

Every training is a task that carries all it needs and leaves nothing behind, so it may run anywhere, and once more if it was lost.
Small networks of one shape are trained much faster all together, by `physnets.grid`.
"""

import inspect
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from unittest import mock

import joblib
import numpy as np
import pandas as pd
from sklearn.model_selection import ParameterGrid
from tqdm import tqdm

from physnets.reproducibility import seed_everything

# The random state belongs to the process: two threads that train at once would draw from each other's sequence.
_ONE_AT_A_TIME = threading.Lock()


def search(
    build_model: Callable,
    parameters: Mapping[str, Sequence] | Sequence[Mapping],
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    *,
    epochs: int,
    batch_size: int = 32,
    seeds: Sequence[int] = (0,),
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Train a model for every combination of parameters and every seed, and score each on the training and the validation data.

    Args:
        build_model: called as `build_model(**combination)`, returns a compiled Keras model. It may run in another process or on another
            machine, so it has to set up itself what the model depends on, say the precision of its numbers.
        parameters: the values to try for each name, of which all combinations are searched (the names in alphabetical order, the last one
            changing fastest); or the combinations themselves, for a random search as scikit-learn's `ParameterSampler` draws them.
        train: inputs and targets to train on, arrays of the same length.
        validation: inputs and targets to judge by.
        epochs: passes through the training data, 1 or more.
        batch_size: samples in a mini-batch, 1 or more.
        seeds: whole numbers from 0 to 2**32 - 1; each combination is trained once from each.
        n_jobs: how many trainings run at once, each in a process of its own; -1 for one a processor core. Left out, a surrounding
            `joblib.parallel_config` decides, and without one they run one after another in this process.

    Returns:
        A row for each combination and seed, in their order whatever finishes first. Its columns are the parameters, `seed`, and the loss
        and the metrics of the trained model as `training loss`, `validation loss` and so on, NaN where the training diverged.

    Raises:
        ValueError: one of the arguments is not as described; a parameter is called `seed`; the data are not finite.
    """
    if not callable(build_model):
        raise ValueError(f"build_model is {build_model!r}, expected a function that returns a compiled Keras model.")
    if not (len(parameters) and len(seeds)):
        raise ValueError(f"{len(parameters)} parameters and {len(seeds)} seeds given, expected at least one of each.")
    combinations = list(ParameterGrid(parameters) if isinstance(parameters, Mapping) else parameters)
    for combination in combinations:
        try:
            inspect.signature(build_model).bind(**combination)
        except TypeError as error:
            raise ValueError(f"build_model cannot be called with {combination}: {error}.") from None
        if "seed" in combination:
            raise ValueError("a parameter is called 'seed', expected another name, and the seeds themselves in `seeds`.")
    for seed in seeds:
        if not (isinstance(seed, Integral) and 0 <= seed < 2**32):
            raise ValueError(f"a seed is {seed!r}, expected a whole number from 0 to 2**32 - 1.")
    for name, number in (("epochs", epochs), ("batch_size", batch_size)):
        if not (isinstance(number, Integral) and number >= 1):
            raise ValueError(f"{name} is {number!r}, expected a whole number, 1 or more.")
    parts = {"training": _checked(train, "training"), "validation": _checked(validation, "validation")}

    tasks = [(combination, seed) for combination in combinations for seed in seeds]
    # The arrays travel inside a dictionary, with every task. As arguments of their own joblib would leave one copy of them with one Dask
    # worker, and when that worker died the search could not go on.
    rows = joblib.Parallel(n_jobs=n_jobs, return_as="generator")(
        joblib.delayed(_row)(build_model, combination, seed, parts, epochs, batch_size) for combination, seed in tasks
    )
    return pd.DataFrame(tqdm(rows, total=len(tasks), desc="search", unit="model"))


def _checked(part, name):
    """The inputs and targets of one part of the data, as arrays."""
    if not (isinstance(part, tuple | list) and len(part) == 2):
        raise ValueError(f"the {name} data are a {type(part).__name__}, expected a pair: inputs and targets.")
    x, t = (np.asarray(array) for array in part)
    if len(x) != len(t) or len(x) == 0:
        raise ValueError(f"the {name} data have {len(x)} inputs and {len(t)} targets, expected as many of each, at least one.")
    if not (np.isfinite(x).all() and np.isfinite(t).all()):
        raise ValueError(f"the {name} data have values that are not finite, expected finite numbers only.")
    return x, t


def _row(build_model, combination, seed, parts, epochs, batch_size):
    """Train and score one model."""
    # Keras draws its layers' seeds with `random.randint`, and the threads of a Dask worker draw from the same generator when they like. So
    # Keras gets one of its own, which starts as that one did.
    with _ONE_AT_A_TIME, mock.patch.object(random, "randint", random.Random(int(seed)).randint):
        seed_everything(seed)
        model = build_model(**combination)
        if not getattr(model, "compiled", False):
            raise ValueError(f"build_model returned {model!r}, expected a compiled Keras model.")
        model.fit(*parts["training"], epochs=epochs, batch_size=batch_size, verbose=0)
        scores = {
            f"{part} {metric}": value
            for part, (x, t) in parts.items()
            for metric, value in model.evaluate(x, t, batch_size=batch_size, verbose=0, return_dict=True).items()
        }
    if not np.isfinite(scores["training loss"]):
        scores = dict.fromkeys(scores, np.nan)
    return {**combination, "seed": seed, **scores}

"""The training of the small digits' networks, and what its data file holds."""

import numpy as np
import pytest

from tools import train_digits
from tools.make_data import DATA


@pytest.fixture(scope="module")
def shipped():
    with np.load(DATA / "digits_networks.npz") as stored:
        return dict(stored)


def test_a_short_training_makes_arrays_like_the_shipped_ones(shipped):
    made = train_digits.train(epochs=1)
    assert {name: (array.shape, array.dtype) for name, array in made.items()} == {
        name: (array.shape, array.dtype) for name, array in shipped.items()
    }
    for name in ("scale", "images", "labels"):
        np.testing.assert_array_equal(made[name], shipped[name])


def test_the_shipped_networks_are_as_good_as_the_readme_says_and_fail_on_moved_digits_as_the_figure_says(shipped):
    _, (images, labels) = train_digits.split()
    mean, std = shipped["scale"].astype(float)
    network = train_digits.build_network()

    def accuracy(which, *step):
        network.set_weights([shipped[f"w{number:02d}"][which] for number in range(6)])
        scaled = (train_digits.moved(images, *step) - mean) / std
        return np.mean(network.predict(scaled[..., np.newaxis], verbose=0).argmax(axis=1) == labels)

    assert [round(accuracy(which, 0, 0), 3) for which in (0, 1)] == [0.969, 0.978]
    by_one = [[accuracy(which, *step) for step in train_digits.STEPS[1:]] for which in (0, 1)]
    assert 0.55 < np.mean(by_one[0]) < 0.65  # "about 60"
    assert np.mean(by_one[1]) > 0.9

"""The program that trains the networks of Week 6, on a tiny plan, and what it shipped."""

from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest

from physnets.data import data_path
from physnets.images import load_cifar10_samples
from tools import train_cifar10 as program

ROOT = Path(__file__).resolve().parent.parent
FILES = ("cifar10_histories.npz", "cifar10_plain.npz", "cifar10_residual.npz")
TINY = program.Plan(
    plain_epochs=2,
    residual_epochs=1,
    ingredients=("all",),
    ingredient_images=100,
    ingredient_held_out=50,
    ingredient_epochs=1,
    ingredient_seeds=1,
    short_images=100,
    short_epochs=1,
    short_seeds=1,
    timed_rounds=1,
)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    x, t = rng.integers(0, 256, (200, 32, 32, 3)).astype(np.uint8), np.arange(200) % 10
    return SimpleNamespace(x_train=x[:150], t_train=t[:150], x_test=x[150:], t_test=t[150:], real=True)


@pytest.fixture(scope="module")
def tiny(images, tmp_path_factory):
    """The folder of finished runs, the folder of results, and the names of the trainings that a stop and a second start took."""
    runs, results = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("results")
    trained, fit = [], program.fit

    def fit_once_more(name, *arguments, **how):
        trained.append(name)
        if trained == ["plain", "residual"]:
            raise KeyboardInterrupt
        return fit(name, *arguments, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "fit", fit_once_more)
        with pytest.raises(KeyboardInterrupt):
            program.train_all(images, TINY, runs, results)
        assert list(results.iterdir()) == []
        program.train_all(images, TINY, runs, results)
    return runs, results, trained


def arrays(path):
    with np.load(path) as stored:
        return dict(stored)


def test_a_stopped_program_goes_on_with_the_first_run_that_is_not_finished(tiny):
    assert tiny[2] == ["plain", "residual", "residual", "short, seed 0", "all, seed 0"]


def test_finished_runs_are_not_repeated(tiny, images, tmp_path, monkeypatch):
    monkeypatch.setattr(program, "fit", lambda *_, **__: pytest.fail("a finished run was trained again"))
    monkeypatch.setattr(program, "baselines", lambda *_: pytest.fail("the baselines were fitted again"))
    program.train_all(images, TINY, tiny[0], tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (tiny[1] / name).read_bytes()


def test_the_files_hold_what_the_shipped_ones_hold(tiny):
    assert sorted(path.name for path in tiny[1].iterdir()) == sorted(FILES)
    for name in FILES:
        made, shipped = arrays(tiny[1] / name), arrays(data_path(name))
        assert set(made) == set(shipped)
        assert {key: array.dtype.kind for key, array in made.items()} == {key: array.dtype.kind for key, array in shipped.items()}
        if name != "cifar10_histories.npz":
            assert {key: array.shape for key, array in made.items()} == {key: array.shape for key, array in shipped.items()}


def test_histories_have_one_value_an_epoch_and_the_matrix_one_count_an_image(tiny):
    histories = arrays(tiny[1] / "cifar10_histories.npz")
    for key in ("training_loss", "training_accuracy", "held_out_loss", "held_out_accuracy"):
        assert histories[f"plain_{key}"].shape == (2,)
        assert histories[f"residual_{key}"].shape == (1,)
        assert histories[f"ingredient_{key}"].shape == (1, 1, 1)
    assert (histories["ingredient_step_seconds"] > 0).all()
    assert histories["plain_confusion"].sum(axis=1).tolist() == [5] * 10


def test_shipped_results_are_not_trained_on_the_stand_in(monkeypatch):
    monkeypatch.setattr(program, "load_cifar10", lambda: SimpleNamespace(real=False))
    monkeypatch.setattr(program, "train_all", lambda *_: pytest.fail("it was trained"))
    with pytest.raises(SystemExit, match=r"^only the stand-in for CIFAR-10 is here, .* \$PHYSNETS_DATA\.$"):
        program.main()


def test_without_augmentation_an_epoch_is_every_image_once(images):
    batches = program.Batches(images.x_train, images.t_train, seed=0, augment=False)
    assert len(batches) == 2
    for _ in range(2):
        x, t = (np.concatenate(part) for part in zip(*(batches[0], batches[1]), strict=True))
        order = np.argsort(batches.order)
        np.testing.assert_array_equal(np.round(255 * x[order]), images.x_train)
        np.testing.assert_array_equal(t[order], images.t_train)
        before = batches.order
        batches.on_epoch_end()
        assert (before != batches.order).any()


def test_augmented_images_are_shifted_and_half_of_them_mirrored(images):
    batches = program.Batches(images.x_train, images.t_train, seed=0, augment=True)
    x, t = batches[0]
    rows, mirrored, shifts = batches.order[: len(t)], 0, set()
    for image, row in zip(np.round(255 * x), rows, strict=True):
        wide = np.pad(images.x_train[row], ((4, 4), (4, 4), (0, 0)), mode="reflect")
        found = [
            (down, right, flip)
            for flip in (False, True)
            for down in range(9)
            for right in range(9)
            if np.array_equal(image[:, ::-1] if flip else image, wide[down : down + 32, right : right + 32])
        ]
        assert len(found) == 1
        mirrored += found[0][2]
        shifts.add(found[0][:2])
    np.testing.assert_array_equal(t, images.t_train[rows])
    assert 32 < mirrored < 96  # of 128; 5.7 standard deviations
    assert len(shifts) > 40  # of 81; 128 draws miss a given one with probability 0.2


@pytest.mark.parametrize(("name", "accuracy"), [("plain", 0.68), ("residual", 0.82)])
def test_shipped_histories_and_confusion_matrices_agree(name, accuracy):
    histories = arrays(data_path("cifar10_histories.npz"))
    confusion = histories[f"{name}_confusion"]
    assert confusion.shape == (10, 10)
    assert confusion.sum(axis=1).tolist() == [1000] * 10
    shipped = np.trace(confusion) / 10_000
    assert shipped >= accuracy
    # The matrix is that of the weights in half precision, the history that of the weights before rounding.
    assert abs(shipped - histories[f"{name}_held_out_accuracy"][-1]) < 0.002
    for key in ("training_loss", "training_accuracy", "held_out_loss", "held_out_accuracy"):
        assert histories[f"{name}_{key}"].shape == (getattr(program.Plan(), f"{name}_epochs"),)
        assert np.isfinite(histories[f"{name}_{key}"]).all()


def test_shipped_comparison_has_three_seeds_of_each_ingredient():
    histories, plan = arrays(data_path("cifar10_histories.npz")), program.Plan()
    assert tuple(histories["ingredients"]) == tuple(program.INGREDIENTS)
    shape = (len(program.INGREDIENTS), plan.ingredient_seeds, plan.ingredient_epochs)
    for key in ("training_loss", "training_accuracy", "held_out_loss", "held_out_accuracy"):
        assert histories[f"ingredient_{key}"].shape == shape
    assert histories["ingredient_test_accuracy"].shape == shape[:2]
    assert len(np.unique(histories["ingredient_test_accuracy"])) > len(program.INGREDIENTS)


def lecture_networks():
    """The two networks as the lecture defines them, by running only the cells that do."""
    notebook = nbformat.read(ROOT / "notebooks" / "week06_cifar10.ipynb", as_version=4)
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    wanted = ("network = keras.Sequential(", "def two_convolutions(", "def residual_network(")
    scope = {"keras": program.keras, "layers": program.layers}
    for start in wanted:
        exec(next(source for source in sources if source.startswith(start)), scope)
    return {"plain": scope["network"], "residual": scope["residual_network"]()}


def test_shipped_weights_fit_the_networks_of_the_lecture_and_of_the_program():
    samples, labels = load_cifar10_samples()
    x, in_lecture = samples.astype("float32") / 255, lecture_networks()
    for name, build, right in (("plain", program.source_network, 12), ("residual", program.residual_network, 15)):
        weights = [array for _, array in sorted(arrays(data_path(f"cifar10_{name}.npz")).items())]
        assert {array.dtype for array in weights} == {np.dtype(np.float16)}
        outputs = []
        for model in (in_lecture[name], build()):
            model.set_weights([array.astype(np.float32) for array in weights])
            outputs.append(model.predict_on_batch(x))
        # Single precision through at most ten layers; logits are of size 10.
        np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-4)
        assert np.sum(outputs[0].argmax(axis=1) == labels) >= right


def test_the_shipped_weights_are_small():
    assert sum(data_path(name).stat().st_size for name in FILES) < 2_000_000

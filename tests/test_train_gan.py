"""The training of the GAN, at its smallest: killed at any moment it ends as if it had never stopped, and never spoils what was there."""

import errno
import json
import multiprocessing
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from physnets.gan import LATENT, build_generator
from tools import train_gan
from tools.train_gan import Settings, train

ROOT = Path(__file__).resolve().parent.parent
TINY = {"images": 16, "batch": 8, "calibration": 20}
EPOCHS = 3
PROGRAM = f"""
from pathlib import Path
import sys
from tools.train_gan import Settings, train
train(Settings(**{TINY}), {EPOCHS}, Path(sys.argv[1]))
"""


def newest(folder):
    with np.load(train_gan.checkpoints(folder)[0]) as stored:
        return dict(stored)


def assert_same(folder, other):
    mine, theirs = newest(folder), newest(other)
    assert mine.keys() == theirs.keys()
    for name, array in mine.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    train(Settings(**TINY), EPOCHS, folder)
    assert [path.name for path in train_gan.checkpoints(folder)] == ["epoch-0003.npz", "epoch-0002.npz"]
    return folder


def test_killed_at_random_moments_it_ends_as_if_it_had_never_stopped(uninterrupted, tmp_path):
    """Each kill falls at a random moment after the first new checkpoint, or a half-written one, has appeared, so that there is progress."""
    # A server that has loaded TensorFlow forks each process anew, where the system can fork.
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
    context.set_forkserver_preload(["tools.train_gan"])
    dice, kills = random.Random(0), 0
    while True:
        before = set(tmp_path.iterdir())
        program = context.Process(target=train, args=(Settings(**TINY), EPOCHS, tmp_path))
        program.start()
        while program.is_alive() and set(tmp_path.iterdir()) == before:
            time.sleep(0.001)
        time.sleep(dice.uniform(0, 0.3))
        program.kill()
        program.join()
        if program.exitcode == 0:
            break
        kills += 1
    assert kills >= 1
    assert_same(tmp_path, uninterrupted)


def halved(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def emptied(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [halved, flipped, emptied])
def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_it_used(uninterrupted, tmp_path, capsys, damage):
    train(Settings(**TINY), 2, tmp_path)
    path = train_gan.checkpoints(tmp_path)[0]
    damage(path)
    train(Settings(**TINY), EPOCHS, tmp_path)
    assert f"{path} is damaged and is left out." in capsys.readouterr().err
    assert_same(tmp_path, uninterrupted)


def test_a_kill_during_a_write_leaves_the_checkpoint_before(uninterrupted, tmp_path):
    """Here the kill comes between any two pieces that are written: the file under its own name appears only when it is whole."""
    train(Settings(**TINY), 2, tmp_path)
    content = train_gan.checkpoints(tmp_path)[0].read_bytes()
    for size in (0, 1, len(content) // 2, len(content) - 1):
        (tmp_path / "epoch-0003.npz.new").write_bytes(content[:size])
        assert train_gan.checkpoints(tmp_path)[0].name == "epoch-0002.npz"
    train(Settings(**TINY), EPOCHS, tmp_path)
    assert_same(tmp_path, uninterrupted)
    assert not list(tmp_path.glob("*.new"))


def test_a_full_disk_ends_with_one_sentence_and_no_damaged_file(uninterrupted, tmp_path, monkeypatch):
    train(Settings(**TINY), 2, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with monkeypatch.context() as patch:

        def full(descriptor):
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(train_gan.os, "fsync", full)
        with pytest.raises(
            SystemExit, match=r"epoch-0003\.npz could not be written \(No space left on device\); what was there before is untouched"
        ):
            train(Settings(**TINY), EPOCHS, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    train(Settings(**TINY), EPOCHS, tmp_path)
    assert_same(tmp_path, uninterrupted)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_a_file_that_really_cannot_grow_ends_the_same_way(tmp_path):
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n{PROGRAM}"
    found = subprocess.run([sys.executable, "-c", limited, tmp_path], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert found.returncode == 1
    last = found.stderr.strip().splitlines()[-1]
    assert "epoch-0001.npz could not be written (File too large); what was there before is untouched" in last
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_other_settings_is_refused_and_kept(uninterrupted):
    before = {path: path.read_bytes() for path in uninterrupted.iterdir()}
    with pytest.raises(
        SystemExit,
        match=r"epoch-0003\.npz belongs to a training with the settings .*, expected .*; name another folder\. Nothing was changed\.$",
    ):
        train(Settings(**TINY, seed=1), EPOCHS, uninterrupted)
    assert {path: path.read_bytes() for path in uninterrupted.iterdir()} == before


def test_what_is_shipped_is_what_was_trained(uninterrupted, tmp_path):
    training = train(Settings(**TINY), EPOCHS, uninterrupted)
    train_gan.ship(training, tmp_path)
    with np.load(tmp_path / "gan_generator.npz") as stored:
        weights = [stored[name] for name in stored.files]
    assert [array.shape for array in weights] == [array.shape for array in build_generator().get_weights()]
    for array, reference in zip(weights, training.average.get_weights(), strict=True):
        np.testing.assert_allclose(array, reference, rtol=2**-10, atol=1e-7)  # half precision
    with np.load(tmp_path / "gan_history.npz") as stored:
        assert stored["losses"].shape == (EPOCHS, 2) and stored["progress"].shape == (EPOCHS, 16, 28, 28)
    frames = train_gan.animation(training.progress)
    image = 255 - np.asarray(frames[-1])[::2, ::2]
    np.testing.assert_array_equal(image[28:56, 56:84], training.progress[-1, 6])  # second row, third column
    assert (tmp_path / "gan_progress.gif").read_bytes().startswith(b"GIF89a")


def test_the_shipped_files_belong_to_the_default_settings():
    with np.load(ROOT / "data" / "gan_history.npz") as stored:
        assert stored["losses"].shape == (len(stored["progress"]), 2)
        assert np.isfinite(stored["losses"]).all()


def test_epochs_below_one_are_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train_gan.py", "--epochs", "0"])
    with pytest.raises(SystemExit, match="2"):
        train_gan.main()
    assert capsys.readouterr().err.endswith("error: --epochs is 0, expected 1 or more.\n")


def test_the_latent_vectors_shown_and_the_settings_are_in_every_checkpoint(uninterrupted):
    state = newest(uninterrupted)
    assert json.loads(str(state["settings"]))["images"] == TINY["images"]
    assert state["progress"].shape == (EPOCHS, train_gan.SHOWN, 28, 28)
    assert LATENT == 100

"""Train the GAN of Weeks 11 and 12 on the course's 10 000 digits, and store what the lectures show in data/.

    python tools/train_gan.py                  about 100 epochs, a half an hour on two processor cores
    python tools/train_gan.py --folder runs    keep the checkpoints in another folder

After every epoch everything that the training depends on goes into a checkpoint, in one step: both networks, both optimisers, the state
of the random numbers, the log. The program may be killed at any moment; started again, it goes on from the newest checkpoint that is
whole, and ends with the same weights and the same log as if it had never stopped.
"""

import argparse
import dataclasses
import json
import os
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pooch
import tensorflow as tf
from PIL import Image
from tqdm import tqdm

from physnets.gan import LATENT, build_discriminator, build_generator
from physnets.images import load_mnist
from physnets.reproducibility import seed_everything
from tools.make_data import DATA, write_registry

KEPT = 2  # checkpoints; the older one is for the case that the newest is damaged
SHOWN = 16  # latent vectors whose images are followed over the epochs


@dataclass(frozen=True)
class Settings:
    """What a training depends on; a checkpoint goes on only with its own settings."""

    images: int = 10_000
    batch: int = 64
    eta: float = 2e-4
    beta_1: float = 0.5
    averaging: float = 0.998  # per step: the generator that draws is a mean of the last 500 steps or so
    calibration: int = 5000  # latent vectors from which its batch normalisation learns the mean and variance of averaged weights
    real_target: float = 0.9  # label smoothing: a discriminator that is never certain leaves the generator a gradient
    seed: int = 0


class Training:
    """Both players, the averaged generator, optimisers, random numbers, and the log, as they are after a number of epochs."""

    def __init__(self, settings: Settings) -> None:
        seed_everything(settings.seed)
        self.settings = settings
        self.generator, self.discriminator = build_generator(), build_discriminator()
        self.average = keras.models.clone_model(self.generator)  # of the generator's weights; the one that draws
        self.optimizers = [keras.optimizers.Adam(settings.eta, beta_1=settings.beta_1) for _ in range(2)]
        for optimizer, model in zip(self.optimizers, (self.generator, self.discriminator), strict=True):
            optimizer.build(model.trainable_variables)
        self.rng = np.random.default_rng(settings.seed)
        self.shown, self.calibration = self.normal(SHOWN), self.normal(settings.calibration)
        self.images = load_mnist()[0][: settings.images, :, :, np.newaxis].astype(np.float32) / 127.5 - 1
        self.losses = np.empty((0, 2))  # a row for each epoch: mean loss of the generator and of the discriminator
        self.progress = np.empty((0, SHOWN, 28, 28), np.uint8)
        self.step = tf.function(self._step)

    def normal(self, n: int) -> np.ndarray:
        return self.rng.normal(size=(n, LATENT)).astype(np.float32)

    def _step(self, real: tf.Tensor, latent_for_d: tf.Tensor, latent_for_g: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """One step of either player. Shapes: real (batch, 28, 28, 1), latent vectors (batch, LATENT)."""
        entropy = keras.losses.BinaryCrossentropy(from_logits=True)
        ones = tf.ones((len(real), 1))
        with tf.GradientTape() as tape:
            logits_real = self.discriminator(real, training=True)
            logits_fake = self.discriminator(self.generator(latent_for_d, training=True), training=True)
            loss_d = entropy(self.settings.real_target * ones, logits_real) + entropy(0 * ones, logits_fake)
        variables = self.discriminator.trainable_variables
        self.optimizers[1].apply(tape.gradient(loss_d, variables), variables)
        with tf.GradientTape() as tape:
            loss_g = entropy(ones, self.discriminator(self.generator(latent_for_g, training=True), training=True))
        variables = self.generator.trainable_variables
        self.optimizers[0].apply(tape.gradient(loss_g, variables), variables)
        for mean, variable in zip(self.average.trainable_variables, variables, strict=True):
            mean.assign(self.settings.averaging * mean + (1 - self.settings.averaging) * variable)
        return loss_g, loss_d

    def epoch(self) -> None:
        """Train for one epoch and add it to the log. Of the images in their new order, those beyond the last full batch are left out."""
        size = self.settings.batch
        order = self.rng.permutation(len(self.images))
        batches = order[: len(order) // size * size].reshape(-1, size)
        losses = [self.step(self.images[rows], self.normal(size), self.normal(size)) for rows in tqdm(batches, leave=False, unit="step")]
        self.losses = np.vstack([self.losses, np.mean(losses, axis=0)])
        for latent in np.array_split(self.calibration, 20):
            self.average(latent, training=True)
        drawn = np.asarray(self.average(self.shown, training=False))[np.newaxis, ..., 0]
        self.progress = np.concatenate([self.progress, np.round((drawn + 1) * 127.5).astype(np.uint8)])

    @property
    def variables(self) -> list[keras.Variable]:
        """All variables; the models' include the counters of the dropout layers' random numbers."""
        return [variable for part in (self.generator, self.discriminator, self.average, *self.optimizers) for variable in part.variables]

    def state(self) -> dict[str, np.ndarray]:
        """Everything that the rest of the training depends on."""
        arrays = {f"v{number:03d}": np.asarray(variable) for number, variable in enumerate(self.variables)}
        texts = {"settings": dataclasses.asdict(self.settings), "random": self.rng.bit_generator.state}
        return (
            arrays | {key: np.array(json.dumps(value)) for key, value in texts.items()} | {"losses": self.losses, "progress": self.progress}
        )

    def restore(self, state: dict[str, np.ndarray]) -> None:
        for number, variable in enumerate(self.variables):
            variable.assign(state[f"v{number:03d}"])
        self.rng.bit_generator.state = json.loads(str(state["random"]))
        self.losses, self.progress = state["losses"], state["progress"]


def write(path: Path, save) -> None:
    """Write a file in one step: it is either there and whole, or not there."""
    new = path.with_name(f"{path.name}.new")
    try:
        with new.open("wb") as file:
            save(file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        sys.exit(f"{path} could not be written ({error.strerror}); what was there before is untouched, and the training goes on from it.")


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the newest first."""
    return sorted(folder.glob("epoch-*.npz"), reverse=True)


def read(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays of a checkpoint, or nothing if it is damaged; the archive has a checksum for each."""
    try:
        with np.load(path) as stored:
            return dict(stored)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        print(f"{path} is damaged and is left out.", file=sys.stderr)
        return None


def resume(training: Training, folder: Path) -> None:
    """Go on from the newest checkpoint that is whole, if there is one; refuse a folder of other settings."""
    wanted = dataclasses.asdict(training.settings)
    for path in checkpoints(folder):
        if (state := read(path)) is not None:
            found = json.loads(str(state["settings"]))
            if found != wanted:
                sys.exit(
                    f"{path} belongs to a training with the settings {found}, expected {wanted}; name another folder. Nothing was changed."
                )
            training.restore(state)
            return


def train(settings: Settings, epochs: int, folder: Path) -> Training:
    """Train up to a number of epochs, with a checkpoint after each."""
    folder.mkdir(parents=True, exist_ok=True)
    training = Training(settings)
    resume(training, folder)
    # Closed before a message at the end, which would otherwise stand above the bar.
    with tqdm(total=epochs, initial=len(training.losses), unit="epoch") as bar:
        while len(training.losses) < epochs:
            training.epoch()
            state = training.state()
            write(folder / f"epoch-{len(training.losses):04d}.npz", lambda file, state=state: np.savez(file, **state))
            for old in checkpoints(folder)[KEPT:]:
                old.unlink()
            bar.update()
            bar.set_postfix_str("generator {:.2f}, discriminator {:.2f}".format(*training.losses[-1]))
    return training


def animation(progress: np.ndarray) -> list[Image.Image]:
    """A frame for each epoch: the SHOWN images in four rows, twice enlarged, ink on paper."""
    tiles = progress.reshape(len(progress), 4, 4, 28, 28).swapaxes(2, 3).reshape(len(progress), 112, 112)
    return [Image.fromarray(255 - tile).resize((224, 224), Image.Resampling.NEAREST) for tile in tiles]


def ship(training: Training, destination: Path) -> None:
    """Write what the lectures use: the generator in half precision, the log, the animation."""
    weights = {f"w{number:02d}": array.astype(np.float16) for number, array in enumerate(training.average.get_weights())}
    write(destination / "gan_generator.npz", lambda file: np.savez_compressed(file, **weights))
    history = {"losses": training.losses, "progress": training.progress}
    write(destination / "gan_history.npz", lambda file: np.savez_compressed(file, **history))
    first, *rest = animation(training.progress)
    how = {"format": "GIF", "save_all": True, "append_images": rest, "duration": 100, "optimize": True}
    write(destination / "gan_progress.gif", lambda file: first.save(file, **how))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=150, help="default: 150")
    parser.add_argument(
        "--folder", type=Path, default=pooch.os_cache("physnets") / "train_gan", help="of the checkpoints (default: the user's cache)"
    )
    options = parser.parse_args()
    if options.epochs < 1:
        parser.error(f"--epochs is {options.epochs}, expected 1 or more.")
    ship(train(Settings(), options.epochs, options.folder), DATA)
    write_registry()


if __name__ == "__main__":
    main()

"""Figures in the course's one style. Every function draws into Axes and returns them, so a lecture can go on drawing."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes


def set_style() -> None:
    """Give all figures that follow the course's look.

    Okabe and Ito's palette as seaborn has it, told apart by colour-blind readers too; an opaque white ground, so that a figure
    reads the same on a dark page.
    """
    sns.set_theme(
        style="ticks",
        palette="colorblind",
        rc={
            "figure.figsize": (6.4, 3.8),
            "figure.dpi": 100,
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "axes.grid": True,
            "grid.alpha": 0.4,
            "image.cmap": "viridis",
        },
    )


def heatmap(table: pd.DataFrame, ax: Axes | None = None, *, label: str, fmt: str = ".2f") -> Axes:
    """Draw a table as an annotated heatmap whose ticks are the table's own row and column values.

    Args:
        table: shape (rows, columns), numbers. Its index and columns hold the axis values (say learning rates and penalties), and
            their names become the axis labels. Values that are not finite (NaN, infinity) stay blank.
        ax: where to draw; a new figure if not given.
        label: what the numbers are, with their unit; written beside the colour bar.
        fmt: format of the number in each cell.

    Raises:
        ValueError: `table` is not a DataFrame of numbers, is empty, or has no number but NaN or infinity.
    """
    if not isinstance(table, pd.DataFrame):
        raise ValueError(f"the table is a {type(table).__name__}, expected a pandas DataFrame with the axis values as index and columns.")
    if table.empty:
        raise ValueError(f"the table has shape {table.shape}, expected at least one row and one column.")
    if not all(pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes):
        raise ValueError("the table holds something else than numbers, expected numbers only.")
    numbers = table.to_numpy(dtype=float)
    finite = numbers[np.isfinite(numbers)]
    if finite.size == 0:
        raise ValueError("the table holds no finite number, expected at least one.")
    ax = _axes(ax, figsize=(1.9 + 0.72 * table.shape[1], 1.3 + 0.52 * table.shape[0]))
    sns.heatmap(
        table,
        ax=ax,
        vmin=finite.min(),
        vmax=finite.max(),
        annot=True,
        fmt=fmt,
        cmap="viridis",
        xticklabels=[_tick(value) for value in table.columns],
        yticklabels=[_tick(value) for value in table.index],
        cbar_kws={"label": label},
    )
    ax.set(xlabel=table.columns.name or "", ylabel=table.index.name or "")
    ax.tick_params(axis="y", rotation=0)
    ax.grid(False)  # it would show through the blank cells
    return ax


def learning_curves(history: Mapping[str, Sequence[float]], ax: Axes | None = None, *, ylabel: str, yscale: str = "linear") -> Axes:
    """Draw one curve a series against the epoch, counted from 1.

    Args:
        history: the series by name, each of shape (epochs,), all of one length; a Keras `History.history` will do.
        ax: where to draw; a new figure if not given.
        ylabel: what is drawn, with its unit.
        yscale: `"linear"` or `"log"`.

    Raises:
        ValueError: there is no series, one is empty or not one-dimensional, lengths differ, or `yscale` is another word.
    """
    if yscale not in ("linear", "log"):
        raise ValueError(f"yscale is {yscale!r}, expected 'linear' or 'log'.")
    shapes = {name: np.shape(series) for name, series in history.items()}
    if not shapes or len(set(shapes.values())) > 1 or any(len(shape) != 1 or shape[0] == 0 for shape in shapes.values()):
        raise ValueError(f"the series have shapes {shapes}, expected at least one series, all of the shape (epochs,) with epochs >= 1.")
    ax = _axes(ax)
    for name, series in history.items():
        ax.plot(np.arange(1, len(series) + 1), series, label=name)
    ax.set(xlabel="epoch", ylabel=ylabel, yscale=yscale)
    ax.legend()
    return ax


def image_grid(images: np.ndarray, titles: Sequence[object] | None = None, *, columns: int = 10) -> np.ndarray:
    """Draw images side by side, row after row, in a new figure.

    Args:
        images: shape (n, height, width), grey, dark where the value is high; or (n, height, width, 3), colours from 0 to 1 (or uint8).
            All grey images share one scale.
        titles: n short titles.
        columns: images in a row.

    Returns:
        The Axes, shape (n,).

    Raises:
        ValueError: no image, another shape, values that are not finite, colours beyond their range, another number of titles, or fewer
            than one column.
    """
    images = np.asarray(images)
    if images.size == 0 or not (images.ndim == 3 or (images.ndim == 4 and images.shape[-1] == 3)):
        raise ValueError(f"the images have shape {images.shape}, expected (n, height, width) or (n, height, width, 3) with n >= 1.")
    if not np.isfinite(images).all():
        raise ValueError("the images have values that are not finite, expected finite numbers only.")
    if images.ndim == 4 and images.dtype != np.uint8 and (images.min() < 0 or images.max() > 1):
        raise ValueError(f"the colours go from {images.min():g} to {images.max():g}, expected 0 to 1, or uint8.")
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} images given, expected one title an image.")
    if columns < 1:
        raise ValueError(f"columns is {columns}, expected 1 or more.")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    size = (0.75 * columns + 0.2, (0.75 if titles is None else 0.98) * rows + 0.2)
    axes = plt.subplots(rows, columns, figsize=size, squeeze=False)[1]
    for ax in axes.flat:
        ax.axis("off")
    for number, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
        ax.imshow(image, cmap="gray_r", vmin=images.min(), vmax=images.max())
        if titles is not None:
            ax.set_title(str(titles[number]), fontsize=9)
    return axes.ravel()[: len(images)]


def _axes(ax: Axes | None, **figure: object) -> Axes:
    return plt.subplots(**figure)[1] if ax is None else ax


def _tick(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float, np.number)) else str(value)

"""Figures in the course's one style. Every function draws into Axes and returns them, so a lecture can go on drawing."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from physnets.inputs import items, numbers, short, text, whole


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
        ValueError: `table` is not a DataFrame of numbers, is empty, or has no number but NaN or infinity; `fmt` is no format of its numbers, or
            `label` no text.
    """
    if not isinstance(table, pd.DataFrame):
        raise ValueError(f"the table is a {type(table).__name__}, expected a pandas DataFrame with the axis values as index and columns.")
    text(label, "the label")
    values = numbers(table, "the table", dtype=None, finite=False)
    if values.dtype.kind not in "iu":  # whole numbers stay what they are, for formats such as "d"
        values = values.astype(float)
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        raise ValueError("the table holds no finite number, expected at least one.")
    try:
        format(finite[0], fmt)
    except (TypeError, ValueError):
        raise ValueError(f"fmt is {short(fmt)}, expected a format for numbers of the type {values.dtype}, such as '.2f'.") from None
    ax = _axes(ax, figsize=(1.9 + 0.72 * table.shape[1], 1.3 + 0.52 * table.shape[0]))
    sns.heatmap(
        pd.DataFrame(values, table.index, table.columns),
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
        history: the series by name, each of shape (epochs,), all of one length, as in the attribute `history` of what Keras' `fit` returns.
            Values that are not finite leave a gap.
        ax: where to draw; a new figure if not given.
        ylabel: what is drawn, with its unit.
        yscale: `"linear"` or `"log"`.

    Raises:
        ValueError: there is no series, one is empty, not one-dimensional or not of numbers, lengths differ, or `yscale` is another word.
    """
    if not isinstance(yscale, str) or yscale not in ("linear", "log"):
        raise ValueError(f"yscale is {short(yscale)}, expected 'linear' or 'log'.")
    if not isinstance(history, Mapping | pd.DataFrame):
        raise ValueError(f"the type of the history is {type(history).__name__}, expected the series by name: fit(...).history.")
    curves = {
        name: numbers(series, f"the series {short(name)}", ("epochs",), dtype=float, finite=False) for name, series in history.items()
    }
    lengths = [len(series) for series in curves.values()]
    if len(set(lengths)) != 1:
        raise ValueError(f"the lengths of the series are {short(lengths)}, expected at least one series, all of one length.")
    text(ylabel, "the label of the vertical axis")
    ax = _axes(ax)
    for name, series in curves.items():
        ax.plot(np.arange(1, len(series) + 1), series, label=name)
    ax.set(xlabel="epoch", ylabel=ylabel, yscale=yscale)
    ax.legend()
    return ax


def image_grid(images: np.ndarray, titles: Sequence[object] | None = None, *, columns: int = 10) -> np.ndarray:
    """Draw images side by side, row after row, in a new figure.

    Args:
        images: shape (n, height, width), grey, dark where the value is high; or (n, height, width, 3), colours from 0 to 1 (or uint8).
            All grey images share one scale. A list of pictures of PIL will do too. One picture alone is refused, because one in colour has
            the shape of a stack of grey ones: write `[picture]`.
        titles: n short titles, in the order of the images whatever their index.
        columns: images in a row.

    Returns:
        The Axes, shape (n,).

    Raises:
        ValueError: no image, another shape, values that are not finite, colours beyond their range, another number of titles, or fewer
            than one column.
    """
    images = numbers(images, "the images", ("n", "height", "width"), ("n", "height", "width", 3), dtype=None)
    if images.ndim == 3 and images.shape[2] == 3 < images.shape[1]:
        raise ValueError(
            f"the shape of the images is {images.shape}, which is one picture in colour; expected several, or a list: [picture]."
        )
    if images.dtype != np.uint8:
        images = images.astype(float)
        if images.ndim == 4 and (images.min() < 0 or images.max() > 1):
            raise ValueError(f"the colours go from {images.min():g} to {images.max():g}, expected 0 to 1, or uint8.")
    without = titles is None
    titles = [""] * len(images) if without else items(titles, "the titles")
    if len(titles) != len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} images given, expected one title an image.")
    columns = whole(columns, "the number of columns")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    size = (0.75 * columns + 0.2, (0.75 if without else 0.98) * rows + 0.2)
    axes = plt.subplots(rows, columns, figsize=size, squeeze=False)[1]
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, title in zip(axes.flat, images, titles, strict=False):
        ax.imshow(image, cmap="gray_r", vmin=images.min(), vmax=images.max())
        ax.set_title(str(title), fontsize=9)
    return axes.ravel()[: len(images)]


def _axes(ax: Axes | None, **figure: object) -> Axes:
    if not isinstance(ax, Axes | None):
        raise ValueError(f"the type of ax is {type(ax).__name__}, expected one Axes of matplotlib.")
    return plt.subplots(**figure)[1] if ax is None else ax


def _tick(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float, np.number)) else str(value)

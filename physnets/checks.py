"""Checks: gradients against finite differences, a lecture's results against their bands, answers to exercises against what is expected."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np


def gradient_error(
    cost: Callable[[list[np.ndarray]], float],
    parameters: Sequence[np.ndarray],
    gradients: Sequence[np.ndarray],
    step: float = 1e-5,
) -> float:
    """Compare gradients with central finite differences of the cost they belong to.

    Each entry of each parameter array is moved by `step` up and down, and `(cost above - cost below) / (2 * step)` is set against the
    given gradient. The truncation error falls as `step**2` and the rounding error grows as `1 / step`; in double precision 1e-5 is near
    the best for parameters of size 1.

    Args:
        cost: takes the list of parameter arrays, returns the cost, one number.
        parameters: float64 arrays of any shapes, at which the gradient was computed; not changed.
        gradients: one array for each of `parameters`, of the same shape: the derivative of the cost for each entry.
        step: how far each entry is moved, in the parameters' units.

    Returns:
        The largest relative error over the arrays: the Euclidean norm of the difference between gradient and finite differences, divided
        by the norm of the finite differences. Where these vanish altogether, the norm of the gradient.

    Raises:
        ValueError: nothing to compare, shapes that disagree, parameters that are not float64, values that are not finite, or a cost
            that is not one finite number.
    """
    if not len(parameters) or len(parameters) != len(gradients):
        raise ValueError(
            f"{len(parameters)} parameter arrays and {len(gradients)} gradients given, expected as many of each, at least one."
        )
    if not (np.isfinite(step) and step > 0):
        raise ValueError(f"the step is {step}, expected a positive number.")
    theta = [np.array(p) for p in parameters]
    for number, (p, g) in enumerate(zip(theta, gradients, strict=True)):
        if p.dtype != np.float64:
            raise ValueError(f"parameter array {number} is {p.dtype}, expected float64: finite differences need double precision.")
        if p.size == 0:
            raise ValueError(f"parameter array {number} has shape {p.shape}, expected at least one entry.")
        if np.shape(g) != p.shape:
            raise ValueError(f"gradient {number} has shape {np.shape(g)}, expected {p.shape}, the shape of its parameters.")
        if not (np.isfinite(p).all() and np.isfinite(g).all()):
            raise ValueError(f"parameter array {number} or its gradient has values that are not finite, expected finite numbers only.")
    if np.shape(cost(theta)) != ():
        raise ValueError(f"the cost has shape {np.shape(cost(theta))}, expected one number: the sum or the mean over the data.")
    return max(_relative_error(cost, theta, p, np.asarray(g), step) for p, g in zip(theta, gradients, strict=True))


def _relative_error(cost, theta, p, gradient, step):
    """Relative error of one array `p` of `theta`, which is moved in place and put back."""
    differences = np.empty_like(p)
    for index in np.ndindex(p.shape):
        centre = p[index]
        p[index] = centre + step
        above = cost(theta)
        p[index] = centre - step
        below = cost(theta)
        p[index] = centre
        differences[index] = (above - below) / (2 * step)
    if not np.isfinite(differences).all():
        raise ValueError(f"the cost is not finite within {step} of the parameters, expected a finite number.")
    scale = np.linalg.norm(differences)
    return float(np.linalg.norm(gradient - differences) / (scale or 1.0))


def what_you_should_see(rows: Iterable[tuple[str, float | Sequence[float], float, float]]) -> None:
    """Show a lecture's headline results beside the bands expected of them, and raise if one lies outside.

    The regression test compares the quantities and their bands, never the measured values.

    Args:
        rows: one tuple for each result: what was measured (a text), the value or the values over several seeds, and the lowest and
            highest value expected. Of several values, every one has to lie in the band.

    Raises:
        ValueError: the table is empty, a text has a `|`, a row has no value, or a band is upside down or not finite.
        AssertionError: a value is outside its band (or not a number); the message names each such row. The table is shown first.
    """
    table = ["| Quantity | Measured | Expected |", "|---|---|---|"]
    outside = []
    for quantity, value, low, high in rows:
        values = np.atleast_1d(np.asarray(value, dtype=float))
        if "|" in quantity:
            raise ValueError(f"the quantity {quantity!r} contains a '|', which would break the table; expected a text without one.")
        if values.size == 0:
            raise ValueError(f"{quantity!r} has no value, expected at least one number.")
        if not (np.isfinite(low) and np.isfinite(high) and low <= high):
            raise ValueError(f"the band of {quantity!r} is {low} to {high}, expected two finite numbers, the lower one first.")
        shown = f"{values.min():.4g}" if values.size == 1 else f"{values.min():.4g} to {values.max():.4g} ({values.size} seeds)"
        table.append(f"| {quantity} | {shown} | {low:.4g} to {high:.4g} |")
        if not ((values >= low) & (values <= high)).all():
            outside.append(f"{quantity} is {shown}, expected {low:.4g} to {high:.4g}")
    if len(table) == 2:
        raise ValueError("the table has no rows, expected at least one result.")

    from IPython.display import Markdown, display  # only a notebook has a display

    display(Markdown("\n".join(table)))
    if outside:
        raise AssertionError("outside the expected band: " + "; ".join(outside) + ".")


def expect(what: str, got: object, wanted: object, rtol: float = 1e-6, atol: float = 1e-12) -> None:
    """Compare the answer to an exercise with what is expected of it, within a tolerance.

    Args:
        what: name of the quantity or quantities, with the unit if there is one; the message begins with it.
        got: the answer: a number, or an array of any shape; None if there is none yet.
        wanted: the expected number or array, finite or not; where it is not a number (NaN), so has to be the answer.
        rtol: largest difference allowed, as a fraction of the expected value.
        atol: largest difference allowed where the expected value is near 0, in its unit.

    Raises:
        AssertionError: the answer is missing, is not numeric, has another shape, or differs; the message says where, and what is expected.
    """
    wanted = np.asarray(wanted)
    shape = f"an array of shape {wanted.shape}" if wanted.shape else f"{wanted:.8g}"
    if got is None:
        raise AssertionError(f"{what}: found None, expected {shape}; no answer yet.")
    try:
        found = np.asarray(got)
        numeric = found.dtype.kind in "biufc"
    except ValueError:  # lists of unequal lengths
        numeric = False
    if not numeric:
        raise AssertionError(f"{what}: found the type {type(got).__name__}, expected {shape}.")
    if found.shape != wanted.shape:
        raise AssertionError(f"{what}: found the shape {found.shape}, expected {wanted.shape}.")
    differs = ~np.isclose(found, wanted, rtol=rtol, atol=atol, equal_nan=True)
    if differs.any():
        index = tuple(int(i) for i in np.argwhere(differs)[0])
        where = f" at index {index if len(index) > 1 else index[0]}" if index else ""
        raise AssertionError(f"{what}: found {found[index]:.8g}{where}, expected {wanted[index]:.8g}.")

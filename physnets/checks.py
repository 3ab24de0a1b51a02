"""Checks: gradients against finite differences, a lecture's results against their bands, answers to exercises against what is expected."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from physnets.inputs import items, number, numbers, short


def gradient_error(
    cost: Callable[[list[np.ndarray]], float],
    parameters: Sequence[np.ndarray],
    gradients: Sequence[np.ndarray],
    step: float = 1e-5,
) -> float:
    """Compare gradients with central finite differences of the cost they belong to.

    Each entry p of each parameter array is moved up and down by h, `step` times the larger of 1 and the size of p, and
    `(cost above - cost below) / 2h` is set against the given gradient. The truncation error falls as `step**2` and the rounding error grows
    as `1 / step`; in double precision 1e-5 is near the best where the cost changes over a distance of 1, or of p. Parameters that are all
    much smaller than 1 need a smaller step.

    Args:
        cost: takes the list of parameter arrays, returns the cost, one number in double precision.
        parameters: float64 arrays of any shapes, at which the gradient was computed; not changed.
        gradients: one array for each of `parameters`, of the same shape: the derivative of the cost for each entry.
        step: how far each entry is moved, in units of its own size, or of 1 if it is smaller; positive, 1 at most.

    Returns:
        The largest relative error over the arrays: the Euclidean norm of the difference between gradient and finite differences, divided
        by the norm of the finite differences. Where these vanish altogether, the norm of the gradient.

    Raises:
        ValueError: nothing to compare, shapes that disagree, parameters that are not float64, values that are not finite, or a cost
            that is not one finite number in double precision.
    """
    parameters, gradients = items(parameters, "the parameters"), items(gradients, "the gradients")
    if not len(parameters) or len(parameters) != len(gradients):
        raise ValueError(
            f"{len(parameters)} parameter arrays and {len(gradients)} gradients given, expected as many of each, at least one."
        )
    step = number(step, "the step", 0, 1)
    if step == 0:
        raise ValueError("the step is 0, expected a positive number.")
    if not callable(cost):
        raise ValueError(f"the type of the cost is {type(cost).__name__}, expected a function of the list of parameter arrays.")
    theta = [numbers(p, f"parameter array {i}", dtype=None).copy() for i, p in enumerate(parameters)]
    slopes = [numbers(g, f"gradient {i}") for i, g in enumerate(gradients)]
    for i, (p, g) in enumerate(zip(theta, slopes, strict=True)):
        if p.dtype != np.float64:
            raise ValueError(f"parameter array {i} is {p.dtype}, expected float64: finite differences need double precision.")
        if g.shape != p.shape:
            raise ValueError(f"gradient {i} has shape {g.shape}, expected {p.shape}, the shape of its parameters.")
    return max(_relative_error(cost, theta, p, g, step) for p, g in zip(theta, slopes, strict=True))


def _relative_error(cost, theta, p, gradient, step):
    """Relative error of one array `p` of `theta`, which is moved in place and put back."""
    costs, steps = np.empty((2, *p.shape)), step * np.maximum(1, np.abs(p))
    for index in np.ndindex(p.shape):
        centre = p[index]
        for side, sign in enumerate((-1, 1)):
            p[index] = centre + sign * steps[index]
            costs[side, *index] = _cost(cost, theta)
        p[index] = centre
    # A cost that computes in single precision may hand out its result as a Python float, with the digits that it has.
    with np.errstate(over="ignore"):
        if (costs.astype(np.float32) == costs).all() and float(np.float32(step)) != step and costs.min() < costs.max():
            raise ValueError("the cost takes values of single precision only, expected double precision, float64, in all that it computes.")
        differences = (costs[1] - costs[0]) / (2 * steps)
        if not np.isfinite(differences).all():
            raise ValueError("the cost changes by more than double precision holds, expected a finite derivative.")
        scale = np.abs(differences).max() or 1.0  # so that no square overflows or vanishes
        return float(np.linalg.norm((gradient - differences) / scale) / (np.linalg.norm(differences / scale) or 1.0))


def _cost(cost, theta):
    value = numbers(cost(theta), "the cost", dtype=None, finite=False)
    if value.shape != ():
        raise ValueError(f"the cost has shape {value.shape}, expected one number: the sum or the mean over the data.")
    if value.dtype.kind == "f" and value.dtype.itemsize < 8:
        raise ValueError(f"the cost is {value.dtype}, expected float64: finite differences need double precision.")
    if not np.isfinite(value):
        raise ValueError("the cost is not finite within a step of the parameters, expected a finite number.")
    return value


def what_you_should_see(
    rows: Iterable[tuple[str, float | Sequence[float], float, float]],
    conclusions: Iterable[tuple[str, bool | Sequence[bool]]] = (),
) -> None:
    """Show a lecture's headline results beside the bands expected of them, its conclusions beside whether they hold, and raise if one fails.

    The regression test compares the quantities, their bands and the conclusions, never the measured values.

    Args:
        rows: one tuple for each result: what was measured (a text), the value or the values over several seeds, and the lowest and
            highest value expected. Of several values, every one has to lie in the band.
        conclusions: one tuple for each: a sentence, and the condition on which it rests, True or False; of several conditions, one for
            each start, all have to hold.

    Raises:
        ValueError: the table is empty, a row or a conclusion is no such tuple, a text has a `|`, a band is upside down or not finite, or a
            condition is neither True nor False.
        AssertionError: a value is outside its band (or not a number), or a conclusion does not hold; the message names each of them. Both
            tables are shown first.
    """
    table = ["| Quantity | Measured | Expected |", "|---|---|---|"]
    outside = []
    for row in items(rows, "the table"):
        if not isinstance(row, tuple | list) or len(row) != 4:
            raise ValueError(f"a row of the table is {short(row)}, expected four things: what was measured, its value, lowest and highest.")
        quantity, value, low, high = row
        _check_cell(quantity, "what was measured")
        values = numbers(value, f"the value of {short(quantity)}", finite=False)
        low, high = number(low, f"the lower end of {short(quantity)}"), number(high, f"the upper end of {short(quantity)}")
        if low > high:
            raise ValueError(f"the band of {short(quantity)} is {low:g} to {high:g}, expected the lower end first.")
        shown = f"{values.min():.4g}" if values.size == 1 else f"{values.min():.4g} to {values.max():.4g} ({values.size} seeds)"
        table.append(f"| {quantity} | {shown} | {low:.4g} to {high:.4g} |")
        if not ((values >= low) & (values <= high)).all():
            outside.append(f"{quantity} is {shown}, expected {low:.4g} to {high:.4g}")
    if len(table) == 2:
        raise ValueError("the table has no rows, expected at least one result.")
    verdicts = [_verdict(pair) for pair in items(conclusions, "the conclusions")]
    if verdicts:
        table += ["", "| Conclusion | Holds |", "|---|---|", *(f"| {sentence} | {shown} |" for sentence, shown, _ in verdicts)]
    untrue = [f"{sentence} ({shown})" for sentence, shown, holds in verdicts if not holds]

    from IPython.display import Markdown, display  # only a notebook has a display

    display(Markdown("\n".join(table)))
    failed = {"outside the expected band": outside, "expected to hold": untrue}
    if outside or untrue:
        raise AssertionError(" ".join(f"{what}: {'; '.join(found)}." for what, found in failed.items() if found))


def _verdict(conclusion):
    """A conclusion's sentence, what is shown of its condition, and whether it holds."""
    if not isinstance(conclusion, tuple | list) or len(conclusion) != 2:
        raise ValueError(f"a conclusion is {short(conclusion)}, expected two things: a sentence and its condition.")
    sentence, condition = conclusion
    _check_cell(sentence, "a conclusion")
    held = numbers(condition, f"the condition of {short(sentence)}", (), ("starts",), dtype=None)
    if held.dtype != bool:
        raise ValueError(
            f"the condition of {short(sentence)} is {short(condition)}, expected True or False, or one of them for each start."
        )
    shown = f"{held.sum()} of {held.size}" if held.ndim else "yes" if held else "no"
    return sentence.rstrip("."), shown, bool(held.all())


def _check_cell(value, what):
    if not isinstance(value, str) or "|" in value or "\n" in value:
        raise ValueError(f"{what} is {short(value)}, expected a text without a '|' or a line break, which would break the table.")


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
        ValueError: `wanted` is no number or array, or a tolerance is negative or not finite.
    """
    wanted = _real_if_possible(wanted, "the expected value")
    shape = f"an array of shape {wanted.shape}" if wanted.shape else f"{wanted:.8g}"
    if got is None:
        raise AssertionError(f"{what}: found None, expected {shape}; no answer yet.")
    try:
        found = _real_if_possible(got, what)
    except ValueError:
        raise AssertionError(f"{what}: found the type {type(got).__name__}, expected {shape}.") from None
    if found.shape != wanted.shape:
        raise AssertionError(f"{what}: found the shape {found.shape}, expected {wanted.shape}.")
    with np.errstate(over="ignore"):
        differs = ~np.isclose(found, wanted, rtol=number(rtol, "rtol", 0), atol=number(atol, "atol", 0), equal_nan=True)
    if differs.any():
        index = tuple(int(i) for i in np.argwhere(differs)[0])
        where = f" at index {index if len(index) > 1 else index[0]}" if index else ""
        raise AssertionError(f"{what}: found {found[index]:.8g}{where}, expected {wanted[index]:.8g}.")


def _real_if_possible(value, what):
    array = numbers(value, what, (0,), (...,), dtype=complex, finite=False)
    return array if array.imag.any() else array.real

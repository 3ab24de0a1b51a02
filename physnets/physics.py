"""Physical systems whose data the lectures on sequences generate: the pairing model's energies and the damped driven oscillator."""

from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp

MAX_ITERATIONS = 10_000


def pairing_energy(particles: int, g: float = 0.5) -> float:
    r"""Correlation energy of the pairing model by coupled cluster doubles (CCD).

    `particles` fermions fill the lowest levels of an equally spaced ladder, two in each; as many levels above are empty. A pair may hop
    from any level to any other with the strength `-g / 2`. The amplitudes of the pair excitations solve the CCD equations, by iteration
    with half of the old amplitudes mixed in.

    Args:
        particles: an even number, 2 or more.
        g: pairing strength in units of the level spacing, finite; attractive if positive.

    Returns:
        The correlation energy in units of the level spacing, converged to about 1e-12.

    Raises:
        ValueError: `particles` is odd, below 2 or not whole, or `g` is not finite.
        ArithmeticError: the iteration does not converge, as happens for strong attraction among many particles.

    Source:
        M. Hjorth-Jensen, M. P. Lombardo and U. van Kolck (eds.), *An Advanced Course in Computational Nuclear Physics*, Lecture Notes
        in Physics 936 (Springer, 2017), chapter 8; the equations here are its CCD equations, specialised to pairs.
    """
    if not isinstance(particles, (int, np.integer)) or particles < 2 or particles % 2:
        raise ValueError(f"the number of particles is {particles}, expected an even whole number, 2 or more.")
    if not np.isfinite(g):
        raise ValueError(f"the pairing strength is {g}, expected a finite number.")
    v, levels = -g / 2, np.arange(particles)
    occupied, empty = levels[: particles // 2], levels[particles // 2 :]
    gap = 2 * (occupied + v - empty[:, np.newaxis])  # shape (empty, occupied), like the amplitudes t
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        t = v / gap
        for _ in range(MAX_ITERATIONS):
            of_level, of_hole = t.sum(axis=1, keepdims=True), t.sum(axis=0)
            new = v * (1 + of_hole + of_level + of_hole * of_level + 2 * t**2 - 2 * t * (of_hole + of_level)) / gap
            change, t = np.abs(new - t).max(), (new + t) / 2
            if change < 1e-13:
                return float(v * t.sum())
            if not np.isfinite(change):
                break
    raise ArithmeticError(
        f"the coupled-cluster iteration does not converge for {particles} particles at g = {g:g}; expected weaker pairing or fewer particles."
    )


def oscillator(
    times: np.ndarray, force: Callable[[float], float], *, damping: float, position: float = 0.0, velocity: float = 0.0
) -> np.ndarray:
    r"""Integrate the damped driven oscillator :math:`\ddot x + 2\gamma\dot x + x = F(t)`.

    Time is measured in units of the inverse natural frequency, so the undamped oscillator has the period :math:`2\pi`.

    Args:
        times: shape (T,), at least two, increasing; the first is the initial time.
        force: the driving force at a time.
        damping: gamma, 0 or more; critical at 1.
        position: at the initial time.
        velocity: at the initial time.

    Returns:
        Position and velocity, shape (T, 2), with a relative error of about 1e-9.

    Raises:
        ValueError: one of the arguments is not as described.
    """
    times = _checked_times(times)
    _check_oscillator(damping=damping, position=position, velocity=velocity)

    def slope(t, state):
        return [state[1], force(t) - 2 * damping * state[1] - state[0]]

    # The step is bounded, or the integrator could pass over a short push without noticing it.
    found = solve_ivp(slope, times[[0, -1]], [position, velocity], t_eval=times, rtol=1e-9, atol=1e-11, max_step=0.1)
    if not found.success:
        raise ValueError(f"the integration stopped at t = {found.t[-1]:g}; expected a force that stays finite.")
    return found.y.T


def driven_oscillator(
    times: np.ndarray, *, damping: float, amplitude: float, frequency: float, position: float = 0.0, velocity: float = 0.0
) -> np.ndarray:
    r"""The oscillator of `oscillator` under the force :math:`F(t) = F_0\cos\Omega t`, solved exactly.

    Args:
        times: shape (T,), increasing; position and velocity are given at time 0.
        damping: gamma, 0 or more; critical at 1.
        amplitude: :math:`F_0`.
        frequency: :math:`\Omega`, in units of the natural frequency.
        position: at time 0.
        velocity: at time 0.

    Returns:
        Position and velocity, shape (T, 2).

    Raises:
        ValueError: one of the arguments is not as described, or an undamped oscillator is driven at its own frequency.
    """
    times = _checked_times(times)
    _check_oscillator(damping=damping, amplitude=amplitude, frequency=frequency, position=position, velocity=velocity)
    response = 1 - frequency**2 + 2j * damping * frequency
    if response == 0:
        raise ValueError("damping 0 at frequency 1 has no steady state, expected some damping or another frequency.")
    steady = amplitude / response * np.exp(1j * frequency * times)
    driven = np.stack([steady, 1j * frequency * steady], axis=1).real

    at_start = amplitude / response
    x = position - at_start.real
    u = velocity - (1j * frequency * at_start).real + damping * x
    # Both falling exponentials at once: damping that is large or critical neither overflows nor divides by zero.
    kappa = np.sqrt(complex(damping**2 - 1))
    slow, fast = np.exp((kappa - damping) * times), np.exp((-kappa - damping) * times)
    cosine, sine = (slow + fast) / 2, times * slow if kappa == 0 else (slow - fast) / (2 * kappa)
    free = x * cosine + u * sine
    free_velocity = u * cosine + kappa**2 * x * sine - damping * free
    return driven + np.stack([free, free_velocity], axis=1).real


def _checked_times(times: np.ndarray) -> np.ndarray:
    times = np.asarray(times, dtype=float)
    if times.ndim != 1 or len(times) < 2 or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise ValueError(f"the times have shape {times.shape}, expected at least two finite numbers, each larger than the one before.")
    return times


def _check_oscillator(**numbers: float) -> None:
    for name, number in numbers.items():
        if not np.isfinite(number) or (name == "damping" and number < 0):
            raise ValueError(f"the {name} is {number}, expected a finite number{', 0 or more' if name == 'damping' else ''}.")

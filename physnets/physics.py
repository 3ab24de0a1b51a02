"""Physical systems whose data the lectures on sequences generate: the pairing model's energies and the damped driven oscillator."""

import itertools
from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp

from physnets.inputs import number, numbers, whole

MAX_ITERATIONS = 10_000
MAX_PARTICLES = 1000
# Nobody waits for the integration of more: a step lasts a tenth of a unit of time, and at most two divided by the damping.
MAX_DAMPING, MAX_TIME = 1000, 10_000
MAX_PHASE = 1e9  # radians; rounding changes it by 1e-7


def pairing_energy(particles: int, g: float = 0.5) -> float:
    r"""Correlation energy of the pairing model by coupled cluster doubles (CCD).

    `particles` fermions fill the lowest levels of an equally spaced ladder, two in each; as many levels above are empty. A pair may hop
    from any level to any other with the strength `-g / 2`. The amplitudes of the pair excitations solve the CCD equations, by iteration
    with half of the old amplitudes mixed in.

    CCD is exact for 2 particles. For more it leaves out what several pairs do together, and overestimates strong attraction: for 4
    particles by 0.16 per cent at g = 0.5, 1.8 per cent at g = 1.1 and 15 per cent at g = 3.

    Args:
        particles: an even number from 2 to 1000.
        g: pairing strength in units of the level spacing, -1 or more; attractive if positive. For strong repulsion the iteration fails, and
            then finds another state than the lowest.

    Returns:
        The correlation energy in units of the level spacing, 0 or below, converged to about 1e-12 (of itself where it is large).

    Raises:
        ValueError: `particles` is odd, not whole or beyond its limits, or `g` is below -1 or not finite.
        ArithmeticError: the iteration does not converge, as happens for strong attraction among many particles.

    Source:
        M. Hjorth-Jensen, M. P. Lombardo and U. van Kolck (eds.), *An Advanced Course in Computational Nuclear Physics*, Lecture Notes
        in Physics 936 (Springer, 2017), chapter 8; the equations here are its CCD equations, specialised to pairs.
    """
    particles = whole(particles, "the number of particles", 2, MAX_PARTICLES)
    if particles % 2:
        raise ValueError(f"the number of particles is {particles}, expected an even number.")
    g = number(g, "the pairing strength", -1)
    v, levels = -g / 2, np.arange(particles)
    occupied, empty = levels[: particles // 2], levels[particles // 2 :]
    gap = 2 * (occupied + v - empty[:, np.newaxis])  # shape (empty, occupied), like the amplitudes t
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        t = v / gap
        for _ in range(MAX_ITERATIONS):
            of_level, of_hole = t.sum(axis=1, keepdims=True), t.sum(axis=0)
            new = v * (1 + of_hole + of_level + of_hole * of_level + 2 * t**2 - 2 * t * (of_hole + of_level)) / gap
            change, t = np.abs(new - t).max(), (new + t) / 2
            energy = float(v * t.sum())
            if change < 1e-13 and np.isfinite(energy):
                return energy
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
        times: shape (T,), at least two, increasing, over 10 000 units of time at most; the first is the initial time.
        force: the driving force at a time, one number.
        damping: gamma, from 0 to 1000; critical at 1.
        position: at the initial time.
        velocity: at the initial time.

    Returns:
        Position and velocity, shape (T, 2). For a smooth force their error stays below 1e-9 of the motion's largest size over 1000 units of
        time, also without damping.

    Raises:
        ValueError: one of the arguments is not as described, or the force is not finite at a time.
    """
    times = _checked_times(times)
    if times[-1] - times[0] > MAX_TIME:
        raise ValueError(f"the times span {times[-1] - times[0]:g} units, expected {MAX_TIME:g} at most.")
    if not callable(force):
        raise ValueError(f"the type of the force is {type(force).__name__}, expected a function of the time.")
    damping = number(damping, "the damping", 0, MAX_DAMPING)
    start = [number(position, "the position"), number(velocity, "the velocity")]

    evaluations, most = itertools.count(), 100_000 * (1 + times[-1] - times[0])  # hundreds of times as many as a smooth force takes

    def slope(t, state):
        if next(evaluations) > most:
            raise ValueError(f"the integration stopped at t = {t:g}, expected a force that stays finite and is smoother there.")
        return [state[1], number(force(t), f"the force at t = {t:g}") - 2 * damping * state[1] - state[0]]

    # The step is bounded, or the integrator could pass over a short push without noticing it.
    with np.errstate(all="ignore"):
        found = solve_ivp(slope, times[[0, -1]], start, method="DOP853", t_eval=times, rtol=1e-12, atol=1e-14, max_step=0.1)
    if not found.success:
        raise ValueError("the integration stopped before the last time, expected a force and a motion that stay finite.")
    return found.y.T


def driven_oscillator(
    times: np.ndarray, *, damping: float, amplitude: float, frequency: float, position: float = 0.0, velocity: float = 0.0
) -> np.ndarray:
    r"""The oscillator of `oscillator` under the force :math:`F(t) = F_0\cos\Omega t`, solved exactly.

    Args:
        times: shape (T,), at least two, increasing; position and velocity are given at time 0.
        damping: gamma, from 0 to 1000; critical at 1.
        amplitude: :math:`F_0`.
        frequency: :math:`\Omega`, in units of the natural frequency.
        position: at time 0.
        velocity: at time 0.

    Returns:
        Position and velocity, shape (T, 2).

    Raises:
        ValueError: one of the arguments is not as described, an undamped oscillator is driven at its own frequency, a time is so late that
            rounding hides the phase (1e9 radians), or the motion is too large for double precision.
    """
    times = _checked_times(times)
    damping = number(damping, "the damping", 0, MAX_DAMPING)
    amplitude, frequency = number(amplitude, "the amplitude"), number(frequency, "the frequency", -MAX_PHASE, MAX_PHASE)
    position, velocity = number(position, "the position"), number(velocity, "the velocity")
    if (phase := float(np.abs(times).max()) * max(1.0, abs(frequency))) > MAX_PHASE:
        raise ValueError(f"the phase goes up to {phase:g} radians, expected {MAX_PHASE:g} at most: earlier times or a lower frequency.")
    response = 1 - frequency**2 + 2j * damping * frequency
    if response == 0:
        raise ValueError("damping 0 at frequency 1 has no steady state, expected some damping or another frequency.")
    with np.errstate(over="ignore", invalid="ignore"):
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
        motion = driven + np.stack([free, free_velocity], axis=1).real
    if not np.isfinite(motion).all():
        raise ValueError("the motion is too large for double precision, expected a smaller amplitude or start, or later times.")
    return motion


def _checked_times(times):
    times = numbers(times, "the times", ("T",))
    if len(times) < 2 or (np.diff(times) <= 0).any():
        raise ValueError(f"the times have shape {times.shape}, expected at least two, each larger than the one before.")
    return times

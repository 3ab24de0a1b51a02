# %% w08-1: the lecture's condition for weak damping
# Section: Euler's step is a recurrent cell
# Hint: The cell is right; the condition for the step holds for weak damping only. Let $R$ be large and look at both eigenvalues.
def circuit_cell(R, L, C, dt):
    A = np.array([[0, -1 / (L * C)], [1, -R / L]])
    return np.eye(2) + dt * A, dt * np.array([[0, 1 / L]])


def largest_step(R, L, C):
    return R * C


# %% w08-1: transposed, as for a state that is a column
# Section: Euler's step is a recurrent cell
# Hint: The step is right; a state is a row here: on which side of it does the matrix stand?
def circuit_cell(R, L, C, dt):
    A = np.array([[0, 1], [-1 / (L * C), -R / L]])
    return np.eye(2) + dt * A, dt * np.array([[0, 1 / L]])


def largest_step(R, L, C):
    lam = np.linalg.eigvals(np.array([[0, -1 / (L * C)], [1, -R / L]]))
    return np.min(-2 * lam.real / np.abs(lam) ** 2)


# %% w08-1: the slowest eigenvalue instead of the fastest
# Section: Euler's step is a recurrent cell
# Hint: Both eigenvalues have to be stable at once: which of them gives way first?
def circuit_cell(R, L, C, dt):
    A = np.array([[0, -1 / (L * C)], [1, -R / L]])
    return np.eye(2) + dt * A, dt * np.array([[0, 1 / L]])


def largest_step(R, L, C):
    lam = np.linalg.eigvals(np.array([[0, -1 / (L * C)], [1, -R / L]]))
    return np.max(-2 * lam.real / np.abs(lam) ** 2)


# %% w08-2: right for weak damping alone
# Section: Does training find the weights?
# Hint: The angle that you take from the trace exists for weak damping alone; try $\gamma > \omega_0$.
def constants(h, dt):
    W = np.linalg.lstsq(h[:-1], h[1:], rcond=None)[0]
    gamma = -np.log(np.linalg.det(W)) / (2 * dt)
    turn = np.arccos(np.trace(W) / 2 * np.exp(gamma * dt)) / dt
    return np.sqrt(turn**2 + gamma**2), gamma


# %% w08-2: the frequency of the damped swing
# Section: Does training find the weights?
# Hint: What you read off is how fast the *damped* balance swings; which frequency is asked for?
def constants(h, dt):
    W = np.linalg.lstsq(h[:-1], h[1:], rcond=None)[0]
    lam = np.log(np.linalg.eigvals(W).astype(complex)) / dt
    return np.abs(lam.imag).max(), -lam.real.mean()


# %% w08-2: as the colleague reads
# Section: Does training find the weights?
# Hint: You read the weights as if they were Euler's; training on exact motion finds something else in their place.
def constants(h, dt):
    return as_the_colleague_reads(h, dt)


# %% w08-3: the geometric series, which needs the inverse of I - W
# Section: From one step to many
# Hint: Your sum is right where $I - W$ has an inverse: what of the mass without spring?
def leaning_error(W, epsilon, t):
    return np.asarray(epsilon) @ (np.eye(2) - np.linalg.matrix_power(W, t)) @ np.linalg.inv(np.eye(2) - W)


def wavering_error(W, s, t):
    return s * np.sqrt(sum(np.sum(np.linalg.matrix_power(W, k) ** 2) for k in range(t)))


# %% w08-3: one term too many
# Section: From one step to many
# Hint: How many errors have been made after $t$ steps, and has the last one been carried on already?
def leaning_error(W, epsilon, t):
    return np.asarray(epsilon) @ sum(np.linalg.matrix_power(W, k) for k in range(t + 1))


def wavering_error(W, s, t):
    return s * np.sqrt(sum(np.sum(np.linalg.matrix_power(W, k) ** 2) for k in range(t + 1)))


# %% w08-3: random errors added as if they all pointed the same way
# Section: From one step to many
# Hint: Independent errors do not pull in the same direction: what of them adds up?
def leaning_error(W, epsilon, t):
    return np.asarray(epsilon) @ sum(np.linalg.matrix_power(W, k) for k in range(t))


def wavering_error(W, s, t):
    return s * np.sqrt(np.sum(sum(np.linalg.matrix_power(W, k) for k in range(t)) ** 2))


# %% w08-4: the penalty does not grow with the number of rows
# Section: A reservoir instead of training
# Hint: With more rows the penalty should stay as strong beside the error; yours loses its weight.
def scaled(W, rho):
    return W * rho / np.abs(np.linalg.eigvals(W)).max()


def read_out(states, h, lmbd, washout):
    S, T = states[:, washout:], h[:, 1 + washout :]
    S, T = S.reshape(-1, S.shape[2]), T.reshape(-1, T.shape[2])
    return np.linalg.solve(S.T @ S + lmbd * np.eye(S.shape[1]), S.T @ T)


# %% w08-4: the largest real part in place of the largest modulus
# Section: A reservoir instead of training
# Hint: An eigenvalue may be complex or negative: what about it decides how fast a state grows?
def scaled(W, rho):
    return scaled_by_colleague(W, rho)


def read_out(states, h, lmbd, washout):
    S, T = states[:, washout:], h[:, 1 + washout :]
    S, T = S.reshape(-1, S.shape[2]), T.reshape(-1, T.shape[2])
    return np.linalg.solve(S.T @ S + len(S) * lmbd * np.eye(S.shape[1]), S.T @ T)


# %% w08-4: states are paired with the motion of the step before
# Section: A reservoir instead of training
# Hint: `states[:, t]` knows the force of step $t$; which motion has that force brought about?
def scaled(W, rho):
    return W * rho / np.abs(np.linalg.eigvals(W)).max()


def read_out(states, h, lmbd, washout):
    S, T = states[:, washout:], h[:, washout:-1]
    S, T = S.reshape(-1, S.shape[2]), T.reshape(-1, T.shape[2])
    return np.linalg.solve(S.T @ S + len(S) * lmbd * np.eye(S.shape[1]), S.T @ T)


# %% w08-5: x^3 and x^2 v, whatever is asked for
# Section: From one step to many
# Hint: Your function adds the same products whatever `terms` says.
def fit(force, h, terms):
    x, v = h[:, :-1, :1], h[:, :-1, 1:]
    inputs = np.concatenate([h[:, :-1], force[..., None], x**3, x**2 * v][: 2 + len(terms)], axis=2)
    return np.linalg.lstsq(inputs.reshape(-1, 3 + len(terms)), h[:, 1:].reshape(-1, 2), rcond=None)[0]


def run(force, theta, terms):
    h = np.zeros((len(force), force.shape[1] + 1, 2))
    for t in range(force.shape[1]):
        x, v = h[:, t, :1], h[:, t, 1:]
        inputs = np.concatenate([h[:, t], force[:, t, None], x**3, x**2 * v][: 2 + len(terms)], axis=1)
        h[:, t + 1] = inputs @ theta
    return h


# %% w08-5: the pairs are taken as (q, p)
# Section: From one step to many
# Hint: In a pair, which number is the power of the position?
def fit(force, h, terms):
    x, v = h[:, :-1, :1], h[:, :-1, 1:]
    inputs = np.concatenate([h[:, :-1], force[..., None], *(v**p * x**q for p, q in terms)], axis=2)
    return np.linalg.lstsq(inputs.reshape(-1, 3 + len(terms)), h[:, 1:].reshape(-1, 2), rcond=None)[0]


def run(force, theta, terms):
    h = np.zeros((len(force), force.shape[1] + 1, 2))
    for t in range(force.shape[1]):
        x, v = h[:, t, :1], h[:, t, 1:]
        inputs = np.concatenate([h[:, t], force[:, t, None], *(v**p * x**q for p, q in terms)], axis=1)
        h[:, t + 1] = inputs @ theta
    return h


# %% w08-5: the first force is never used
# Section: From one step to many
# Hint: Your run stays at rest one step too long.
def fit(force, h, terms):
    x, v = h[:, :-1, :1], h[:, :-1, 1:]
    inputs = np.concatenate([h[:, :-1], force[..., None], *(x**p * v**q for p, q in terms)], axis=2)
    return np.linalg.lstsq(inputs.reshape(-1, 3 + len(terms)), h[:, 1:].reshape(-1, 2), rcond=None)[0]


def run(force, theta, terms):
    h = np.zeros((len(force), force.shape[1] + 1, 2))
    for t in range(1, force.shape[1]):
        x, v = h[:, t, :1], h[:, t, 1:]
        inputs = np.concatenate([h[:, t], force[:, t, None], *(x**p * v**q for p, q in terms)], axis=1)
        h[:, t + 1] = inputs @ theta
    return h

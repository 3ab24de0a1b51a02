# %% w08-1: the lecture's condition for weak damping
def circuit_cell(R, L, C, dt):
    A = np.array([[0, -1 / (L * C)], [1, -R / L]])
    return np.eye(2) + dt * A, dt * np.array([[0, 1 / L]])


def largest_step(R, L, C):
    return R * C


# %% w08-1: transposed, as for a state that is a column
def circuit_cell(R, L, C, dt):
    A = np.array([[0, 1], [-1 / (L * C), -R / L]])
    return np.eye(2) + dt * A, dt * np.array([[0, 1 / L]])


def largest_step(R, L, C):
    lam = np.linalg.eigvals(np.array([[0, -1 / (L * C)], [1, -R / L]]))
    return np.min(-2 * lam.real / np.abs(lam) ** 2)


# %% w08-1: the slowest eigenvalue instead of the fastest
def circuit_cell(R, L, C, dt):
    A = np.array([[0, -1 / (L * C)], [1, -R / L]])
    return np.eye(2) + dt * A, dt * np.array([[0, 1 / L]])


def largest_step(R, L, C):
    lam = np.linalg.eigvals(np.array([[0, -1 / (L * C)], [1, -R / L]]))
    return np.max(-2 * lam.real / np.abs(lam) ** 2)


# %% w08-2: right for weak damping alone
def constants(h, dt):
    W = np.linalg.lstsq(h[:-1], h[1:], rcond=None)[0]
    gamma = -np.log(np.linalg.det(W)) / (2 * dt)
    turn = np.arccos(np.trace(W) / 2 * np.exp(gamma * dt)) / dt
    return np.sqrt(turn**2 + gamma**2), gamma


# %% w08-2: the frequency of the damped swing
def constants(h, dt):
    W = np.linalg.lstsq(h[:-1], h[1:], rcond=None)[0]
    lam = np.log(np.linalg.eigvals(W).astype(complex)) / dt
    return np.abs(lam.imag).max(), -lam.real.mean()


# %% w08-2: as the colleague reads
def constants(h, dt):
    return as_the_colleague_reads(h, dt)


# %% w08-3: the geometric series, which needs the inverse of I - W
def leaning_error(W, epsilon, t):
    return np.asarray(epsilon) @ (np.eye(2) - np.linalg.matrix_power(W, t)) @ np.linalg.inv(np.eye(2) - W)


def wavering_error(W, s, t):
    return s * np.sqrt(sum(np.sum(np.linalg.matrix_power(W, k) ** 2) for k in range(t)))


# %% w08-3: one term too many
def leaning_error(W, epsilon, t):
    return np.asarray(epsilon) @ sum(np.linalg.matrix_power(W, k) for k in range(t + 1))


def wavering_error(W, s, t):
    return s * np.sqrt(sum(np.sum(np.linalg.matrix_power(W, k) ** 2) for k in range(t + 1)))


# %% w08-3: random errors added as if they all pointed the same way
def leaning_error(W, epsilon, t):
    return np.asarray(epsilon) @ sum(np.linalg.matrix_power(W, k) for k in range(t))


def wavering_error(W, s, t):
    return s * np.sqrt(np.sum(sum(np.linalg.matrix_power(W, k) for k in range(t)) ** 2))


# %% w08-4: the penalty does not grow with the number of rows
def scaled(W, rho):
    return W * rho / np.abs(np.linalg.eigvals(W)).max()


def read_out(states, h, lmbd, washout):
    S, T = states[:, washout:], h[:, 1 + washout :]
    S, T = S.reshape(-1, S.shape[2]), T.reshape(-1, T.shape[2])
    return np.linalg.solve(S.T @ S + lmbd * np.eye(S.shape[1]), S.T @ T)


# %% w08-4: the largest real part in place of the largest modulus
def scaled(W, rho):
    return scaled_by_colleague(W, rho)


def read_out(states, h, lmbd, washout):
    S, T = states[:, washout:], h[:, 1 + washout :]
    S, T = S.reshape(-1, S.shape[2]), T.reshape(-1, T.shape[2])
    return np.linalg.solve(S.T @ S + len(S) * lmbd * np.eye(S.shape[1]), S.T @ T)


# %% w08-4: states are paired with the motion of the step before
def scaled(W, rho):
    return W * rho / np.abs(np.linalg.eigvals(W)).max()


def read_out(states, h, lmbd, washout):
    S, T = states[:, washout:], h[:, washout:-1]
    S, T = S.reshape(-1, S.shape[2]), T.reshape(-1, T.shape[2])
    return np.linalg.solve(S.T @ S + len(S) * lmbd * np.eye(S.shape[1]), S.T @ T)


# %% w08-5: x^3 and x^2 v, whatever is asked for
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

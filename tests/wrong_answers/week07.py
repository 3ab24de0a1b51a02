# %% w07-1: a reading a second, whatever is asked
# Section: A reading that depends on the past
# Hint: Your numbers do not depend on the time between two readings; the weight does.
def bath(h, h0, tau, dt):
    w = np.exp(-1 / tau)
    return (h - w * np.concatenate([[h0], h[:-1]])) / (1 - w)


def noise_factor(tau, dt):
    w = np.exp(-1 / tau)
    return np.sqrt(1 + w**2) / (1 - w)


# %% w07-1: the error of the earlier reading is forgotten
# Section: A reading that depends on the past
# Hint: Two readings enter, each with an error of its own.
def bath(h, h0, tau, dt):
    w = np.exp(-dt / tau)
    return (h - w * np.concatenate([[h0], h[:-1]])) / (1 - w)


def noise_factor(tau, dt):
    return 1 / (1 - np.exp(-dt / tau))


# %% w07-1: the exponential replaced by its first two terms
# Section: A reading that depends on the past
# Hint: Your weight is right for steps that are short beside the time constant alone.
def bath(h, h0, tau, dt):
    return h + (h - np.concatenate([[h0], h[:-1]])) * tau / dt


def noise_factor(tau, dt):
    return np.sqrt(1 + (1 - dt / tau) ** 2) * tau / dt


# %% w07-2: the last unit feeds the first
# Section: The forward pass
# Hint: The oldest number is to be forgotten; in your network it comes back at the other end.
def register(v):
    M = len(v)
    return np.eye(1, M), np.roll(np.eye(M), 1, axis=1), np.reshape(v, (M, 1))


# %% w07-2: the transposed matrix
# Section: The forward pass
# Hint: The weight $w_{ij}$ leads from unit $i$ to unit $j$: in which direction do your numbers move?
def register(v):
    M = len(v)
    return np.eye(1, M), np.eye(M, k=-1), np.reshape(v, (M, 1))


# %% w07-2: the numbers in the wrong order
# Section: The forward pass
# Hint: What came last is multiplied by the number that belongs to the oldest; which unit holds which reading?
def register(v):
    M = len(v)
    return np.eye(1, M), np.eye(M, k=1), np.reshape(v[::-1], (M, 1))


# %% w07-3: the two shares exchanged on the way back
# Section: Backpropagation through time
# Hint: There are two ways back now, as there should be, but each of them carries the share that belongs to the other.
def backward(parameters, X, H, E, alpha):
    _, W, _, V, _ = parameters
    dU, dW, db, dV, dc = gradients = [np.zeros_like(p) for p in parameters]
    from_later = 0.0
    for t in range(X.shape[1], 0, -1):
        at_state = E[:, t - 1] @ V.T + from_later
        delta = at_state * alpha * (1 - ((H[t] - (1 - alpha) * H[t - 1]) / alpha) ** 2)
        dU += X[:, t - 1].T @ delta
        dW += H[t - 1].T @ delta
        db += delta.sum(axis=0, keepdims=True)
        dV += H[t].T @ E[:, t - 1]
        dc += E[:, t - 1].sum(axis=0, keepdims=True)
        from_later = delta @ W.T + alpha * at_state
    return gradients


# %% w07-3: as the colleague has it
# Section: Backpropagation through time
# Hint: This is the colleague's function as it was: two mistakes are in it, and both vanish for $\alpha = 1$. Ask of what quantity the slope is taken, and on how many ways $h(t)$ acts on later states.
def backward(parameters, X, H, E, alpha):
    return colleagues_backward(parameters, X, H, E, alpha)


# %% w07-3: the slope put right, the missing way not
# Section: Backpropagation through time
# Hint: The slope is right now; on how many ways does $h(t)$ reach $h(t+1)$?
def backward(parameters, X, H, E, alpha):
    _, W, _, V, _ = parameters
    dU, dW, db, dV, dc = gradients = [np.zeros_like(p) for p in parameters]
    from_later = 0.0
    for t in range(X.shape[1], 0, -1):
        at_state = E[:, t - 1] @ V.T + from_later
        delta = at_state * alpha * (1 - ((H[t] - (1 - alpha) * H[t - 1]) / alpha) ** 2)
        dU += X[:, t - 1].T @ delta
        dW += H[t - 1].T @ delta
        db += delta.sum(axis=0, keepdims=True)
        dV += H[t].T @ E[:, t - 1]
        dc += E[:, t - 1].sum(axis=0, keepdims=True)
        from_later = delta @ W.T
    return gradients


# %% w07-4: the peak of the smooth curve, rounded down
# Section: The product of Jacobians
# Hint: The lengths are right; steps are whole numbers, and the largest entry need not lie at the whole number below the top of the smooth curve.
def lengthening(W, k_max):
    return np.array([np.linalg.norm(np.linalg.matrix_power(W, k), 2) for k in range(k_max + 1)])


def peak(rho):
    return int(-1 / np.log(rho))


# %% w07-4: powers of the spectral radius
# Section: The product of Jacobians
# Hint: The spectral radius tells how $W^k$ behaves in the end; how much it can lengthen a vector after a few steps is another question.
def lengthening(W, k_max):
    return np.abs(np.linalg.eigvals(W)).max() ** np.arange(k_max + 1)


def peak(rho):
    return int(np.floor(rho / (1 - rho))) + 1


# %% w07-4: powers of each entry
# Section: The product of Jacobians
# Hint: A power of a matrix is not the power of its entries.
def lengthening(W, k_max):
    return np.array([np.linalg.norm(W**k, 2) for k in range(k_max + 1)])


def peak(rho):
    return int(np.floor(rho / (1 - rho))) + 1


# %% w07-5: the drift of the next step is forgotten
# Section: The true sequence, and its noise floor
# Hint: Measured and predicted errors differ by the same amount for all $w$: what happens between the last reading and the one that is forecast?
def forecast_error(x, w):
    h, errors = x[0], []
    for reading in x[1:]:
        errors.append(h - reading)
        h = w * h + (1 - w) * reading
    return np.mean(np.square(errors[99:]))


def predicted(w, q):
    return 1 + (w**2 * q + (1 - w) ** 2) / (1 - w**2)


def best_memory(q):
    return 1 - (np.sqrt(q**2 + 4 * q) - q) / 2


# %% w07-5: the best memory of a slow drift for every drift
# Section: The true sequence, and its noise floor
# Hint: Your best memory fits slow drifts alone; differentiate your prediction, or look for its least value numerically, for a fast one.
def forecast_error(x, w):
    h, errors = x[0], []
    for reading in x[1:]:
        errors.append(h - reading)
        h = w * h + (1 - w) * reading
    return np.mean(np.square(errors[99:]))


def predicted(w, q):
    return 1 + q + (w**2 * q + (1 - w) ** 2) / (1 - w**2)


def best_memory(q):
    return 1 / (1 + np.sqrt(q))


# %% w07-5: the reading is taken in before it is forecast
# Section: The true sequence, and its noise floor
# Hint: The forecast of a reading must not know it: in which order do you forecast and read?
def forecast_error(x, w):
    h, errors = x[0], []
    for reading in x[1:]:
        h = w * h + (1 - w) * reading
        errors.append(h - reading)
    return np.mean(np.square(errors[99:]))


def predicted(w, q):
    return 1 + q + (w**2 * q + (1 - w) ** 2) / (1 - w**2)


def best_memory(q):
    return 1 - (np.sqrt(q**2 + 4 * q) - q) / 2

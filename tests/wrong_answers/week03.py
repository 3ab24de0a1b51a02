# %% w03-1: malignant taken to be 1
def alarm_is_right(t, predicted, prevalence):
    sensitivity, specificity = np.mean(predicted[t == 1] == 1), np.mean(predicted[t == 0] == 0)
    right = sensitivity * prevalence
    return right / (right + (1 - specificity) * (1 - prevalence))


# %% w03-1: counted in the study, whatever the prevalence
def alarm_is_right(t, predicted, prevalence):
    return np.mean(t[predicted == 0] == 0)


# %% w03-1: the sensitivity
def alarm_is_right(t, predicted, prevalence):
    return np.mean(predicted[t == 0] == 0)


# %% w03-2: one length for all networks together
def clipped(grads, c):
    norm = np.sqrt(sum(np.sum(g**2) for g in grads))
    return [g * min(1, c / norm) for g in grads]


# %% w03-2: each array clipped by itself
def clipped(grads, c):
    norms = [np.sqrt(np.sum(g**2, axis=(1, 2), keepdims=True)) for g in grads]
    return [g * c / np.maximum(norm, c) for g, norm in zip(grads, norms, strict=True)]


# %% w03-2: short gradients made longer
def clipped(grads, c):
    norm = np.sqrt(sum(np.sum(g**2, axis=(1, 2), keepdims=True) for g in grads))
    return [g * c / norm for g in grads]


# %% w03-2: written for arrays with three axes, and divided by zero
def clipped(grads, c):
    with np.errstate(all="ignore"):
        norm = np.sqrt(sum(np.sum(g**2, axis=(1, 2), keepdims=True) for g in grads))
        return [g * np.where(norm > c, c / norm, norm / norm) for g in grads]


# %% w03-3: as the colleague has it
def honest_accuracy(X, t, train, test):
    return colleagues_accuracy(X, t, train, test)


# %% w03-3: only channels that are higher in quarry 1
def honest_accuracy(X, t, train, test):
    A, a = X[train], t[train]
    contrast = (A[a == 1].mean(axis=0) - A[a == 0].mean(axis=0)) / A.std(axis=0)
    best = np.argsort(contrast)[-10:]
    d0 = np.linalg.norm(X[test][:, best] - A[a == 0][:, best].mean(axis=0), axis=1)
    d1 = np.linalg.norm(X[test][:, best] - A[a == 1][:, best].mean(axis=0), axis=1)
    return np.mean((d1 < d0) == (t[test] == 1))


# %% w03-3: honest channels, and the mean spectra of all stones
def honest_accuracy(X, t, train, test):
    A, a = X[train], t[train]
    contrast = np.abs(A[a == 1].mean(axis=0) - A[a == 0].mean(axis=0)) / A.std(axis=0)
    best = np.argsort(contrast)[-10:]
    d0 = np.linalg.norm(X[test][:, best] - X[t == 0][:, best].mean(axis=0), axis=1)
    d1 = np.linalg.norm(X[test][:, best] - X[t == 1][:, best].mean(axis=0), axis=1)
    return np.mean((d1 < d0) == (t[test] == 1))


# %% w03-4: the slope enters without its square
def mean_squares(r0, sizes, sigma_w, sigma_b, alpha):
    q = [sizes[0] * sigma_w**2 * r0 + sigma_b**2]
    for M in sizes[1:-1]:
        q.append(M * sigma_w**2 * (1 + alpha) / 2 * q[-1] + sigma_b**2)
    return np.array(q)


# %% w03-4: the inputs halved too
def mean_squares(r0, sizes, sigma_w, sigma_b, alpha):
    q = [r0]
    for M in sizes[:-1]:
        q.append(M * sigma_w**2 * (1 + alpha**2) / 2 * q[-1] + sigma_b**2)
    return np.array(q[1:])


# %% w03-4: the biases forgotten after the first layer
def mean_squares(r0, sizes, sigma_w, sigma_b, alpha):
    q = [sizes[0] * sigma_w**2 * r0 + sigma_b**2]
    for M in sizes[1:-1]:
        q.append(M * sigma_w**2 * (1 + alpha**2) / 2 * q[-1])
    return np.array(q)


# %% w03-5: as many dice as the grid has values on one axis
def mean_deficit(plan, k, c):
    d, rng = len(c), np.random.default_rng(0)
    grid = (np.indices([k] * d).reshape(d, -1).T + 0.5) / k
    draws = [grid if plan == "grid" else rng.random(size=(k, d)) for _ in optima]
    return np.mean([np.min((p - best) ** 2 @ c) for p, best in zip(draws, optima[:, :d], strict=True)])


# %% w03-5: the importances forgotten
def mean_deficit(plan, k, c):
    d, rng = len(c), np.random.default_rng(0)
    grid = (np.indices([k] * d).reshape(d, -1).T + 0.5) / k
    draws = [grid if plan == "grid" else rng.random(size=(k**d, d)) for _ in optima]
    return np.mean([np.min(np.sum((p - best) ** 2, axis=1)) for p, best in zip(draws, optima[:, :d], strict=True)])


# %% w03-5: a grid from end to end
def mean_deficit(plan, k, c):
    d, rng = len(c), np.random.default_rng(0)
    grid = np.indices([k] * d).reshape(d, -1).T / (k - 1)
    draws = [grid if plan == "grid" else rng.random(size=(k**d, d)) for _ in optima]
    return np.mean([np.min((p - best) ** 2 @ c) for p, best in zip(draws, optima[:, :d], strict=True)])

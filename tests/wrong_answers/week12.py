# %% w12-1: the colleague's sheet
# Section: A sheet of pictures
# Hint: Try a sheet with three rows and five columns: how far apart are the first pictures of two rows?
def numbers(rows, columns):
    return rows * np.arange(rows)[:, np.newaxis] + np.arange(columns)


def left_out(rows, columns):
    return []


# %% w12-1: only what comes after the last one shown
# Section: A sheet of pictures
# Hint: The sheet is right; are there numbers that the colleague leaves out in the middle?
def numbers(rows, columns):
    return np.arange(rows * columns).reshape(rows, columns)


def left_out(rows, columns):
    last = (rows - 1) * rows + columns - 1
    return np.arange(last + 1, rows * columns)


# %% w12-1: read down the columns
# Section: A sheet of pictures
# Hint: In reading order one goes along a row before going to the next.
def numbers(rows, columns):
    return np.arange(rows * columns).reshape(columns, rows).T


def left_out(rows, columns):
    shown = {i * rows + j for i in range(rows) for j in range(columns)}
    return [k for k in range(rows * columns) if k not in shown]


# %% w12-2: divided as if there were as many real pictures of each class
# Section: A judge
# Hint: Try a test with more pictures of one class than of another: do the parts into which the judge sorts each class still add up to 1?
def unfolded(judged, confusion):
    given_true = len(confusion) * confusion / confusion.sum()
    return np.linalg.solve(given_true.T, judged / judged.sum())


def effective_classes(shares):
    positive = shares[shares > 0]
    return np.exp(-np.sum(positive * np.log(positive)))


# %% w12-2: the mix of the real pictures carried over to the generated ones
# Section: A judge
# Hint: How likely a picture judged as 3 is a 3 depends on how many threes there are, and among the generated ones that is another number.
def unfolded(judged, confusion):
    given_judged = confusion / confusion.sum(axis=0)
    return given_judged @ judged / judged.sum()


def effective_classes(shares):
    positive = shares[shares > 0]
    return np.exp(-np.sum(positive * np.log(positive)))


# %% w12-2: the matrix not transposed
# Section: A judge
# Hint: You have solved the equation with rows and columns exchanged: which index is summed?
def unfolded(judged, confusion):
    given_true = confusion / confusion.sum(axis=1, keepdims=True)
    return np.linalg.solve(given_true, judged / judged.sum())


def effective_classes(shares):
    positive = shares[shares > 0]
    return np.exp(-np.sum(positive * np.log(positive)))


# %% w12-2: the logarithm of a class that is missing
# Section: A judge
# Hint: What does a class without members add to the entropy?
def unfolded(judged, confusion):
    given_true = confusion / confusion.sum(axis=1, keepdims=True)
    return np.linalg.solve(given_true.T, judged / judged.sum())


def effective_classes(shares):
    return np.exp(-np.sum(shares * np.log(shares)))


# %% w12-3: the colleague's roots of the entries
# Section: A distance between crowds
# Hint: Multiply the root that you take of a matrix by itself, as matrices are multiplied: what comes out?
def frechet_of_moments(mu1, S1, mu2, S2):
    return np.sum((mu1 - mu2) ** 2) + np.trace(S1 + S2 - 2 * np.sqrt(S1 @ S2))


def turned(a, b, phi):
    return 2 * (a + b) - 2 * np.sqrt((a - b) ** 2 * np.cos(phi) ** 2 + 4 * a * b)


# %% w12-3: the product of the roots, right if the clouds have the same axes
# Section: A distance between crowds
# Hint: Your distance is right for clouds with the same axes; for others the order of the factors matters.
def frechet_of_moments(mu1, S1, mu2, S2):
    roots = []
    for S in (S1, S2):
        values, vectors = np.linalg.eigh(S)
        roots.append((vectors * np.sqrt(values.clip(0))) @ vectors.T)
    return np.sum((mu1 - mu2) ** 2) + np.trace(S1 + S2 - 2 * roots[0] @ roots[1])


def turned(a, b, phi):
    cross = (a + b) * np.cos(phi) ** 2 + 2 * np.sqrt(a * b) * np.sin(phi) ** 2
    return 2 * (a + b - cross)


# %% w12-3: between the quarters of a turn as a sine squared
# Section: A distance between crowds
# Hint: The first function is right; between no turn and a quarter of a turn the distance does not follow so simple a law.
def frechet_of_moments(mu1, S1, mu2, S2):
    values, vectors = np.linalg.eigh(S1)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ S2 @ root).clip(0)
    return np.sum((mu1 - mu2) ** 2) + np.trace(S1 + S2) - 2 * np.sqrt(cross).sum()


def turned(a, b, phi):
    return 2 * (np.sqrt(a) - np.sqrt(b)) ** 2 * np.sin(phi) ** 2


# %% w12-3: a factorisation that a flat cloud does not have
# Section: A distance between crowds
# Hint: A disc without thickness has an eigenvalue 0: which of your steps needs a positive one?
def frechet_of_moments(mu1, S1, mu2, S2):
    root1, root2 = np.linalg.cholesky(S1), np.linalg.cholesky(S2)
    cross = np.linalg.svd(root1.T @ root2, compute_uv=False).sum()
    return np.sum((mu1 - mu2) ** 2) + np.trace(S1 + S2) - 2 * cross


def turned(a, b, phi):
    return 2 * (a + b) - 2 * np.sqrt((a - b) ** 2 * np.cos(phi) ** 2 + 4 * a * b)


# %% w12-4: the pushes weighted with 1 - rho
# Section: Where the samples are
# Hint: How does the variance of a sum follow from those of its parts? Your film loses its norm.
def norm_of_walk(m, h, k):
    return np.sqrt(m * (1 + k * h**2))


def film(z0, xi, rho):
    frames = [z0]
    for push in xi:
        frames.append(rho * frames[-1] + (1 - rho) * push)
    return np.array(frames)


def steps_to_forget(rho, epsilon):
    return int(np.ceil(np.log(epsilon) / np.log(rho)))


# %% w12-4: the step counted twice instead of its square
# Section: Where the samples are
# Hint: The pushes are independent: do their lengths add up, or what does?
def norm_of_walk(m, h, k):
    return np.sqrt(m) * (1 + k * h)


def film(z0, xi, rho):
    frames = [z0]
    for push in xi:
        frames.append(rho * frames[-1] + np.sqrt(1 - rho**2) * push)
    return np.array(frames)


def steps_to_forget(rho, epsilon):
    return int(np.ceil(np.log(epsilon) / np.log(rho)))


# %% w12-4: the start left out of the norm
# Section: Where the samples are
# Hint: Count the frames of a film, and the frames whose norm you look at.
def norm_of_walk(m, h, k):
    return np.sqrt(m * k) * h


def film(z0, xi, rho):
    frames = [z0]
    for push in xi:
        frames.append(rho * frames[-1] + np.sqrt(1 - rho**2) * push)
    return np.array(frames)


def steps_to_forget(rho, epsilon):
    return int(np.ceil(np.log(epsilon) / np.log(rho)))


# %% w12-4: the nearest whole number of steps
# Section: Where the samples are
# Hint: *At most* $\epsilon$: which whole number of steps is the first that suffices?
def norm_of_walk(m, h, k):
    return np.sqrt(m * (1 + k * h**2))


def film(z0, xi, rho):
    frames = [z0]
    for push in xi:
        frames.append(rho * frames[-1] + np.sqrt(1 - rho**2) * push)
    return np.array(frames)


def steps_to_forget(rho, epsilon):
    return round(np.log(epsilon) / np.log(rho))


# %% w12-5: nan replaced by the first vector
# Section: From one digit to another
# Hint: Two vectors of the same direction may have different norms: what lies between them?
def arc(z1, z2, t):
    product = np.linalg.norm(z1, axis=1) * np.linalg.norm(z2, axis=1)
    omega = np.arccos((z1 * z2).sum(axis=1) / product)[:, np.newaxis]
    with np.errstate(all="ignore"):
        way = (np.sin((1 - t) * omega) * z1 + np.sin(t * omega) * z2) / np.sin(omega)
    return np.where(np.isfinite(way), way, z1)


def tour(keys, steps):
    legs = [arc(keys[:-1], keys[1:], k / steps) for k in range(steps)]
    return np.concatenate([np.stack(legs, axis=1).reshape(-1, keys.shape[1]), keys[-1:]])


# %% w12-5: the colleague's arc
# Section: From one digit to another
# Hint: This is what the colleague has written: print the cosine of a vector with itself.
def arc(z1, z2, t):
    product = np.linalg.norm(z1, axis=1) * np.linalg.norm(z2, axis=1)
    omega = np.arccos((z1 * z2).sum(axis=1) / product)[:, np.newaxis]
    with np.errstate(all="ignore"):
        return (np.sin((1 - t) * omega) * z1 + np.sin(t * omega) * z2) / np.sin(omega)


def tour(keys, steps):
    legs = [arc(keys[:-1], keys[1:], k / steps) for k in range(steps)]
    return np.concatenate([np.stack(legs, axis=1).reshape(-1, keys.shape[1]), keys[-1:]])


# %% w12-5: every key between two legs shown twice
# Section: From one digit to another
# Hint: Print the frames of a path with two legs: which of them are there more often than asked for?
def arc(z1, z2, t):
    product = np.linalg.norm(z1, axis=1) * np.linalg.norm(z2, axis=1)
    omega = np.arccos(np.clip((z1 * z2).sum(axis=1) / product, -1, 1))[:, np.newaxis]
    omega = np.maximum(omega, 1e-7)
    return (np.sin((1 - t) * omega) * z1 + np.sin(t * omega) * z2) / np.sin(omega)


def tour(keys, steps):
    legs = [arc(keys[:-1], keys[1:], k / steps) for k in range(steps + 1)]
    return np.stack(legs, axis=1).reshape(-1, keys.shape[1])


# %% w12-5: small and large angles cut off
# Section: From one digit to another
# Hint: Angles that are small but not zero, and large ones, are as good as others: yours are changed.
def arc(z1, z2, t):
    product = np.linalg.norm(z1, axis=1) * np.linalg.norm(z2, axis=1)
    omega = np.arccos(np.clip((z1 * z2).sum(axis=1) / product, -1, 1))[:, np.newaxis]
    omega = np.clip(omega, 0.01, 2.6)
    return (np.sin((1 - t) * omega) * z1 + np.sin(t * omega) * z2) / np.sin(omega)


def tour(keys, steps):
    frames = [arc(keys[:-1], keys[1:], k / steps) for k in range(steps)]
    return np.concatenate([np.stack(frames, axis=1).reshape(-1, keys.shape[1]), keys[-1:]])


# %% w12-6: no constant in the fit
# Section: Directions
# Hint: The quantities are not zero at $z = 0$: what belongs into the fit besides the slopes?
def slopes(Z, Q):
    return np.linalg.lstsq(Z, Q, rcond=None)[0]


def knobs(W):
    return np.linalg.pinv(W).T


def effects(Z, moves):
    before = measured(showers(Z)).mean(axis=0)
    return np.column_stack([measured(showers(Z + move)).mean(axis=0) - before for move in moves.T])


# %% w12-6: each quantity along its own slope
# Section: Directions
# Hint: Your moves change one quantity by 1, and the others as well.
def slopes(Z, Q):
    return np.linalg.lstsq(np.column_stack([Z, np.ones(len(Z))]), Q, rcond=None)[0][:-1]


def knobs(W):
    return W / (W**2).sum(axis=0)


def effects(Z, moves):
    before = measured(showers(Z)).mean(axis=0)
    return np.column_stack([measured(showers(Z + move)).mean(axis=0) - before for move in moves.T])


# %% w12-6: the effects on the mean latent vector only
# Section: Directions
# Hint: The mean of a change is not the change at the mean.
def slopes(Z, Q):
    return np.linalg.lstsq(np.column_stack([Z, np.ones(len(Z))]), Q, rcond=None)[0][:-1]


def knobs(W):
    return np.linalg.pinv(W).T


def effects(Z, moves):
    centre = Z.mean(axis=0)
    return (measured(showers(centre + moves.T)) - measured(showers(centre[np.newaxis]))).T


# %% w12-6: rows and columns of the effects exchanged
# Section: Directions
# Hint: Which index counts the quantities, and which the moves?
def slopes(Z, Q):
    return np.linalg.lstsq(np.column_stack([Z, np.ones(len(Z))]), Q, rcond=None)[0][:-1]


def knobs(W):
    return np.linalg.pinv(W).T


def effects(Z, moves):
    before = measured(showers(Z)).mean(axis=0)
    return np.array([measured(showers(Z + move)).mean(axis=0) - before for move in moves.T])

# %% w04-1: widths added instead of their squares
def after_chain(counts, mean, sigma, kernels, h):
    for w in kernels:
        m = h * np.arange(len(w))
        centre = np.average(m, weights=w)
        counts, mean = counts * np.sum(w), mean + centre
        sigma += np.sqrt(np.average((m - centre) ** 2, weights=w))
    return counts, mean, sigma


# %% w04-1: kernels taken to add up to 1
def after_chain(counts, mean, sigma, kernels, h):
    for w in kernels:
        m = h * np.arange(len(w))
        centre = np.sum(m * w)
        counts, mean = counts * np.sum(w), mean + centre
        sigma = np.sqrt(sigma**2 + np.sum((m - centre) ** 2 * w))
    return counts, mean, sigma


# %% w04-1: bins of width 1
def after_chain(counts, mean, sigma, kernels, h):
    for w in kernels:
        m = np.arange(len(w))
        centre = np.average(m, weights=w)
        counts, mean = counts * np.sum(w), mean + centre
        sigma = np.sqrt(sigma**2 + np.average((m - centre) ** 2, weights=w))
    return counts, mean, sigma


# %% w04-2: the strides forgotten
def field_of_view(layers):
    return 1 + sum(k - 1 for k, s in layers), max(s for k, s in layers)


# %% w04-2: only the stride of the layer before
def field_of_view(layers):
    field, before = 1, 1
    for k, s in layers:
        field += (k - 1) * before
        before = s
    return field, max(s for k, s in layers)


# %% w04-2: the layer's own stride counted too
def field_of_view(layers):
    field, shift = 1, 1
    for k, s in layers:
        shift *= s
        field += (k - 1) * shift
    return field, shift


# %% w04-3: as the colleague has it
def layer(images, K, b, s):
    return colleagues_layer(images, K, b, s)


# %% w04-3: the bias once for each channel
def layer(images, K, b, s):
    n, height, width, c = images.shape
    k, f = K.shape[0], K.shape[3]
    rows, columns = (height - k) // s + 1, (width - k) // s + 1
    output = np.zeros((n, rows, columns, f))
    for i in range(rows):
        for j in range(columns):
            window = images[:, s * i : s * i + k, s * j : s * j + k]
            for channel in range(c):
                output[:, i, j] += np.einsum("nab,abf->nf", window[..., channel], K[:, :, channel]) + b
    return output


# %% w04-3: the window moves by one, whatever the stride
def layer(images, K, b, s):
    n, height, width, _ = images.shape
    k, f = K.shape[0], K.shape[3]
    rows, columns = (height - k) // s + 1, (width - k) // s + 1
    output = np.zeros((n, rows, columns, f))
    for i in range(rows):
        for j in range(columns):
            output[:, i, j] = np.einsum("nabc,abcf->nf", images[:, i : i + k, j : j + k], K) + b
    return output


# %% w04-3: the kernel still turned
def layer(images, K, b, s):
    n, height, width, _ = images.shape
    k, f = K.shape[0], K.shape[3]
    rows, columns = (height - k) // s + 1, (width - k) // s + 1
    output = np.zeros((n, rows, columns, f))
    for i in range(rows):
        for j in range(columns):
            window = images[:, s * i : s * i + k, s * j : s * j + k]
            output[:, i, j] = np.einsum("nabc,abcf->nf", window, K[::-1, ::-1]) + b
    return output


# %% w04-4: as long as the outputs reach, not as the input
def backwards(delta, x, w, s):
    dx, dw = np.zeros(s * (len(delta) - 1) + len(w)), np.zeros(len(w))
    for n in range(len(delta)):
        dx[s * n : s * n + len(w)] += delta[n] * w
        dw += delta[n] * x[s * n : s * n + len(w)]
    return dx, dw


# %% w04-4: the kernel turned
def backwards(delta, x, w, s):
    dx, dw = np.zeros(len(x)), np.zeros(len(w))
    for n in range(len(delta)):
        dx[s * n : s * n + len(w)] += delta[n] * w[::-1]
        dw += delta[n] * x[s * n : s * n + len(w)]
    return dx, dw


# %% w04-4: overlapping windows overwrite one another
def backwards(delta, x, w, s):
    dx, dw = np.zeros(len(x)), np.zeros(len(w))
    for n in range(len(delta)):
        dx[s * n : s * n + len(w)] = delta[n] * w
        dw += delta[n] * x[s * n : s * n + len(w)]
    return dx, dw


# %% w04-5: the sign of the phase
def acceleration(y, dt, omega0, gamma, omega_c):
    omega = 2 * np.pi * np.fft.rfftfreq(len(y), dt)
    factor = omega0**2 - omega**2 - 1j * gamma * omega
    return np.fft.irfft(np.fft.rfft(y) * factor * (omega <= omega_c), len(y))


# %% w04-5: frequencies in place of angular frequencies, at the limit only
def acceleration(y, dt, omega0, gamma, omega_c):
    f = np.fft.rfftfreq(len(y), dt)
    omega = 2 * np.pi * f
    factor = omega0**2 - omega**2 + 1j * gamma * omega
    return np.fft.irfft(np.fft.rfft(y) * factor * (f <= omega_c), len(y))


# %% w04-5: one value lost for odd N
def acceleration(y, dt, omega0, gamma, omega_c):
    omega = 2 * np.pi * np.fft.rfftfreq(len(y), dt)
    factor = omega0**2 - omega**2 + 1j * gamma * omega
    return np.fft.irfft(np.fft.rfft(y) * factor * (omega <= omega_c))


# %% w04-5: the response applied once more
def acceleration(y, dt, omega0, gamma, omega_c):
    omega = 2 * np.pi * np.fft.rfftfreq(len(y), dt)
    factor = omega0**2 - omega**2 + 1j * gamma * omega
    return np.fft.irfft(np.fft.rfft(y) / factor * (omega <= omega_c), len(y))

# %% w04-1: widths added instead of their squares
# Section: An instrument smears
# Hint: The widths of two independent shifts do not add up: which measure of their spread does?
def after_chain(counts, mean, sigma, kernels, h):
    for w in kernels:
        m = h * np.arange(len(w))
        centre = np.average(m, weights=w)
        counts, mean = counts * np.sum(w), mean + centre
        sigma += np.sqrt(np.average((m - centre) ** 2, weights=w))
    return counts, mean, sigma


# %% w04-1: kernels taken to add up to 1
# Section: An instrument smears
# Hint: When counts are lost the kernel does not add up to 1: what then is the mean shift of a count that has *not* been lost?
def after_chain(counts, mean, sigma, kernels, h):
    for w in kernels:
        m = h * np.arange(len(w))
        centre = np.sum(m * w)
        counts, mean = counts * np.sum(w), mean + centre
        sigma = np.sqrt(sigma**2 + np.sum((m - centre) ** 2 * w))
    return counts, mean, sigma


# %% w04-1: bins of width 1
# Section: An instrument smears
# Hint: Try bins that are not one keV wide.
def after_chain(counts, mean, sigma, kernels, h):
    for w in kernels:
        m = np.arange(len(w))
        centre = np.average(m, weights=w)
        counts, mean = counts * np.sum(w), mean + centre
        sigma = np.sqrt(sigma**2 + np.average((m - centre) ** 2, weights=w))
    return counts, mean, sigma


# %% w04-2: the strides forgotten
# Section: Sizes
# Hint: A window that stands behind a stride reaches further in the image than its own width says.
def field_of_view(layers):
    return 1 + sum(k - 1 for k, s in layers), max(s for k, s in layers)


# %% w04-2: only the stride of the layer before
# Section: Sizes
# Hint: Two strides one after the other act together; yours forgets all but the last one.
def field_of_view(layers):
    field, before = 1, 1
    for k, s in layers:
        field += (k - 1) * before
        before = s
    return field, max(s for k, s in layers)


# %% w04-2: the layer's own stride counted too
# Section: Sizes
# Hint: How far apart a layer's *inputs* lie decides how far its window reaches; its own stride acts only on the layers behind it.
def field_of_view(layers):
    field, shift = 1, 1
    for k, s in layers:
        shift *= s
        field += (k - 1) * shift
    return field, shift


# %% w04-3: as the colleague has it
# Section: Two dimensions, and a sign
# Hint: This is the colleague's layer as it was: try one channel, a symmetric kernel and stride 1, one at a time, and see which errors hide.
def layer(images, K, b, s):
    return colleagues_layer(images, K, b, s)


# %% w04-3: the bias once for each channel
# Section: Two dimensions, and a sign
# Hint: One channel is right, with more of them your result is too large or too small by the same number: how often does a filter add its bias?
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
# Section: Sizes
# Hint: With stride 1 all is right; where does the window of output $(i, j)$ begin otherwise?
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
# Section: Two dimensions, and a sign
# Hint: With a symmetric kernel all is right: in which direction does a layer of a network run through its kernel?
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
# Section: Backwards through a convolution
# Hint: When the stride does not divide the length, the last inputs are in no window: which derivative belongs to them, and how long is the result?
def backwards(delta, x, w, s):
    dx, dw = np.zeros(s * (len(delta) - 1) + len(w)), np.zeros(len(w))
    for n in range(len(delta)):
        dx[s * n : s * n + len(w)] += delta[n] * w
        dw += delta[n] * x[s * n : s * n + len(w)]
    return dx, dw


# %% w04-4: the kernel turned
# Section: Backwards through a convolution
# Hint: Forwards the kernel meets the input in one direction; going back along the same products, does the direction change?
def backwards(delta, x, w, s):
    dx, dw = np.zeros(len(x)), np.zeros(len(w))
    for n in range(len(delta)):
        dx[s * n : s * n + len(w)] += delta[n] * w[::-1]
        dw += delta[n] * x[s * n : s * n + len(w)]
    return dx, dw


# %% w04-4: overlapping windows overwrite one another
# Section: Backwards through a convolution
# Hint: On how many ways does an input that lies in two windows change the cost, and how many of them do you count?
def backwards(delta, x, w, s):
    dx, dw = np.zeros(len(x)), np.zeros(len(w))
    for n in range(len(delta)):
        dx[s * n : s * n + len(w)] = delta[n] * w
        dw += delta[n] * x[s * n : s * n + len(w)]
    return dx, dw


# %% w04-5: the sign of the phase
# Section: Superposition
# Hint: All amplitudes are right, and the motion is shifted in time: with which phase does the oscillator answer a wave, and which one takes it back?
def acceleration(y, dt, omega0, gamma, omega_c):
    omega = 2 * np.pi * np.fft.rfftfreq(len(y), dt)
    factor = omega0**2 - omega**2 - 1j * gamma * omega
    return np.fft.irfft(np.fft.rfft(y) * factor * (omega <= omega_c), len(y))


# %% w04-5: frequencies in place of angular frequencies, at the limit only
# Section: The convolution theorem
# Hint: The limit is meant for the angular frequency; you compare something smaller with it.
def acceleration(y, dt, omega0, gamma, omega_c):
    f = np.fft.rfftfreq(len(y), dt)
    omega = 2 * np.pi * f
    factor = omega0**2 - omega**2 + 1j * gamma * omega
    return np.fft.irfft(np.fft.rfft(y) * factor * (f <= omega_c), len(y))


# %% w04-5: one value lost for odd N
# Section: The convolution theorem
# Hint: Try a record with an odd number of values.
def acceleration(y, dt, omega0, gamma, omega_c):
    omega = 2 * np.pi * np.fft.rfftfreq(len(y), dt)
    factor = omega0**2 - omega**2 + 1j * gamma * omega
    return np.fft.irfft(np.fft.rfft(y) * factor * (omega <= omega_c))


# %% w04-5: the response applied once more
# Section: The convolution theorem
# Hint: The oscillator has acted on the record already: what does your function do with the response, and what would undo it?
def acceleration(y, dt, omega0, gamma, omega_c):
    omega = 2 * np.pi * np.fft.rfftfreq(len(y), dt)
    factor = omega0**2 - omega**2 + 1j * gamma * omega
    return np.fft.irfft(np.fft.rfft(y) / factor * (omega <= omega_c), len(y))

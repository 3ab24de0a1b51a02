// The lectures' networks in the reader's browser: what Keras' layers compute, for one sample at a time and in double precision, and full-batch
// gradient descent for small dense networks. A classic script, because a page opened from disk may load nothing else.
//
// An array is {shape, data}: its sizes and its numbers in NumPy's order. Images are (height, width, channels), kernels as Keras stores them.
"use strict";

const Engine = (() => {
  const array = (shape, data) => ({ shape, data: data ?? new Float64Array(shape.reduce((product, size) => product * size, 1)) });

  // The numbers of all 65 536 patterns of half precision: ten bits of fraction, five of exponent, one of sign.
  let halves;
  const half = (bits) => {
    const exponent = (bits >> 10) & 31;
    const fraction = (bits & 1023) / 1024;
    const size = exponent === 31 ? (fraction ? NaN : Infinity) : exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14;
    return bits >> 15 ? -size : size;
  };

  // An array of half-precision numbers, little-endian, in base 64.
  const decode = (shape, text) => {
    halves ??= Float64Array.from({ length: 65536 }, (_, bits) => half(bits));
    const bytes = atob(text);
    const { data } = array(shape);
    for (let i = 0; i < data.length; i++) data[i] = halves[bytes.charCodeAt(2 * i) | (bytes.charCodeAt(2 * i + 1) << 8)];
    return { shape, data };
  };

  // As data.map, several times faster.
  const map = (data, f) => {
    const values = new Float64Array(data.length);
    for (let i = 0; i < data.length; i++) values[i] = f(data[i], i);
    return values;
  };

  // Each activation function, and its derivative in terms of its own value.
  const ACTIVATIONS = {
    linear: [(z) => z, () => 1],
    relu: [(z) => Math.max(z, 0), (a) => (a > 0 ? 1 : 0)],
    leaky_relu: [(z) => (z > 0 ? z : 0.3 * z), (a) => (a > 0 ? 1 : 0.3)], // the slope is Keras' default
    sigmoid: [(z) => 1 / (1 + Math.exp(-z)), (a) => a * (1 - a)],
    tanh: [Math.tanh, (a) => 1 - a * a],
  };

  const softmax = ({ shape, data }) => {
    const largest = Math.max(...data);
    const powers = map(data, (z) => Math.exp(z - largest));
    const sum = powers.reduce((total, power) => total + power);
    return { shape, data: map(powers, (power) => power / sum) };
  };

  // Pixels of the output along one side, and of the padding before the input's first.
  const sides = (size, k, stride, padding) => {
    if (padding === "valid") return [Math.floor((size - k) / stride) + 1, 0];
    const out = Math.ceil(size / stride);
    return [out, Math.floor(Math.max((out - 1) * stride + k - size, 0) / 2)];
  };

  const withBias = (output, bias) => {
    if (bias) for (let i = 0; i < output.data.length; i++) output.data[i] = bias.data[i % bias.data.length];
    return output;
  };

  // The sum of n products of numbers of a and b. Of four sums side by side none waits for another: twice as fast.
  const dot = (a, from, b, at, n) => {
    let s = 0;
    let t = 0;
    let u = 0;
    let v = 0;
    let i = 0;
    for (; i + 3 < n; i += 4) {
      s += a[from + i] * b[at + i];
      t += a[from + i + 1] * b[at + i + 1];
      u += a[from + i + 2] * b[at + i + 2];
      v += a[from + i + 3] * b[at + i + 3];
    }
    for (; i < n; i++) s += a[from + i] * b[at + i];
    return s + t + u + v;
  };

  // The weighted sums of each kind of layer for its input `a`.
  const LAYERS = {
    // Of one sample, or of several as rows.
    dense({ kernel, bias }, a) {
      const [inputs, units] = kernel.shape;
      const samples = a.data.length / inputs;
      const z = withBias(array([samples, units]), bias);
      for (let n = 0; n < samples; n++)
        for (let i = 0; i < inputs; i++) {
          const input = a.data[n * inputs + i];
          for (let j = 0; j < units; j++) z.data[n * units + j] += input * kernel.data[i * units + j];
        }
      return z;
    },
    conv({ kernel, bias, stride = 1, padding = "valid" }, a) {
      const [height, width, channels] = a.shape;
      const [rows, columns, , filters] = kernel.shape;
      const [outHeight, top] = sides(height, rows, stride, padding);
      const [outWidth, left] = sides(width, columns, stride, padding);
      const z = withBias(array([outHeight, outWidth, filters]), bias);
      for (let y = 0; y < outHeight; y++)
        for (let x = 0; x < outWidth; x++)
          for (let u = 0; u < rows; u++)
            for (let v = 0; v < columns; v++) {
              const row = y * stride + u - top;
              const column = x * stride + v - left;
              if (row < 0 || row >= height || column < 0 || column >= width) continue;
              for (let c = 0; c < channels; c++) {
                const input = a.data[(row * width + column) * channels + c];
                const from = ((u * columns + v) * channels + c) * filters;
                const to = (y * outWidth + x) * filters;
                for (let j = 0; j < filters; j++) z.data[to + j] += input * kernel.data[from + j];
              }
            }
      return z;
    },
    // With padding "same". The weights are the outer loop: one filter's row of weights stays in the processor while all pixels pass.
    convTranspose({ kernel, bias, stride = 1 }, a) {
      const [height, width, channels] = a.shape;
      const [rows, columns, filters] = kernel.shape;
      const [outHeight, outWidth] = [height * stride, width * stride];
      const [top, left] = [rows, columns].map((k) => Math.floor(Math.max(k - stride, 0) / 2));
      const z = withBias(array([outHeight, outWidth, filters]), bias);
      for (let u = 0; u < rows; u++)
        for (let v = 0; v < columns; v++)
          for (let j = 0; j < filters; j++) {
            const weights = ((u * columns + v) * filters + j) * channels;
            for (let y = 0; y < height; y++)
              for (let x = 0; x < width; x++) {
                const row = y * stride + u - top;
                const column = x * stride + v - left;
                if (row < 0 || row >= outHeight || column < 0 || column >= outWidth) continue;
                const from = (y * width + x) * channels;
                z.data[(row * outWidth + column) * filters + j] += dot(kernel.data, weights, a.data, from, channels);
              }
          }
      return z;
    },
    // As in prediction: the moving averages folded into one scale and one shift per channel; epsilon is Keras' default.
    batchNorm({ gamma, beta, mean, variance }, a) {
      const scale = gamma.data.map((g, c) => g / Math.sqrt(variance.data[c] + 1e-3));
      const shift = beta.data.map((b, c) => b - mean.data[c] * scale[c]);
      return array(a.shape, map(a.data, (value, i) => value * scale[i % scale.length] + shift[i % scale.length]));
    },
    maxPool({ size = 2 }, a) {
      const [height, width, channels] = a.shape;
      const [outHeight, outWidth] = [Math.floor(height / size), Math.floor(width / size)];
      const z = array([outHeight, outWidth, channels]);
      z.data.fill(-Infinity);
      for (let y = 0; y < outHeight * size; y++)
        for (let x = 0; x < outWidth * size; x++)
          for (let c = 0; c < channels; c++) {
            const to = (Math.floor(y / size) * outWidth + Math.floor(x / size)) * channels + c;
            z.data[to] = Math.max(z.data[to], a.data[(y * width + x) * channels + c]);
          }
      return z;
    },
    reshape: ({ shape }, a) => array(shape, a.data),
  };

  // What each layer of a network gives, first to last. Layers are {kind, activation, kernel, bias, ...}.
  const activations = (layers, input) => {
    const found = [];
    for (const layer of layers) {
      const z = LAYERS[layer.kind](layer, found.at(-1) ?? input);
      found.push(array(z.shape, map(z.data, ACTIVATIONS[layer.activation ?? "linear"][0])));
    }
    return found;
  };

  // Full-batch gradient descent on the mean squared error, in place: for dense layers, inputs (n, M_0) and targets (n, M_L).
  const descend = (layers, inputs, targets, eta, steps) => {
    for (let step = 0; step < steps; step++) {
      const found = activations(layers, inputs);
      let upstream = map(found.at(-1).data, (y, k) => (2 * (y - targets.data[k])) / targets.data.length);
      for (let l = layers.length - 1; l >= 0; l--) {
        const { kernel, bias, activation = "linear" } = layers[l];
        const [inwards, units] = kernel.shape;
        const derivative = ACTIVATIONS[activation][1];
        const delta = map(upstream, (value, k) => value * derivative(found[l].data[k]));
        const below = l ? found[l - 1].data : inputs.data;
        const samples = delta.length / units;
        upstream = new Float64Array(samples * inwards);
        const change = new Float64Array(kernel.data.length);
        for (let n = 0; n < samples; n++)
          for (let j = 0; j < units; j++) {
            const error = delta[n * units + j];
            for (let i = 0; i < inwards; i++) {
              upstream[n * inwards + i] += error * kernel.data[i * units + j];
              change[i * units + j] += error * below[n * inwards + i];
            }
          }
        for (let k = 0; k < change.length; k++) kernel.data[k] -= eta * change[k];
        for (let k = 0; k < delta.length; k++) bias.data[k % units] -= eta * delta[k];
      }
    }
  };

  return { array, half, decode, softmax, activations, descend };
})();

// What all live figures share: the question and the button under a figure's caption, the script of weights that a click loads, and the controls.
// A classic script, because a page opened from disk may load nothing else.
"use strict";

const Live = (() => {
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  const figures = {}; // by name, from figures.js: {data: name of a script of weights or none, open(panel, arrays)}
  const shown = {}; // by name, of each figure that is open: a function that returns its numbers in full precision
  const received = {};

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // A script of weights calls this with [shape, base 64] for each array.
  const receive = (name, arrays) => {
    received[name] = Object.fromEntries(Object.entries(arrays).map(([key, [shape, text]]) => [key, Engine.decode(shape, text)]));
  };

  const load = (name) =>
    new Promise((resolve, reject) => {
      if (!name || received[name]) return resolve(received[name]);
      document.head.append(make("script", { src: `${folder}${name}.js`, onload: () => resolve(received[name]), onerror: reject }));
    });

  // The number of the answer that was chosen here before. A browser may refuse to store anything; then nothing is remembered.
  const remembered = (name, number) => {
    try {
      if (number !== undefined) localStorage.setItem(`predict ${name}`, number);
      return localStorage.getItem(`predict ${name}`);
    } catch {
      return null;
    }
  };

  const question = (name, { question, answers }, open) => {
    const reason = make("p", { className: "live-reason" });
    reason.setAttribute("role", "status");
    const choose = (number) => {
      buttons.forEach((button, other) => button.setAttribute("aria-pressed", other === number));
      const { right, reason: text } = answers[number];
      reason.replaceChildren(make("strong", { textContent: right ? "Right. " : "Not so. " }), text);
    };
    const buttons = answers.map(({ text }, number) => {
      const onclick = () => (choose(number), remembered(name, number), open());
      return make("button", { type: "button", className: "live-answer", textContent: text, onclick });
    });
    buttons.forEach((button) => button.setAttribute("aria-pressed", false));
    const before = remembered(name);
    if (before in answers) choose(Number(before));
    const legend = make("legend", {}, make("strong", { textContent: "Predict. " }), question);
    return make("fieldset", { className: "live-question" }, legend, ...buttons, reason);
  };

  // Put under a figure what its cell's metadata ask for.
  const place = (name, { live, predict }) => {
    const part = make("section", { className: "live" });
    part.setAttribute("aria-label", live ? `Live figure: ${live}` : `Question on figure ${name}`);
    const panel = make("div", { className: "live-panel", hidden: true });
    const button = make("button", { type: "button", className: "live-open", textContent: live });
    let opening;
    const show = (visible) => {
      panel.hidden = !visible;
      button.setAttribute("aria-expanded", visible);
      const { data, open } = figures[name];
      if (visible)
        opening ??= load(data).then(
          (arrays) => {
            panel.replaceChildren(); // of an earlier failure
            shown[name] = open(panel, arrays);
          },
          () => {
            opening = undefined; // the next click tries again
            panel.textContent = "The network's weights could not be loaded; close this and open it again.";
          },
        );
    };
    if (predict) part.append(question(name, predict, () => live && show(true)));
    if (live) {
      button.setAttribute("aria-expanded", false);
      button.onclick = () => show(panel.hidden);
      part.append(button, panel);
    }
    document.getElementById(name).after(part);
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("script.live-cell").forEach((script) => place(script.dataset.for, JSON.parse(script.textContent)));
  });

  // Call a function at the next frame, once however often it was asked for.
  const atNextFrame = (draw) => {
    let waiting;
    return () => {
      waiting ??= requestAnimationFrame(() => {
        waiting = undefined;
        draw();
      });
    };
  };

  let controls = 0;
  const labelled = (label, control, ...rest) => {
    control.id = `live-control-${controls++}`;
    return make("div", { className: "live-control" }, make("label", { htmlFor: control.id, textContent: label }), control, ...rest);
  };

  // A slider with its value and unit. What is set from outside may lie beyond its ends: the text says it, the handle stays at the end.
  const slider = (label, { min, max, step, unit, digits = 0 }, oninput) => {
    const input = make("input", { type: "range", min, max, step });
    const text = make("span", { className: "live-value" });
    const say = (value) => {
      text.textContent = `${value.toFixed(digits)} ${unit}`.replace("-", "−");
      input.setAttribute("aria-valuetext", text.textContent);
    };
    input.oninput = () => {
      say(input.valueAsNumber);
      oninput(input.valueAsNumber);
    };
    const set = (value) => {
      input.value = value;
      say(value);
    };
    return { element: labelled(label, input, text), set };
  };

  const choice = (label, options, onchange) => {
    const select = make("select", {}, ...options.map((text, value) => make("option", { value, textContent: text })));
    select.onchange = () => onchange(Number(select.value));
    return { element: labelled(label, select), select };
  };

  // A canvas with a pixel for each number of a (height, width) image; `colour` gives red, green and blue of a number.
  const ink = (value) => Array(3).fill(255 * (1 - value));
  const pixels = (canvas, height, width, data, colour = ink) => {
    [canvas.height, canvas.width] = [height, width];
    const image = new ImageData(width, height);
    data.forEach((value, i) => image.data.set([...colour(value), 255], 4 * i));
    canvas.getContext("2d").putImageData(image, 0, 0);
  };

  const picture = (label) => {
    const canvas = make("canvas", { className: "live-pixels" });
    const caption = make("figcaption");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    return { element: make("figure", { className: "live-picture" }, canvas, caption), canvas, caption };
  };

  return { figures, shown, receive, make, atNextFrame, slider, choice, pixels, picture };
})();

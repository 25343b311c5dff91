// What the viewer is built of: numbers as text, lines of an SVG, one file per sequence.
"use strict";

const Parts = (() => {
  const percent = (score) => (score === null || score === undefined ? "-" : (100 * score).toFixed(1));
  const mean = (values) => {
    const known = values.filter((value) => value !== null && value !== undefined);
    return known.length ? known.reduce((a, b) => a + b) / known.length : null;
  };

  // A sequence's data; a script, as a page opened from disk may load nothing else.
  function load(file) {
    if (window.vosbench.films[file]) return Promise.resolve(window.vosbench.films[file]);
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = file;
      script.onload = () => resolve(window.vosbench.films[file]);
      script.onerror = () => reject(new Error(`${file} is missing: copy the report's whole folder`));
      document.head.append(script);
    });
  }

  const SVG = "http://www.w3.org/2000/svg";
  function svg(name, attributes) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  }

  function swatch(run) {
    const box = svg("svg", { class: "swatch", viewBox: "0 0 26 8", "aria-hidden": "true" });
    box.append(svg("line", {
      x1: 0, x2: 26, y1: 4, y2: 4, stroke: run.colour, "stroke-dasharray": run.dash || "none",
    }));
    return box;
  }

  return { percent, mean, load, svg, swatch };
})();

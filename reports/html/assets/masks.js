// Run lengths -> labels -> the pixels that are laid over a frame. Nothing reads a picture's
// pixels, which a page opened from disk may not.
"use strict";

const Masks = (() => {
  // The colour map of DAVIS (PASCAL VOC), and one that colour-blind readers tell apart.
  const davis = Array.from({ length: 256 }, (_, index) => {
    const rgb = [0, 0, 0];
    for (let bit = 0; bit < 8; bit++)
      for (let c = 0; c < 3; c++) rgb[c] |= ((index >> (3 * bit + c)) & 1) << (7 - bit);
    return rgb;
  });
  const okabe = [
    [230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66],
    [0, 114, 178], [213, 94, 0], [204, 121, 167],
  ];
  const safe = Array.from({ length: 256 }, (_, index) => okabe[(index + 6) % 7]);

  const MISSED = [0, 114, 178], FALSE = [230, 159, 0], WRONG = [204, 60, 150];

  // Base64 of varints: the count n of ids, then length * n + id of every run, row by row.
  function decode(text, size) {
    const bytes = atob(text), labels = new Uint8Array(size);
    let count = 0, at = 0, place = 0;
    while (at < bytes.length) {
      let code = 0, scale = 1, byte;
      do {
        byte = bytes.charCodeAt(at++);
        code += (byte & 127) * scale;
        scale *= 128;
      } while (byte & 128);
      if (!count) count = code;
      else {
        const length = Math.floor(code / count), id = code % count;
        if (id) labels.fill(id, place, place + length);
        place += length;
      }
    }
    return labels;
  }

  const isEdge = (labels, at, w) =>
    (at % w && labels[at] !== labels[at - 1]) || (at >= w && labels[at] !== labels[at - w]);

  function put(pixels, at, rgb, alpha) {
    pixels[4 * at] = rgb[0];
    pixels[4 * at + 1] = rgb[1];
    pixels[4 * at + 2] = rgb[2];
    pixels[4 * at + 3] = alpha;
  }

  // Objects filled with their colours and outlined in white.
  function fill(pixels, labels, w, colourBlind) {
    const colours = colourBlind ? safe : davis;
    for (let at = 0; at < labels.length; at++) {
      if (isEdge(labels, at, w)) put(pixels, at, [255, 255, 255], 235);
      else if (labels[at]) put(pixels, at, colours[labels[at]], 120);
    }
  }

  // Missed pixels in stripes, false ones solid, so that the two differ without colour too.
  function errors(pixels, labels, truth, w) {
    for (let at = 0; at < labels.length; at++) {
      const is = labels[at], should = truth[at];
      if (is === should) {
        if (is) put(pixels, at, [255, 255, 255], 50);
      } else if (!is) put(pixels, at, MISSED, ((at % w) + Math.floor(at / w)) % 6 < 3 ? 235 : 130);
      else put(pixels, at, should ? WRONG : FALSE, 190);
    }
  }

  // The truth's outline as black and white dashes, seen on any ground.
  function outline(pixels, truth, w) {
    for (let at = 0; at < truth.length; at++) {
      if (!isEdge(truth, at, w)) continue;
      const light = ((at % w) + Math.floor(at / w)) % 8 < 4;
      put(pixels, at, light ? [255, 255, 255] : [0, 0, 0], 255);
    }
  }

  // Each object's id and centre of mass, for the numbers that are written on it.
  function centres(labels, w) {
    const sums = new Map();
    for (let at = 0; at < labels.length; at++) {
      if (!labels[at]) continue;
      const sum = sums.get(labels[at]) || [0, 0, 0];
      sum[0] += at % w;
      sum[1] += Math.floor(at / w);
      sum[2] += 1;
      sums.set(labels[at], sum);
    }
    return [...sums].map(([id, [x, y, n]]) => ({ id, x: x / n, y: y / n }));
  }

  return { decode, fill, errors, outline, centres };
})();

// The viewer: #view/<section>/<sequence>/<frame>/<run> opens a sequence at a frame.
"use strict";

(() => {
  const dialog = document.getElementById("viewer");
  const part = (name) => dialog.querySelector(`[data-part="${name}"]`);
  const { percent, mean, load, svg, swatch } = Parts;
  const { sections } = window.vosbench;
  const FRAMES_A_SECOND = 12, AHEAD = 12;

  // What is looked at. A pane is a run's number, -1 for the truth.
  const view = { section: null, entry: null, film: null, frame: 0, panes: [-1], timer: 0 };
  let pictures = new Map();

  function picture(index) {
    if (!pictures.has(index)) {
      const image = new Image();
      image.src = `${view.film.folder}/${String(index).padStart(5, "0")}.jpg`;
      pictures.set(index, image.decode().then(() => image, () => null));
    }
    return pictures.get(index);
  }

  // Opening ------------------------------------------------------------------------------------

  function parse() {
    if (!location.hash.startsWith("#view/")) return null;
    const parts = location.hash.slice(6).split("/").map(decodeURIComponent);
    const section = sections.find((each) => each.name === parts[0]);
    const entry = section && section.films.find((each) => each.name === parts[1]);
    return entry ? { section, entry, frame: parts[2] || "", run: parts[3] || "" } : null;
  }

  async function follow() {
    const asked = parse();
    if (!asked) return dialog.open && dialog.close();
    const run = asked.section.runs.findIndex((each) => each.name === asked.run);
    if (view.entry === asked.entry && dialog.open && at() === location.hash) return undefined;
    if (view.section !== asked.section || run >= 0 || !dialog.open)
      view.panes = [-1, ...asked.section.runs.keys()].slice(0, run >= 0 ? 1 : 4);
    if (run >= 0) view.panes.push(run);
    return open(asked.section, asked.entry, asked.frame);
  }

  async function open(section, entry, frameName) {
    stop();
    Object.assign(view, { section, entry });
    if (!dialog.open) dialog.showModal();
    document.documentElement.classList.add("viewing");
    part("message").textContent = `Loading ${entry.name}`;
    let film;
    try {
      film = await load(entry.file);
    } catch (error) {
      part("message").textContent = error.message;
      return;
    }
    if (view.entry !== entry) return;
    part("message").textContent = "";
    pictures = new Map();
    view.film = film;
    const wanted = film.frames.indexOf(frameName);
    view.frame = wanted >= 0 ? wanted : Math.floor(film.frames.length / 2);
    choices();
    legend();
    panes();
    curve();
    const slider = part("slider");
    slider.max = film.frames.length - 1;
    await show();
  }

  const at = () =>
    "#view/" +
    [view.section.name, view.entry.name, view.film.frames[view.frame],
      view.panes.filter((pane) => pane >= 0).map((pane) => view.section.runs[pane].name)[0] || ""]
      .map(encodeURIComponent).join("/");

  let addressed = 0;
  function address() {
    clearTimeout(addressed); // browsers slow down pages that change it at every frame
    addressed = setTimeout(() => dialog.open && !view.timer && location.replace(at()), 250);
  }

  function close() {
    stop();
    clearTimeout(addressed);
    document.documentElement.classList.remove("viewing");
    if (location.hash.startsWith("#view/")) location.replace("#closed"); // no such id: no scrolling
  }

  function choices() {
    part("title").textContent = view.section.title;
    const select = part("sequence");
    select.replaceChildren(...view.section.films.map((each, n) => new Option(each.name, n)));
    select.value = view.section.films.indexOf(view.entry);
  }

  function neighbour(by) {
    const all = view.section.films;
    const next = (all.indexOf(view.entry) + by + all.length) % all.length;
    open(view.section, all[next], "").then(address);
  }

  // Scores -------------------------------------------------------------------------------------

  function score(run, frame, metric) {
    return mean(Object.values(view.film.scores[run]).map((object) => object[metric][frame]));
  }

  function byObject(run, frame) {
    const all = Object.entries(view.film.scores[run]);
    if (all.length < 2) return "";
    return all.map(([id, object]) => `object ${id}: ${percent(object.J[frame])}`).join(", ");
  }

  // Panes --------------------------------------------------------------------------------------

  const nameOf = (pane) => (pane < 0 ? "truth" : view.section.runs[pane].name);

  function panes() {
    const [w, h] = view.film.size;
    const stage = part("stage");
    const count = view.panes.length;
    stage.className = `stage ${count === 1 ? "single" : count > 6 ? "many" : count > 2 ? "several" : ""}`;
    stage.style.setProperty("--aspect", w / h);
    stage.replaceChildren(
      ...view.panes.map((pane) => {
        const figure = document.createElement("figure");
        const canvas = document.createElement("canvas");
        canvas.width = w;
        canvas.height = h;
        canvas.setAttribute("role", "img");
        const caption = document.createElement("figcaption");
        figure.append(canvas, caption);
        figure.dataset.pane = pane;
        return figure;
      }),
    );
  }

  function paint(figure, image, truth) {
    const [w, h] = view.film.size, pane = Number(figure.dataset.pane);
    const canvas = figure.querySelector("canvas"), context = canvas.getContext("2d");
    const text = pane < 0 ? view.film.truth[view.frame] : view.film.runs[pane][view.frame];
    const labels = text && Masks.decode(text, w * h);
    if (image) context.drawImage(image, 0, 0, w, h);
    else context.clearRect(0, 0, w, h);
    const layer = new ImageData(w, h);
    if (labels && part("masks").checked) {
      if (part("errors").checked && pane >= 0 && truth) Masks.errors(layer.data, labels, truth, w);
      else Masks.fill(layer.data, labels, w, part("safe").checked);
    }
    if (truth && pane >= 0 && part("outline").checked) Masks.outline(layer.data, truth, w);
    const over = new OffscreenCanvas(w, h);
    over.getContext("2d").putImageData(layer, 0, 0);
    context.drawImage(over, 0, 0);
    if (labels && part("masks").checked && objects() > 1) numbers(context, Masks.centres(labels, w));
    const J = pane < 0 ? "" : `J ${percent(score(pane, view.frame, "J"))}`;
    caption(figure.querySelector("figcaption"), pane, text ? J : "no mask in this frame");
    canvas.setAttribute(
      "aria-label",
      `${view.entry.name}, frame ${view.film.frames[view.frame]}, masks of ${nameOf(pane)} ${J}`,
    );
  }

  const objects = () =>
    Math.max(0, ...view.film.scores.map((scores) => Object.keys(scores).length));

  function numbers(context, centres) {
    context.font = `600 ${view.film.size[0] / 34}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = view.film.size[0] / 160;
    for (const { id, x, y } of centres) {
      context.strokeStyle = "rgba(0,0,0,.75)";
      context.strokeText(id, x, y);
      context.fillStyle = "#fff";
      context.fillText(id, x, y);
    }
  }

  function caption(box, pane, text) {
    const name = document.createElement("b"), value = document.createElement("span");
    name.textContent = nameOf(pane);
    value.textContent = text;
    box.replaceChildren(...(pane < 0 ? [] : [swatch(view.section.runs[pane])]), name, value);
  }

  async function show() {
    const frame = view.frame, { film } = view, total = film.frames.length;
    for (let next = frame; next <= Math.min(total - 1, frame + AHEAD); next++) picture(next);
    const image = await picture(frame);
    if (film !== view.film || frame !== view.frame) return;
    const text = film.truth[frame], [w, h] = film.size;
    const truth = text && Masks.decode(text, w * h);
    for (const figure of part("stage").children) paint(figure, image, truth);
    const said = `frame ${film.frames[frame]}, ${frame + 1} of ${total}`;
    part("slider").value = frame;
    part("slider").setAttribute("aria-valuetext", said);
    part("now").textContent = said + (truth ? "" : ", not annotated");
    const cursor = part("curve").querySelector(".cursor");
    cursor.setAttribute("x1", frame);
    cursor.setAttribute("x2", frame);
    readout();
    address();
  }

  function go(frame) {
    view.frame = Math.max(0, Math.min(view.film.frames.length - 1, frame));
    return show();
  }

  // Legend and curve ---------------------------------------------------------------------------

  function legend() {
    const rows = [-1, ...view.section.runs.keys()].map((pane) => {
      const row = document.createElement("tr");
      row.dataset.pane = pane;
      const [shown, name, ...values] = Array.from({ length: 6 }, () => document.createElement("td"));
      const box = document.createElement("input");
      box.type = "checkbox";
      box.checked = view.panes.includes(pane);
      box.setAttribute("aria-label", `show ${nameOf(pane)} beside the others`);
      box.addEventListener("change", () => toggle(pane));
      shown.append(box);
      const button = document.createElement("button");
      button.type = "button";
      button.title = pane < 9 ? `only this (key ${pane + 1})` : "only this";
      if (pane >= 0) button.append(swatch(view.section.runs[pane]));
      button.append(nameOf(pane));
      button.addEventListener("click", () => only(pane));
      name.append(button);
      values[0].dataset.score = "J";
      values[1].dataset.score = "F";
      if (pane >= 0) values[2].textContent = percent(view.entry.means[pane]);
      values[3].dataset.score = "objects";
      row.append(shown, name, ...values);
      return row;
    });
    part("legend").replaceChildren(...rows);
  }

  function readout() {
    for (const row of part("legend").children) {
      const pane = Number(row.dataset.pane);
      row.querySelector("input").checked = view.panes.includes(pane);
      if (pane < 0) continue;
      row.querySelector('[data-score="J"]').textContent = percent(score(pane, view.frame, "J"));
      row.querySelector('[data-score="F"]').textContent = percent(score(pane, view.frame, "F"));
      row.querySelector('[data-score="objects"]').textContent = byObject(pane, view.frame);
    }
    for (const path of part("curve").querySelectorAll("path"))
      path.classList.toggle("quiet", !view.panes.includes(Number(path.dataset.pane)));
  }

  function curve() {
    const last = Math.max(1, view.film.frames.length - 1), box = part("curve");
    box.setAttribute("viewBox", `0 -4 ${last} 108`);
    const lines = [0, 50, 100].map((y) => svg("line", { class: "grid", x1: 0, x2: last, y1: y, y2: y }));
    const paths = view.section.runs.map((run, pane) => {
      let d = "", pen = "M";
      view.film.frames.forEach((_, frame) => {
        const J = score(pane, frame, "J");
        if (J === null) pen = "M";
        else {
          d += `${pen}${frame} ${(100 - 100 * J).toFixed(2)}`;
          pen = "L";
        }
      });
      const path = svg("path", { d, stroke: run.colour, "stroke-dasharray": run.dash || "none" });
      path.dataset.pane = pane;
      return path;
    });
    box.replaceChildren(...lines, ...paths, svg("line", { class: "cursor", y1: -4, y2: 104 }));
    box.setAttribute("aria-label", `J over the frames of ${view.entry.name}, 0 to 100`);
  }

  function only(pane) {
    if (pane >= view.section.runs.length) return;
    change([pane]);
  }

  function toggle(pane) {
    const without = view.panes.filter((each) => each !== pane);
    if (without.length < view.panes.length) change(without.length ? without : view.panes);
    else change([...view.panes, pane].sort((a, b) => a - b));
  }

  function change(chosen) {
    view.panes = chosen;
    panes();
    show();
  }

  // Playing and keys ---------------------------------------------------------------------------

  function stop() {
    clearTimeout(view.timer);
    view.timer = 0;
    part("play").textContent = "Play";
    part("play").setAttribute("aria-pressed", "false");
  }

  async function tick() {
    const begun = performance.now();
    await go((view.frame + 1) % view.film.frames.length);
    if (!view.timer) return;
    const rest = 1000 / FRAMES_A_SECOND - (performance.now() - begun);
    view.timer = setTimeout(tick, Math.max(0, rest));
  }

  function play() {
    if (view.timer) {
      stop();
      address();
      return;
    }
    part("play").textContent = "Pause";
    part("play").setAttribute("aria-pressed", "true");
    view.timer = setTimeout(tick, 0);
  }

  const press = (name) => {
    part(name).checked = !part(name).checked;
    show();
  };
  const step = (by) => {
    stop();
    go(view.frame + by);
  };
  const all = () => [-1, ...view.section.runs.keys()];
  const keys = {
    ArrowLeft: (event) => step(event.shiftKey ? -10 : -1),
    ArrowRight: (event) => step(event.shiftKey ? 10 : 1),
    Home: () => step(-Infinity),
    End: () => step(Infinity),
    " ": play,
    m: () => press("masks"),
    e: () => press("errors"),
    t: () => press("outline"),
    c: () => press("safe"),
    s: () => change(view.panes.length === all().length ? [view.panes[view.panes.length - 1]] : all()),
    "[": () => neighbour(-1),
    "]": () => neighbour(1),
  };

  dialog.addEventListener("keydown", (event) => {
    if (!view.film || event.ctrlKey || event.metaKey || event.altKey) return;
    const onControl = /^(SELECT|BUTTON)$/.test(event.target.tagName) || event.target.type === "checkbox";
    if (onControl && /^( |Home|End)$/.test(event.key)) return;
    if (event.target.tagName === "SELECT") return;
    const act = /^[0-9]$/.test(event.key) ? () => only(Number(event.key) - 1) : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act(event);
  });

  function seek(event) {
    const box = part("curve").getBoundingClientRect();
    stop();
    go(Math.round(((event.clientX - box.left) / box.width) * (view.film.frames.length - 1)));
  }
  part("curve").addEventListener("pointerdown", (event) => {
    part("curve").setPointerCapture(event.pointerId);
    seek(event);
  });
  part("curve").addEventListener("pointermove", (event) => event.buttons && seek(event));
  part("slider").addEventListener("input", (event) => {
    stop();
    go(Number(event.target.value));
  });
  part("play").addEventListener("click", play);
  part("back").addEventListener("click", () => step(-1));
  part("forth").addEventListener("click", () => step(1));
  part("before").addEventListener("click", () => neighbour(-1));
  part("after").addEventListener("click", () => neighbour(1));
  part("close").addEventListener("click", () => dialog.close());
  part("sequence").addEventListener("change", (event) =>
    open(view.section, view.section.films[event.target.value], "").then(address),
  );
  for (const name of ["masks", "errors", "outline", "safe"])
    part(name).addEventListener("change", show);
  dialog.addEventListener("close", close);
  window.addEventListener("hashchange", follow);
  follow();
})();

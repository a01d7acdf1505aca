
// Drawings of the last hour, and lists of any length.

// scale returns a round number that is at least n.
function scale(n) {
  if (!(n > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((f) => f * power).find((x) => x >= n * 1.0001) ?? 10 * power;
}

// chart draws lines over time. series are {name, key, values}; key is a colour's number. With
// stacked they stand on each other. The arrow keys move along it.
function chart({ title, series, stacked, format, every, until, spans = 360, height = 190 }) {
  const box = h("div", {});
  const length = Math.max(...series.map((x) => x.values.length), 1);
  const offset = spans - length; // the time before the first reading stays empty
  let at = null;
  const legend = h("div", { class: "legend", "aria-live": "off" });
  const values = (i) => series.map((x) => x.values[i] ?? null);
  const tops = Array.from({ length }, (_, i) => {
    const now = values(i).filter((v) => v !== null);
    return stacked ? now.reduce((a, b) => a + b, 0) : Math.max(0, ...now);
  });
  const top = scale(Math.max(...tops, 0));
  const last = length - 1;

  function describe() {
    const i = at ?? last;
    legend.replaceChildren(...series.map((x) => h("span", {}, h("i", { class: "b" + x.key }), `${x.name} `,
      h("b", {}, format(x.values[i] ?? null)))));
  }
  function draw() {
    const width = Math.max(box.clientWidth, 240), left = 46, bottom = 24, right = 4;
    const x = (i) => left + ((i + offset) / (spans - 1)) * (width - left - right);
    const y = (v) => 8 + (1 - v / top) * (height - bottom - 8);
    const svg = s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, tabindex: "0", role: "img",
      "aria-label": `${title}, the last hour; arrow keys read it` });
    for (const part of [0, 0.5, 1]) {
      svg.append(s("line", { class: part ? "rule" : "rule base", x1: left, x2: width - right, y1: y(top * part), y2: y(top * part) }),
        s("text", { x: left - 8, y: y(top * part) + 4, "text-anchor": "end" }, format(top * part)));
    }
    for (const part of [0, 1 / 3, 2 / 3, 1]) {
      const i = part * (spans - 1) - offset;
      svg.append(s("text", { x: x(i), y: height - 8, "text-anchor": part === 0 ? "start" : part === 1 ? "end" : "middle" },
        clock(new Date(until) - (last - i) * every * 1000).slice(0, 5)));
    }
    const below = Array(length).fill(0);
    for (const one of series) {
      if (stacked) {
        const up = [], down = [];
        for (let i = 0; i < length; i++) {
          down.push(`${x(i).toFixed(1)} ${y(below[i]).toFixed(1)}`);
          below[i] += one.values[i] ?? 0;
          up.push(`${x(i).toFixed(1)} ${y(below[i]).toFixed(1)}`);
        }
        svg.append(s("path", { class: "area f" + one.key, d: `M${up.join("L")}L${down.reverse().join("L")}Z` }));
        continue;
      }
      let path = "", pen = "M";
      for (let i = 0; i < length; i++) {
        const v = one.values[i] ?? null;
        if (v === null) { pen = "M"; continue; }
        path += `${pen}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
        if (pen === "M") path += "l.01 0"; // one alone is a point
        pen = "L";
      }
      svg.append(s("path", { class: "line k" + one.key, d: path }));
    }
    const cursor = s("line", { class: "cursor", y1: 8, y2: height - bottom, visibility: "hidden" });
    const when = s("text", { y: 6, visibility: "hidden" });
    svg.append(cursor, when);
    const move = (i) => {
      at = i === null ? null : Math.min(last, Math.max(0, i));
      for (const node of [cursor, when]) node.setAttribute("visibility", at === null ? "hidden" : "visible");
      if (at !== null) {
        cursor.setAttribute("x1", x(at));
        cursor.setAttribute("x2", x(at));
        when.setAttribute("x", x(at));
        when.setAttribute("text-anchor", x(at) < width / 4 ? "start" : x(at) > width * 0.75 ? "end" : "middle");
        when.textContent = clock(new Date(until) - (last - at) * every * 1000);
      }
      describe();
    };
    svg.addEventListener("pointermove", (e) => {
      const part = (e.offsetX / svg.clientWidth * width - left) / (width - left - right);
      move(Math.round(part * (spans - 1)) - offset);
    });
    svg.addEventListener("pointerleave", () => move(null));
    svg.addEventListener("blur", () => move(null));
    svg.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30 }[e.key];
      if (step) { e.preventDefault(); move((at ?? last) + step); }
    });
    box.replaceChildren(svg);
  }
  let seen = 0;
  new ResizeObserver(() => { if (box.clientWidth !== seen) { seen = box.clientWidth; draw(); } }).observe(box);
  describe();
  return h("div", {}, box, legend);
}

// spark is a small drawing without words.
function spark(values, key, name) {
  const top = Math.max(...values.map((v) => v ?? 0), 0) || 1;
  const points = values.map((v, i) => (v === null ? null : `${(i / Math.max(values.length - 1, 1) * 118 + 1).toFixed(1)} ${(26 - v / top * 24).toFixed(1)}`));
  return s("svg", { class: "chart spark", viewBox: "0 0 120 28", role: "img", "aria-label": name },
    s("path", { class: "line k" + key, d: points.filter(Boolean).length ? "M" + points.filter(Boolean).join("L") : "" }));
}

// virtual shows a list of any length: rows are made and asked for where it is looked at. page
// asks for rows from an offset, and returns {rows, total}.
function virtual({ label, header, page, row, size = 200 }) {
  const space = h("div", { class: "space", role: "rowgroup" });
  const view = h("div", { class: "virtual", tabindex: "0", role: "table", "aria-label": label }, space);
  const pages = new Map();
  let total = 0, drawn = new Map(), stopped = new AbortController(), waiting = false;
  const high = () => parseFloat(getComputedStyle(view).getPropertyValue("--row")) || 36;
  const most = 30e6; // browsers draw nothing taller

  async function load(n) {
    if (pages.has(n)) return;
    pages.set(n, null);
    const { signal } = stopped;
    try {
      const { rows, total: all } = await page(n * size, size, signal);
      signal.throwIfAborted(); // it came, and then something else was asked for
      pages.set(n, rows);
      total = all;
      space.replaceChildren();
      drawn = new Map();
      draw();
    } catch (error) {
      if (error.name === "AbortError") return;
      pages.delete(n);
      space.replaceChildren(missing(error, label));
    }
  }
  function draw() {
    waiting = false;
    const each = high(), first = Math.max(0, Math.floor(view.scrollTop / each) - 8);
    const end = Math.min(total, first + Math.ceil(view.clientHeight / each) + 16);
    space.style.height = Math.min(most, total * each) + "px";
    view.setAttribute("aria-rowcount", total);
    if (total === 0 && pages.get(0)) { space.replaceChildren(empty("Nothing to show", "No record is what is asked for.")); return; }
    for (const [i, node] of drawn) if (i < first || i >= end) { node.remove(); drawn.delete(i); }
    for (let i = first; i < end; i++) {
      if (drawn.has(i)) continue;
      const rows = pages.get(Math.floor(i / size));
      if (!rows) { load(Math.floor(i / size)); continue; }
      const r = rows[i % size];
      if (r === undefined) continue;
      const node = row(r, i);
      node.classList.add("vrow");
      node.setAttribute("role", "row");
      node.setAttribute("aria-rowindex", i + 1);
      node.style.top = i * each + "px";
      drawn.set(i, node);
      space.append(node);
    }
  }
  view.addEventListener("scroll", () => { if (!waiting) { waiting = true; requestAnimationFrame(draw); } });
  view.addEventListener("keydown", (e) => {
    if (e.target !== view) return;
    const to = { Home: 0, End: total * high() }[e.key];
    if (to !== undefined) { e.preventDefault(); view.scrollTop = to; }
  });
  new ResizeObserver(() => { drawn.forEach((node) => node.remove()); drawn = new Map(); draw(); }).observe(view);
  load(0);
  return {
    node: [header ? h("div", { class: "vhead", "aria-hidden": "true" }, header) : null, view],
    again() {
      stopped.abort();
      stopped = new AbortController();
      pages.clear();
      space.replaceChildren();
      drawn = new Map();
      view.scrollTop = 0;
      load(0);
    },
  };
}


// What all pages are made of. Text of the server becomes text nodes, never markup.
const $ = (id) => document.getElementById(id);
const svgNS = "http://www.w3.org/2000/svg";
// The pages by the first word of the fragment.
const pages = {};

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}
const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => fill(document.createElementNS(svgNS, tag), attributes, children);

// A path that the server doesn't have, or has nothing for.
class Missing extends Error {}

// get asks a path; parameters that are empty are left out.
async function get(path, parameters = {}, signal) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, v]) => v !== "" && v !== undefined && v !== null));
  const response = await fetch(path + (query.size ? "?" + query : ""), { signal, headers: { Accept: "application/json" } });
  const text = await response.text();
  if (response.ok || path === "/readyz") {
    return { data: JSON.parse(text), total: Number(response.headers.get("X-Total-Count") ?? NaN) };
  }
  const said = text.trim().split("\n")[0];
  if (response.status === 404 || response.status === 501) {
    throw new Missing(said === "404 page not found" ? "" : said);
  }
  throw new Error(said || `${response.status} ${response.statusText}`);
}

// Where a value isn't known, it is said so.
const unknown = "not known";
const count = new Intl.NumberFormat("en");
const number = (n) => (n === null || n === undefined ? "–" : count.format(n));
function rate(n) {
  if (n === null || n === undefined) return "–";
  return n >= 100 ? count.format(Math.round(n)) : n >= 10 || n < 0.05 ? n.toFixed(0) : n.toFixed(1);
}
function span(seconds) {
  if (seconds === null || seconds === undefined || !isFinite(seconds)) return unknown;
  if (seconds < 1) return "0 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}
// since is a span that is over.
const since = (seconds) => (seconds < 1 ? "just now" : span(seconds) + (isFinite(seconds ?? NaN) ? " ago" : ""));
function took(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds === 0) return "0";
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  return `${seconds.toFixed(1)} s`;
}
const percent = (n) => (n === null || n === undefined ? "–" : `${(100 * n).toFixed(n > 0.995 || n < 0.0995 ? 1 : 0)} %`);
const clock = (t) => new Date(t).toLocaleTimeString("en-GB");
function moment(t) {
  const date = new Date(t);
  const day = date.toDateString() === new Date().toDateString() ? "" : date.toLocaleDateString("en-CA") + " ";
  return day + date.toLocaleTimeString("en-GB");
}
const ago = (t) => since((Date.now() - new Date(t)) / 1000);

// Links carry the whole state of a page in the fragment.
function link(page, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, v]) => v !== "" && v !== undefined && v !== null));
  return "#/" + page + (query.size ? "?" + query : "");
}
const explainLink = (name, type, client) => link("explain", { name, type: type === "A" ? "" : type, client });

// Parts that several pages have.
const tag = (text, kind = "") => h("span", { class: "tag " + kind }, text);
const dot = (kind) => h("span", { class: "dot " + kind, "aria-hidden": "true" });
const empty = (title, text) => h("div", { class: "empty" }, h("strong", {}, title), text);
const panel = (title, aside, ...body) =>
  h("section", { class: "panel", "aria-label": title }, title ? h("header", {}, h("h2", {}, title), aside) : null, body);
const body = (...children) => h("div", { class: "body" }, children);
function head(title, text, ...tools) {
  return h("div", { class: "head" }, h("div", {}, h("h1", {}, title), text ? h("p", {}, text) : null),
    tools.length ? h("div", { class: "tools" }, tools) : null);
}
const facts = (list) => h("dl", { class: "facts" }, list.filter(([, v]) => v !== null && v !== undefined && v !== "")
  .map(([k, v]) => h("div", {}, h("dt", {}, k), h("dd", {}, v))));

// table draws rows; a column is [title, class, cell].
function table(columns, rows, rowClass = () => undefined) {
  return h("div", { class: "scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, columns.map(([title, cls]) => h("th", { class: cls, scope: "col" }, title)))),
    h("tbody", {}, rows.map((r) => h("tr", { class: rowClass(r) }, columns.map(([, cls, cell]) => h("td", { class: cls }, cell(r))))))));
}

// missing is what stands in place of what the server doesn't have.
function missing(error, what) {
  if (error instanceof Missing) {
    return error.message ? empty("Nothing here", error.message) : empty("Not available on this server", `It has no ${what}.`);
  }
  return h("div", { class: "body" }, h("div", { class: "note bad", role: "alert" }, `${what}: ${error.message}`));
}

function copyable(text, name = "Copy the command") {
  const button = h("button", { class: "button", type: "button", "aria-label": name }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.previousSibling);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return h("div", { class: "copy" }, h("code", { tabindex: "0" }, text), button);
}

// plain is a value of the past for people: what isn't a record is JSON there.
function plain(value) {
  if (!/^[{[]/.test(value)) return value;
  try {
    const words = (v) => (Array.isArray(v) ? v.map(words).join(" ") : v && typeof v === "object" ? Object.values(v).map(words).join(" ") : v ?? "");
    return Object.entries(JSON.parse(value)).filter(([, v]) => words(v) !== "").map(([k, v]) => `${k} ${words(v)}`).join(", ");
  } catch {
    return value;
  }
}

// owner shows a name with its zone in the background.
function owner(name, apex) {
  if (!apex || name === apex || !name.endsWith("." + apex)) return name;
  return [name.slice(0, -apex.length - 1), h("span", { class: "muted" }, "." + apex)];
}

// A name for a shell, and as the commands zone and record read it: AWS's escapes are octal.
const quoted = (text) => (/^[\w.@:/+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const octal = (name) => name.replace(/\\(\d{3})/g, (_, n) => "\\" + Number(n).toString(8).padStart(3, "0"));

function field(label, control) { return h("label", { class: "field" }, h("span", {}, label), control); }
function choice(name, values, value, change) {
  return h("select", { name, onchange: (e) => change(e.target.value) },
    values.map(([v, text]) => h("option", { value: v, selected: v === value }, text ?? v)));
}
// typed calls change a moment after the last key.
function typed(attributes, change) {
  let timer;
  return h("input", { type: "text", spellcheck: "false", autocapitalize: "off", ...attributes,
    oninput: (e) => { clearTimeout(timer); timer = setTimeout(() => change(e.target.value.trim()), 200); } });
}

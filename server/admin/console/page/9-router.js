
// Which page is shown stands in the fragment: #/page?parameters.
const places = [
  ["", [["overview", "Overview"], ["explain", "Explain"]]],
  ["Data", [["zones", "Zones"], ["split", "Split horizon"], ["views", "Views"], ["changes", "Changes"], ["report", "Report"], ["parts", "Parts"]]],
  ["Traffic", [["live", "Live"], ["top", "Top"], ["upstreams", "Upstreams"]]],
  ["Servers", [["health", "Health"], ["fleet", "Fleet"]]],
];
const nearby = { zone: "zones" };
let current = null;

// Page is one showing of a page: what it asks ends with it.
class Page {
  constructor(main) {
    this.main = main;
    this.stopped = new AbortController();
    this.signal = this.stopped.signal;
    this.timers = [];
  }
  put(...nodes) { if (!this.signal.aborted) this.main.replaceChildren(...nodes.flat(Infinity)); }
  add(...nodes) { if (!this.signal.aborted) this.main.append(...nodes.flat(Infinity)); }
  ready() { if (!this.signal.aborted) document.documentElement.dataset.page = this.name; }
  timer(pause, work) { this.timers.push(setInterval(work, pause)); }
  // every does work now and again and again, never twice at a time, and not while nobody looks.
  async every(pause, work) {
    let busy = false;
    this.timer(pause, async () => {
      if (busy || document.hidden) return;
      busy = true;
      await work().finally(() => { busy = false; });
    });
    await work();
  }
  // into shows in a node what draw returns, or why there is nothing; undefined leaves it.
  async into(node, what, draw) {
    try {
      const drawn = await draw();
      if (drawn !== null && drawn !== undefined && !this.signal.aborted) node.replaceChildren(...[drawn].flat(Infinity));
    } catch (error) {
      if (error.name !== "AbortError") node.replaceChildren(missing(error, what));
    }
  }
  // replace puts what draw returns in place of a panel.
  async replace(node, what, draw) {
    try {
      node.replaceWith(await draw());
    } catch (error) {
      if (error.name !== "AbortError") node.replaceChildren(missing(error, what));
    }
  }
  end() {
    this.stopped.abort();
    this.timers.forEach(clearInterval);
  }
}

function go(fragment) {
  if (location.hash === fragment) show();
  else location.hash = fragment;
}
// keep writes parameters into the fragment without leaving the page.
const keep = (page, parameters) => history.replaceState(null, "", link(page, parameters));

async function show() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const name = path || "overview", parameters = Object.fromEntries(new URLSearchParams(query ?? ""));
  const place = Object.hasOwn(pages, name) ? pages[name] : null;
  current?.end();
  delete document.documentElement.dataset.page;
  const main = $("main");
  const page = current = new Page(main);
  page.name = name;
  document.title = `${place?.title ?? "Not here"} · inside53`;
  main.className = "fresh" + (place?.wide ? " wide" : "");
  for (const a of document.querySelectorAll("nav#nav a")) {
    if (a.dataset.page === (nearby[name] ?? name)) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  open(false);
  if (!place) {
    page.put(head("No such page", `There is no page “${name}”.`));
    page.ready();
    return;
  }
  scrollTo(0, 0);
  try {
    await place.show(page, parameters);
  } catch (error) {
    if (error.name !== "AbortError") page.put(head(place.title), panel("", null, missing(error, place.title)));
  }
  page.ready();
}

function open(is) {
  $("side").classList.toggle("open", is);
  $("menu").setAttribute("aria-expanded", is);
}

// watch keeps the state of the server at the top, whatever page is shown.
async function watch() {
  const state = $("state");
  try {
    const { data: r } = await get("/readyz");
    const kind = !r.ready ? "bad" : r.degraded.length ? "warn" : "good";
    const text = !r.ready ? "Not ready: " + r.reasons[0] : r.degraded.length ? "Degraded: " + r.degraded.join(", ") : "Ready";
    if (state.textContent.trim() !== text) state.replaceChildren(dot(kind), text);
    state.title = [...r.reasons, ...r.degraded].join("; ");
    const { data } = await get("/report");
    const mark = $("nav").querySelector("a[data-page=report] .count");
    mark.textContent = data.length ? number(data.length) : "";
  } catch {
    state.replaceChildren(dot("bad"), "No answer from the server");
  }
}
async function describeServer() {
  try {
    const { data } = await get("/status");
    $("about").replaceChildren(...[data.version, data.started ? `up for ${span((Date.now() - new Date(data.started)) / 1000)}` : null].filter(Boolean).map((x) => h("div", {}, x)));
  } catch {
    $("about").replaceChildren(location.host);
  }
}

const keys = { o: "overview", e: "explain", z: "zones", s: "split", v: "views", c: "changes", r: "report", p: "parts", l: "live", t: "top", u: "upstreams", h: "health", f: "fleet" };
function help() {
  const close = () => { dialog.close(); dialog.remove(); };
  const dialog = h("dialog", { "aria-label": "Keys", oncancel: () => dialog.remove() }, h("h2", {}, "Keys"),
    h("ul", { class: "list" }, [["/", "explain a name"], ["?", "these keys"], ...Object.entries(keys).map(([k, p]) => ["g " + k, pages[p].title])]
      .map(([k, text]) => h("li", {}, h("kbd", {}, k), " ", text))),
    h("button", { class: "button", type: "button", onclick: close }, "Close"));
  document.body.append(dialog);
  dialog.showModal();
}

let led = false; // by g
document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea, dialog")) return;
  if (led && keys[e.key]) { e.preventDefault(); go(link(keys[e.key])); }
  led = e.key === "g";
  if (e.key === "/") { e.preventDefault(); $("ask-name").select(); }
  if (e.key === "?") help();
});

$("nav").append(...places.map(([title, links]) => [title ? h("h2", {}, title) : null, h("ul", {}, links.map(([page, text]) =>
  h("li", {}, h("a", { href: link(page), "data-page": page }, text, h("span", { class: "count" })))))]).flat().filter(Boolean));
$("menu").addEventListener("click", () => open(!$("side").classList.contains("open")));
$("ask").addEventListener("submit", (e) => {
  e.preventDefault();
  const [name, type] = $("ask-name").value.trim().split(/\s+/);
  if (!name) return;
  const back = reverse(name);
  go(back && !type ? explainLink(back, "PTR") : explainLink(name, type));
  $("main").focus();
});
$("skip").addEventListener("click", (e) => { e.preventDefault(); $("main").focus(); });
addEventListener("hashchange", show);
setInterval(() => { if (!document.hidden) watch(); }, 10_000);
setInterval(() => { if (!document.hidden) describeServer(); }, 60_000);
watch();
describeServer();
show();

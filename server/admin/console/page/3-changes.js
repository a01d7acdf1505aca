
// restore is the command that puts back what a change did away with; "" where there is none.
function restore(c) {
  const id = /\/zone\/(Z[A-Z0-9]+)$/.exec(c.part)?.[1];
  if (!id || !/^[A-Z0-9]+$/.test(c.type) || c.type === "SOA") return "";
  const before = new Date(new Date(c.at) - 1000).toISOString().replace(/\.\d+Z$/, "Z");
  return `inside53 record restore ${id} ${quoted(octal(c.name))} ${c.type} --at ${before} --config /etc/inside53/inside53.yaml --dry-run`;
}

function changeNode(c) {
  const ttl = (values, own, other) => (own && other && own !== other ? [...values, `; TTL ${own}`] : values);
  const minus = ttl(c.before, c.before_ttl, c.after_ttl).filter((v) => !c.after.includes(v));
  const plus = ttl(c.after, c.after_ttl, c.before_ttl).filter((v) => !c.before.includes(v));
  const back = restore(c);
  const kind = !c.before.length ? tag("new", "good") : !c.after.length ? tag("gone", "bad") : tag("changed", "accent");
  return h("article", { class: "change" }, h("div", {}, kind,
    h("a", { class: "name", href: explainLink(c.name, c.type) }, c.name), h("span", { class: "type" }, c.type), c.set ? h("span", { class: "muted" }, c.set) : null,
    h("time", { datetime: c.at, title: c.at }, `${moment(c.at)} · ${ago(c.at)}`)),
  h("div", { class: "diff" }, minus.map((v) => h("div", { class: "minus" }, "− " + plain(v))), plus.map((v) => h("div", { class: "plus" }, "+ " + plain(v)))),
  h("div", { class: "by" }, `version ${c.version} · ${c.cause}, by ${c.actor}`, c.zone && c.zone !== c.name ? ` · in ${c.zone}` : ""),
  back ? h("details", {}, h("summary", {}, "Put it back"), copyable(back)) : null);
}

// changeList shows changes as they come.
function changeList(page, query) {
  const list = h("div", { "aria-live": "polite" });
  const seen = new Set();
  page.every(5000, () => page.into(list, "history", async () => {
    const { data } = await get("/history", { ...query, limit: 200 });
    if (!data.length) return empty("Nothing has changed", "Of what is asked for, in what is kept of the past.");
    const key = (c) => [c.version, c.part, c.name, c.type, c.set].join(" ");
    if (seen.size && data.every((c) => seen.has(key(c)))) return undefined; // nothing is new: what is open stays open
    const open = new Set([...list.querySelectorAll("details[open]")].map((d) => d.dataset.key));
    const nodes = data.map((c) => {
      const node = changeNode(c), details = node.querySelector("details");
      if (details) { details.dataset.key = key(c); details.open = open.has(key(c)); }
      seen.add(key(c));
      return node;
    });
    return nodes;
  }));
  return panel("", null, list);
}

pages.changes = {
  title: "Changes",
  async show(page, { name = "", zone = "", since = "" }) {
    const form = h("form", { class: "tools", onsubmit: (e) => {
      e.preventDefault();
      go(link("changes", Object.fromEntries([...new FormData(e.target)].map(([k, v]) => [k, v.trim()]))));
    } }, field("Name", h("input", { name: "name", value: name, size: "18" })), field("Zone", h("input", { name: "zone", value: zone, size: "14" })),
    field("Since", h("input", { name: "since", value: since, placeholder: "2h, 3d, a date", size: "10" })), h("button", { class: "button", type: "submit" }, "Show"));
    page.put(head("Changes", "What has changed, from what to what, and by whom; as it comes.", form));
    page.add(changeList(page, { name, zone, since }));
  },
};

pages.report = {
  title: "Report",
  async show(page, { q = "" }) {
    const list = h("div", {});
    let all = [], wanted = q;
    const show = () => {
      const found = all.filter((p) => [p.zone, p.name, p.type, p.reason].join(" ").toLowerCase().includes(wanted.toLowerCase()));
      list.replaceChildren(!all.length ? empty("Nothing needs a look", "All that was read can be served.") : !found.length ? empty("Nothing of that", "The filter is by every column.")
        : table([["Name", "wrap", (p) => (p.name ? h("a", { class: "row", href: explainLink(p.name, p.type) }, p.name) : h("span", { class: "muted" }, "–"))],
          ["Type", "type", (p) => p.type ?? ""], ["Zone", "optional", (p) => p.zone], ["Why", "wrap", (p) => p.reason]], found.slice(0, 500)),
      found.length > 500 ? h("p", { class: "body muted" }, `The first 500 of ${number(found.length)}.`) : "");
    };
    page.put(head("Report", "Everything in the data that needs a look: records, names of instances, views, the log.",
      field("Filter", typed({ value: q, name: "filter" }, (text) => { wanted = text; keep("report", { q: text }); show(); }))), panel("", null, list));
    await page.every(30_000, () => page.into(list, "report", async () => { all = (await get("/report")).data; show(); return null; }));
  },
};

pages.parts = {
  title: "Parts",
  async show(page, { q = "" }) {
    const list = h("div", {});
    let all = [], wanted = q;
    const show = () => {
      const found = all.filter((p) => [p.key, p.source, p.zone, p.error].join(" ").toLowerCase().includes(wanted.toLowerCase()));
      const state = (p) => (p.shrunk ? ["warn", "held back"] : p.error ? ["bad", "failed"] : p.age_seconds === null ? ["warn", "not read yet"] : ["good", "fine"]);
      list.replaceChildren(table([
        ["Part", "part", (p) => [h("div", { class: "wrap" }, h("b", {}, p.zone || p.key)), p.zone ? h("div", { class: "muted mono wrap" }, p.key) : null]],
        ["Source", "optional", (p) => tag(p.source)], ["State", "", (p) => h("span", { class: "nowrap " + state(p)[0] }, dot(state(p)[0]), " ", state(p)[1])],
        ["Age", "num", (p) => span(p.age_seconds)], ["Next", "num optional", (p) => (p.next_seconds === null || p.next_seconds === undefined ? "–" : p.next_seconds < 1 ? "now" : "in " + span(p.next_seconds))],
        ["What is the matter", "wrap", (p) => [p.error ? h("div", { class: "bad" }, p.error) : null,
          p.shrunk ? h("div", { class: "warn" }, p.shrunk.now ? `from ${number(p.shrunk.before)} to ${number(p.shrunk.now)}: without ` : `not listed any more, with its ${number(p.shrunk.before)} records `, (p.shrunk.names ?? []).slice(0, 12).join(", ")) : null,
          p.shrunk ? command("accept", p.key.replace(/^\S+ (zone)?\/?/, "")) : null,
          p.primary ? h("div", { class: "muted" }, `from ${p.primary}, serial ${p.serial}, heard ${since(p.contact_seconds)}, expires in ${span(p.expire_seconds)}`) : null]]], found));
    };
    page.put(head("Parts", "Everything that is read by itself: catalogs, zones, regions, health. Its age, its next reading, what is held back.",
      field("Filter", typed({ value: q, name: "filter" }, (text) => { wanted = text; keep("parts", { q: text }); show(); }))), panel("", null, list));
    await page.every(10_000, () => page.into(list, "list of parts", async () => {
      all = (await get("/parts")).data;
      show();
      return null;
    }));
  },
};

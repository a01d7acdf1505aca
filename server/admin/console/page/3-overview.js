
const groups = [
  ["own data", 1, ["local", "nodata", "nxdomain", "referral"]], ["cached", 2, ["cached", "stale"]],
  ["forwarded", 3, ["forwarded"]], ["refused", 4, ["refused", "formerr", "notimp", "badvers", "dropped"]], ["failed", 5, ["servfail"]],
];

// sum adds lists, where one of them is known.
function sum(lists) {
  return (lists[0] ?? []).map((_, i) => lists.reduce((total, list) => (list[i] === null ? total : (total ?? 0) + list[i]), null));
}
// latest is the mean of the last minute.
function latest(values) {
  const known = values.slice(-6).filter((v) => v !== null);
  return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
}
const tile = (name, value, unit, more) => h("div", { class: "panel tile" }, h("div", { class: "name" }, name),
  h("div", { class: "value" }, value, unit ? h("small", {}, unit) : null), h("div", { class: "more" }, more));

function byGroup(trend) {
  const of = new Map(trend.results.map((r) => [r.name, r.values]));
  return groups.map(([name, key, results]) => ({ name, key, values: sum(results.map((r) => of.get(r) ?? [])) }));
}

pages.overview = {
  title: "Overview",
  async show(page) {
    const top = h("div", {}), drawings = h("div", { class: "grid" });
    const report = h("div", {}), recent = h("div", {}), sources = h("div", {}), forward = h("div", {});
    page.put(head("Overview", "What this server does, and what needs a look."), top, drawings,
      h("div", { class: "grid" }, panel("Needs a look", h("a", { href: link("report") }, "All of it"), report),
        panel("Changed last", h("a", { href: link("changes") }, "All changes"), recent)),
      h("div", { class: "grid" }, panel("Sources", h("a", { href: link("parts") }, "All parts"), sources),
        panel("Upstreams", h("a", { href: link("upstreams") }, "More"), forward)));
    await page.every(10_000, async () => {
      await Promise.all([
        page.into(top, "trend of the last hour", async () => {
          const { data: t } = await get("/trend");
          const parts = byGroup(t), all = sum(parts.map((p) => p.values)), failed = parts[4].values;
          drawings.replaceChildren(
            panel("Queries a second", h("p", {}, "the last hour"), body(chart({ title: "Queries a second", series: parts, stacked: true,
              format: rate, every: t.every_seconds, until: t.until }))),
            panel("Time to the answer", h("p", {}, "the last hour"), body(chart({ title: "Time to the answer", format: took, every: t.every_seconds,
              until: t.until, series: [{ name: "99 of 100", key: 4, values: t.p99_seconds }, { name: "half", key: 1, values: t.p50_seconds }] }))));
          return h("div", { class: "tiles" },
            tile("Queries", rate(latest(all)), "a second", `most in the hour: ${rate(Math.max(0, ...all.map((v) => v ?? 0)))}`),
            tile("Cache", percent(latest(t.hit_ratio)), "hits", "of names from outside"),
            tile("99 of 100 answers", took(latest(t.p99_seconds)), "at most", `half of them ${took(latest(t.p50_seconds))}`),
            tile("Failed", rate(latest(failed)), "a second", "answers with SERVFAIL"));
        }),
        page.into(report, "report", async () => {
          const { data } = await get("/report");
          if (!data.length) return empty("Nothing needs a look", "All that was read can be served.");
          return h("ul", { class: "list" }, data.slice(0, 6).map((p) => h("li", {}, h("div", { class: "wrap" },
            h("b", {}, p.name || p.zone || "this server"), " ", p.type ? h("span", { class: "type" }, p.type) : null),
          h("div", { class: "muted wrap" }, p.reason))));
        }),
        page.into(recent, "history", async () => {
          const { data } = await get("/history", { limit: 6 });
          if (!data.length) return empty("Nothing yet", "The past begins with the first change.");
          return h("ul", { class: "list" }, data.map((c) => h("li", {},
            h("a", { class: "row wrap", href: link("changes", { name: c.name }) }, c.name), " ", h("span", { class: "type" }, c.type),
            h("div", { class: "muted wrap" }, `${c.before.map(plain).join(", ") || "new"} → ${c.after.map(plain).join(", ") || "gone"} · ${ago(c.at)}, ${c.actor}`))));
        }),
        page.into(sources, "readiness", async () => {
          const { data: r } = await get("/readyz");
          const rows = Object.entries(r.sources ?? {});
          return table([["Source", "", ([name, v]) => [dot(v.error ? "bad" : v.age_seconds === null ? "warn" : "good"), " ", name]],
            ["Oldest part", "num", ([, v]) => (since(v.age_seconds))],
            ["Error", "wrap", ([, v]) => (v.error ? h("span", { class: "bad" }, v.error) : h("span", { class: "muted" }, "none"))]], rows);
        }),
        page.into(forward, "upstreams", async () => upstreamTable(await upstreams())),
      ]);
    });
  },
};

// upstreams joins what /status and /trend say of them.
async function upstreams() {
  const [trend, status] = await Promise.all([get("/trend"), get("/status").catch(() => null)]);
  const said = new Map((status?.data.upstreams ?? []).map((u) => [u.name, u]));
  const all = new Map(trend.data.upstreams.map((u) => [u.name, u]));
  for (const name of said.keys()) if (!all.has(name)) all.set(name, { name, queries: [], failed: [], p99_seconds: [] });
  return [...all.values()].map((u) => ({ ...u, said: said.get(u.name), every: trend.data.every_seconds, until: trend.data.until }));
}
function upstreamTable(all) {
  if (!all.length) return empty("No upstreams", "forward names none: what is in no zone is refused.");
  const state = (u) => (u.said ? (u.said.up ? "good" : "bad") : latest(u.failed) > 0 ? "warn" : "good");
  return table([
    ["Upstream", "mono nowrap", (u) => [dot(state(u)), " ", u.name]],
    ["Queries a second", "num", (u) => rate(latest(u.queries))], ["Failed", "num", (u) => rate(latest(u.failed))],
    ["99 of 100", "num optional", (u) => took(latest(u.p99_seconds))],
    ["Last hour", "num optional", (u) => spark(u.queries, 1, `queries to ${u.name} in the last hour`)]], all);
}

pages.upstreams = {
  title: "Upstreams",
  async show(page) {
    const list = h("div", {}), drawings = h("div", { class: "grid" });
    page.put(head("Upstreams", "Where names go that no zone holds, and how fast the answers are."), panel("", null, list), drawings);
    await page.every(10_000, () => page.into(list, "upstreams", async () => {
      const all = await upstreams();
      drawings.replaceChildren(...all.slice(0, 8).map((u) => panel(u.name, h("p", {}, u.said ? `${u.said.up ? "up" : "down"} ${u.said.since ? "since " + moment(u.said.since) : ""}` : "the last hour"),
        body(chart({ title: "Queries to " + u.name, every: u.every, until: u.until, format: rate, height: 150,
          series: [{ name: "queries a second", key: 1, values: u.queries }, { name: "failed", key: 5, values: u.failed }] })))));
      return upstreamTable(all);
    }));
  },
};

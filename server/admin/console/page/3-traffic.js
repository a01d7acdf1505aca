
const rcodes = ["NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED", "FORMERR", "NOTIMP"];

pages.live = {
  title: "Live",
  async show(page, { client = "", name = "", rcode = "", slow = "" }) {
    const form = h("form", { class: "tools", onsubmit: (e) => {
      e.preventDefault();
      go(link("live", Object.fromEntries([...new FormData(e.target)].map(([k, v]) => [k, v.trim()]))));
    } }, field("Client", h("input", { name: "client", value: client, placeholder: "10.0.0.0/8", size: "12" })),
    field("Name", h("input", { name: "name", value: name, placeholder: "and below", size: "16" })),
    field("Code", h("select", { name: "rcode" }, [["", "all"], ...rcodes.map((r) => [r])].map(([v, t]) => h("option", { value: v, selected: v === rcode }, t ?? v)))),
    field("Slower than", h("input", { name: "slow", value: slow, placeholder: "100ms", size: "7" })), h("button", { class: "button", type: "submit" }, "Filter"));
    const pause = h("button", { class: "button", type: "button", "aria-pressed": "false" }, "Pause");
    const rows = h("tbody", {}), said = h("p", { role: "status" }, "connecting …");
    let paused = false, seen = 0, lost = 0;
    pause.addEventListener("click", () => { paused = !paused; pause.textContent = paused ? "Go on" : "Pause"; pause.setAttribute("aria-pressed", paused); });
    page.put(head("Live", "Queries as they are answered, the newest first.", form, pause));
    const columns = ["At", "Client", "View", "Name", "Type", "Code", "From", "Took"];
    const frame = h("div", {}, h("div", { class: "scroll" }, h("table", { class: "tail" }, h("thead", {}, h("tr", {}, columns.map((c) => h("th", { scope: "col", class: c === "Took" ? "num" : "" }, c)))), rows)));
    page.add(panel("Queries", said, frame));
    const waiting = [];
    const row = (q) => h("tr", {}, [clock(q.at), q.client, q.view, h("a", { class: "row", href: explainLink(q.name, q.type, q.client.split(":").length === 2 ? q.client.split(":")[0] : q.client) }, q.name), q.type,
      h("span", { class: q.rcode === "NOERROR" ? "" : q.rcode === "NXDOMAIN" ? "warn" : "bad" }, q.rcode), q.upstream || q.result, took(q.seconds)].map((c, i) => h("td", { class: i === 3 ? "wrap" : i === 7 ? "num" : "nowrap" }, c)));
    page.timer(400, () => {
      if (paused || !waiting.length) return;
      rows.prepend(...waiting.splice(0).reverse().slice(0, 300).map(row));
      while (rows.childElementCount > 300) rows.lastElementChild.remove();
      said.textContent = `${number(seen)} seen${lost ? `, ${number(lost)} lost on the way` : ""}`;
    });
    try {
      const query = new URLSearchParams(Object.entries({ client, name, rcode, slow }).filter(([, v]) => v));
      const response = await fetch("/tail?" + query, { signal: page.signal });
      if (!response.ok) throw response.status === 404 ? new Missing("") : new Error((await response.text()).trim());
      said.textContent = "waiting for queries";
      page.ready();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ""; ;) {
        const { value, done } = await reader.read();
        if (done) break;
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        for (const text of lines.filter(Boolean)) {
          const q = JSON.parse(text);
          if (q.lost) { lost += q.lost; continue; }
          seen++;
          waiting.push(q);
          if (waiting.length > 2000) waiting.splice(0, 1000);
        }
      }
      said.textContent = "the server has ended it";
    } catch (error) {
      if (error.name === "AbortError") return;
      said.textContent = "";
      frame.replaceChildren(missing(error, "live queries"));
    }
  },
};

const tops = { name: "Names", client: "Clients", nxdomain: "No such name", servfail: "Failures", slow: "Slow" };

pages.top = {
  title: "Top",
  async show(page, { by = "name" }) {
    const list = h("div", {}), said = h("p", {});
    page.put(head("Top", "Who and what is asked most."),
      h("nav", { class: "tabs", "aria-label": "Top by" }, Object.entries(tops).map(([key, text]) => h("a", { href: link("top", { by: key }), "aria-current": key === by ? "page" : null }, text))),
      panel(tops[by], said, list));
    await page.every(5000, () => page.into(list, "list of what is asked most", async () => {
      const { data } = await get("/top", { by, limit: 100 });
      said.textContent = `since ${moment(data.since)}${data.sampled > 1 ? `, of one query in ${number(data.sampled)}` : ""}`;
      if (!data.rows.length) return empty("Nothing yet", "It fills with the first queries.");
      const most = Math.max(...data.rows.map((r) => r.count));
      return table([[tops[by], "wrap", (r) => (by === "client" ? h("span", { class: "mono" }, r.key) : h("a", { class: "row", href: explainLink(...r.key.split(" ")) }, r.key))],
        ["Count", "num", (r) => number(r.count)], ["A second", "num", (r) => rate(r.per_second)],
        ["", "optional", (r) => s("svg", { class: "chart spark", viewBox: "0 0 120 8", "aria-hidden": "true" }, s("rect", { class: "f1", width: Math.max(1, 120 * r.count / most), height: 6, rx: 3 }))]], data.rows);
    }));
  },
};

pages.health = {
  title: "Health",
  async show(page, { failing = "" }) {
    const list = h("div", {}), past = h("div", {});
    page.put(head("Health", "What the routing policies go by, and what became of it in the last hour.",
      h("label", { class: "field" }, h("input", { type: "checkbox", checked: Boolean(failing), onchange: (e) => go(link("health", { failing: e.target.checked ? "true" : "" })) }), "Failing only")),
    panel("Checks", null, list), panel("The last hour", null, past));
    await page.every(5000, async () => {
      let flips = [], until = Date.now();
      await page.into(past, "trend of the last hour", async () => {
        const { data } = await get("/trend");
        flips = data.health;
        until = Date.now();
        if (!flips.length) return empty("Nothing has changed", "Since the start of the server, or in the last 500 changes.");
        return table([["At", "num nowrap", (f) => moment(f.at)], ["What", "wrap", (f) => [h("code", {}, f.id), " ", h("span", { class: "muted" }, f.type)]],
          ["Became", "", (f) => (f.healthy ? tag("healthy", "good") : tag("unhealthy", "bad"))], ["Why", "wrap", (f) => f.why]], flips.slice(0, 100));
      });
      await page.into(list, "health checks", async () => {
        const { data } = await get("/health-checks", { failing, limit: 1000 });
        if (!data.length) return empty(failing ? "Nothing fails" : "No health checks", failing ? "All that is watched is healthy." : "Records name none, or health_checks is off.");
        return table([["Check", "", (c) => [h("div", { class: "wrap" }, h("b", {}, c.endpoint || c.id)), h("div", { class: "muted mono wrap" }, c.endpoint ? c.id : c.type)]],
          ["Counts as", "", (c) => [c.healthy ? tag("healthy", "good") : tag("unhealthy", "bad"), c.used ? "" : [" ", tag("unused")]]],
          ["Last hour", "optional", (c) => timeline(c, flips.filter((f) => f.id === c.id), until)],
          ["AWS", "optional wrap", (c) => observation(c.aws)], ["From here", "optional wrap", (c) => observation(c.local)], ["Why", "wrap", (c) => c.why]], data);
      });
    });
  },
};
const observation = (o) => (o.known ? [dot(o.healthy ? "good" : "bad"), " ", o.why, o.since ? h("span", { class: "muted" }, ` since ${moment(o.since)}`) : ""] : h("span", { class: "muted" }, "–"));

// timeline draws the last hour of a check, by its changes.
function timeline(c, flips, until) {
  const begin = until - 3600_000, x = (t) => Math.max(0, Math.min(118, (new Date(t) - begin) / 3600_000 * 118)) + 1;
  const parts = [];
  let end = until, state = c.healthy;
  for (const f of flips.filter((f) => new Date(f.at) > begin)) {
    parts.push([x(f.at), x(end), state]);
    end = f.at;
    state = !f.healthy;
  }
  parts.push([1, x(end), state]);
  return s("svg", { class: "chart spark", viewBox: "0 0 120 14", role: "img", "aria-label": flips.length ? `${flips.length} changes in the last hour` : "no change in the last hour" },
    parts.map(([from, to, up]) => s("line", { class: "line-time " + (up ? "up" : "down"), x1: from, x2: Math.max(to, from + 1), y1: 7, y2: 7 })));
}

pages.fleet = {
  title: "Fleet",
  async show(page) {
    const list = h("div", { class: "stack" });
    page.put(head("Fleet", "The servers that share one ledger: who leads, and how far each has come."), list);
    await page.every(5000, () => page.into(list, "fleet", async () => {
      const { data: f } = await get("/fleet");
      const newest = Math.max(f.version, ...f.members.map((m) => m.version));
      return [h("div", { class: "tiles" }, tile("Version", number(f.version), "", newest > f.version ? `${number(newest - f.version)} behind` : "of the ledger, the newest"), tile("Leader", f.leader || "nobody", "", `epoch ${f.epoch}`),
        tile("Members", number(f.members.length), "", "heard within two minutes")), panel("Members", null, table([
        ["Server", "", (m) => [h("b", {}, m.name), " ", m.name === f.leader ? tag("leads", "accent") : ""]], ["Address", "mono", (m) => m.address],
        ["Version", "num", (m) => [m.version ? number(m.version) : "–", m.version && m.version < newest ? h("span", { class: "warn" }, ` ${number(m.version - newest)}`) : ""]],
        ["Build", "optional", (m) => m.build], ["Zone", "optional", (m) => m.zone || "–"], ["State", "wrap", (m) => [m.config_differs ? h("div", { class: "warn" }, "its configuration differs") : null,
          m.twin ? h("div", { class: "warn" }, `the server at ${m.twin} has its name too`) : null,
          Object.entries(m.failed ?? {}).map(([part, why]) => h("div", { class: "bad" }, `${part}: ${why}`)), m.config_differs || m.failed || m.twin ? null : h("span", { class: "muted" }, "fine")]],
        ["Heard", "num", (m) => since(m.heard_seconds)]], f.members))];
    }));
  },
};

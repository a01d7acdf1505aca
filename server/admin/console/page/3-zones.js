
pages.zones = {
  title: "Zones",
  async show(page, { q = "" }) {
    const list = h("div", {});
    let all = [], total = 0, wanted = q;
    const show = () => {
      const found = all.filter((z) => !wanted || (z.name + " " + z.id).toLowerCase().includes(wanted.toLowerCase()));
      list.replaceChildren(found.length ? table([
        ["Zone", "", (z) => [h("a", { class: "row wrap", href: link("zone", { id: z.id, apex: z.name }) }, z.name), h("div", { class: "muted mono wrap" }, z.id)]],
        ["Kind", "", (z) => tag(z.visibility, z.visibility === "private" ? "accent" : "")],
        ["Records", "num", (z) => number(z.records)],
        ["Read", "num optional", (z) => (z.visibility === "file" || z.visibility === "tags" ? "–" : since(z.age_seconds))],
        ["Can't be served", "num optional", (z) => (z.unservable.length ? h("a", { class: "bad", href: link("zone", { id: z.id, apex: z.name, tab: "unservable" }) }, number(z.unservable.length)) : "0")],
        ["State", "wrap", (z) => (z.shrunk ? h("span", { class: "warn" }, `held: ${number(z.shrunk.before)} → ${number(z.shrunk.now)}`)
          : z.error ? h("span", { class: "bad" }, z.error) : h("span", { class: "muted" }, "fine"))]], found) : empty("No zone is named so", "The filter is by name and id."),
      total > all.length ? h("p", { class: "body muted" }, `The first ${number(all.length)} of ${number(total)}.`) : "");
    };
    page.put(head("Zones", "What is served, from Route 53, from files and from the names of instances.",
      field("Filter", typed({ value: q, name: "filter" }, (text) => { wanted = text; keep("zones", { q: text }); show(); }))), panel("", null, list));
    await page.every(30_000, () => page.into(list, "zones", async () => {
      const { data, total: n } = await get("/zones", { limit: 1000 });
      all = data;
      total = n;
      show();
      return null;
    }));
  },
};

// recordRow is a line of a zone.
function recordRow(r, apex) {
  const text = r.reason || r.values.join(", ");
  return h("div", { class: r.reason ? "unservable" : "", title: text },
    h("span", { role: "cell" }, h("a", { href: explainLink(r.name, r.type) }, owner(r.name, apex))),
    h("span", { class: "type", role: "cell" }, r.type), h("span", { class: "num muted", role: "cell" }, r.ttl || ""),
    h("span", { class: "mono " + (r.reason ? "bad" : ""), role: "cell" }, text), h("span", { class: "muted", role: "cell" }, r.set ?? ""));
}

pages.zone = {
  title: "Zone",
  async show(page, { id = "", apex = "", tab = "records", q = "", type = "" }) {
    const here = { id, apex };
    const names = { records: "Records", policies: "Policies", usage: "Usage", unservable: "Can't be served", changes: "Changes" };
    page.put(h("p", { class: "crumb" }, h("a", { href: link("zones") }, "Zones"), " / ", id));
    const facts1 = h("div", { class: "body" });
    page.add(head(apex || id, null, h("a", { class: "button", href: link("split", { zone: apex || id }) }, "Compare the views")),
      h("nav", { class: "tabs", "aria-label": "Parts of the zone" }, Object.entries(names).map(([key, text]) =>
        h("a", { href: link("zone", { ...here, tab: key === "records" ? "" : key }), "aria-current": key === tab ? "page" : null }, text))));
    page.add(panel("", null, facts1));
    page.into(facts1, "zone", async () => {
      const { data } = await get("/zones", { zone: id });
      const z = data.find((x) => !apex || x.name === apex) ?? data[0];
      if (!z) throw new Missing("no zone of that id is served");
      return facts([["Kind", tag(z.visibility, z.visibility === "private" ? "accent" : "")], ["Records", number(z.records)], ["Id", h("code", {}, z.id)],
        ["VPCs", z.vpcs.join(", ")], ["Account", z.account], ["Read", z.age_seconds ? since(z.age_seconds) : ""], ["Error", z.error ? h("span", { class: "bad" }, z.error) : ""]]);
    });
    if (tab === "changes") {
      page.add(changeList(page, { zone: id.startsWith("Z") ? id : apex }));
      return;
    }
    if (tab === "usage") {
      page.add(usagePanel(id, apex));
      return;
    }
    let text = q, kind = type;
    const list = virtual({ label: "records of " + (apex || id),
      header: ["Name", "Type", h("span", { class: "num" }, "TTL"), "Values", "Routing"].map((x) => h("span", {}, x)),
      row: (r) => recordRow(r, apex),
      page: async (offset, limit, signal) => {
        const { data, total } = await get("/records", { zone: id, apex, text, type: kind, unservable: tab === "unservable" || "", policies: tab === "policies" || "", offset, limit }, signal);
        found.textContent = `${number(total)} records`;
        return { rows: data, total };
      } });
    const found = h("p", {}, "");
    const change = () => { keep("zone", { ...here, tab: tab === "records" ? "" : tab, q: text, type: kind }); list.again(); };
    page.add(h("section", { class: "panel records", "aria-label": names[tab] },
      h("header", {}, h("div", { class: "tools" }, field("Name", typed({ value: q, name: "text" }, (v) => { text = v; change(); })),
        field("Type", choice("type", [["", "all"], ...types.slice(0, 12).map((t) => [t])], type, (v) => { kind = v; change(); }))), found),
      list.node));
  },
};

// usagePanel shows who asks for the records of a zone, as a sample has it.
function usagePanel(id, apex) {
  const said = h("p", {}, "");
  const who = (u) => u.clients.map((c) => (c.instance ? `${c.name.replace(/\.$/, "")} ${c.instance}`.trim() : c.address)).join(", ");
  const last = (u) => (u.last ? ago(u.last) : `never since ${moment(u.since)}`);
  const list = virtual({ label: "usage of " + (apex || id),
    header: ["Name", "Type", h("span", { class: "num" }, "About"), "By", "Last asked for"].map((x) => h("span", {}, x)),
    row: (u) => h("div", { title: who(u) }, h("span", { role: "cell" }, h("a", { href: explainLink(u.name, u.type) }, owner(u.name, apex))),
      h("span", { class: "type", role: "cell" }, u.type), h("span", { class: "num muted", role: "cell" }, u.count || ""),
      h("span", { class: "mono", role: "cell" }, who(u)), h("span", { class: u.last ? "" : "muted", role: "cell" }, last(u))),
    page: async (offset, limit, signal) => {
      const { data, total } = await get("/usage", { zone: id, offset, limit }, signal);
      said.textContent = `${number(total)} record sets, by a sample`;
      return { rows: data, total };
    } });
  return h("section", { class: "panel records", "aria-label": "Usage" }, h("header", {}, h("h2", {}, "Who asks"), said), list.node);
}

// queue runs so many at a time, the last asked for first: what is looked at. Of those that wait it keeps so many, the
// last ones; to who is left out nothing is given.
function queue(width, most) {
  const waiting = [];
  let running = 0;
  const next = async () => {
    if (running >= width || !waiting.length) return;
    running++;
    const { work, done } = waiting.pop();
    done(await work());
    running--;
    next();
  };
  return (work) => new Promise((done) => {
    waiting.push({ work, done });
    if (waiting.length > most) waiting.shift().done();
    next();
  });
}

pages.split = {
  title: "Split horizon",
  wide: true,
  async show(page, { zone = "", q = "", type = "", differing = "" }) {
    const [{ data: zones }, { data: views }] = await Promise.all([get("/zones", { limit: 1000 }), get("/views")]);
    const apexes = [...new Set(zones.map((z) => z.name))];
    const shared = apexes.find((a) => zones.filter((z) => z.name === a).length > 1);
    zone ||= shared ?? apexes[0] ?? "";
    let text = q, kind = type, only = differing !== "";
    const blocks = new Map(), ask = queue(3, 8), size = 50; // names are asked for so many at once
    const columns = [...views.map((v) => v.name), "the internet"];
    const grid = `minmax(190px, 2fr) 56px repeat(${columns.length}, minmax(130px, 1.5fr))`;
    const line = (children) => { const node = h("div", {}, children); node.style.gridTemplateColumns = grid; return node; };
    const key = (r) => r.name + " " + r.type;
    const fault = (error) => [{ error: error.message, answer: [] }];
    // block is the answers to the names from one on, by name and type.
    const block = (n) => {
      if (!blocks.has(n)) {
        const forget = () => { blocks.delete(n); };
        blocks.set(n, ask(() => get("/answers", { zone, text, type: kind, offset: n * size, limit: size }, page.signal).then(
          ({ data }) => new Map(data.map((x) => [key(x), x.answers])), (error) => { forget(); return fault(error); })).then((x) => x ?? forget()));
      }
      return blocks.get(n);
    };
    const answer = async (r, i) => {
      if (r.answers) return r.answers;
      const found = await block(Math.floor(i / size));
      if (!found || Array.isArray(found)) return found; // it isn't looked at any more, or failed
      return found.get(key(r)) ?? get("/answers", { name: r.name, type: r.type }, page.signal).then((x) => x.data, fault); // the zone has changed
    };
    // What differs isn't known before it is asked for: names are looked through one part after another, as far as is looked at.
    const kept = [], looked = { at: 0, total: Infinity };
    let search = Promise.resolve(); // one at a time
    const difference = async (upTo, signal) => {
      signal?.throwIfAborted();
      while (kept.length < upTo && looked.at < looked.total) {
        const { data, total } = await get("/answers", { zone, text, type: kind, differing: true, offset: looked.at, limit: 100 }, signal);
        signal?.throwIfAborted();
        kept.push(...data);
        looked.at = Math.min(looked.at + 100, total);
        looked.total = total;
        said();
      }
    };
    const said = () => {
      const left = looked.at < looked.total ? ` looked at, of ${number(looked.total)}` : "";
      found.textContent = `${number(kept.length)} differ of ${number(looked.at)}${left}`;
    };
    const list = virtual({ label: "answers by name and view",
      page: async (offset, limit, signal) => {
        if (only) {
          const now = search.then(() => difference(offset + limit, signal));
          search = now.catch(() => {});
          await now;
          signal.throwIfAborted();
          said();
          return { rows: kept.slice(offset, offset + limit), total: kept.length + (looked.at < looked.total ? limit : 0) };
        }
        const { data, total } = await get("/records", { zone, merged: true, text, type: kind, offset, limit }, signal);
        signal.throwIfAborted();
        found.textContent = `${number(total)} names and types`;
        return { rows: data, total };
      },
      row: (r, i) => {
        const cells = columns.map(() => h("span", { class: "cell none", role: "cell" }, "…"));
        const node = line([h("span", { role: "cell" }, h("a", { href: explainLink(r.name, r.type) }, owner(r.name, zone))), h("span", { class: "type", role: "cell" }, r.type), cells]);
        answer(r, i).then((all) => all && columns.forEach((_, i) => {
          const a = all[i] ?? all.find((x) => x.error);
          if (!a) return cells[i].replaceChildren("–");
          const shown = a.error ? a.error : a.answer.length ? values(a.answer, r.type).join(", ") : a.rcode === "NOERROR" ? "no data" : a.rcode;
          cells[i].className = "cell " + cellClass(a);
          cells[i].title = shown + (a.differs ? " (differs from most views)" : "");
          cells[i].replaceChildren(shown, a.differs ? h("span", { class: "hidden" }, ", differs") : "");
        }));
        return node;
      } });
    const found = h("p", {}, "");
    const change = () => {
      keep("split", { zone, q: text, type: kind, differing: only ? "yes" : "" });
      kept.length = looked.at = 0;
      looked.total = Infinity;
      blocks.clear();
      list.again();
    };
    page.put(head("Split horizon", "What differs from most views is marked; private addresses are green.",
      field("Zone", choice("zone", apexes.map((a) => [a]), zone, (v) => go(link("split", { zone: v })))),
      field("Name", typed({ value: q, name: "text" }, (v) => { text = v; change(); })),
      field("Type", choice("type", [["", "all"], ...types.slice(0, 12).map((t) => [t])], type, (v) => { kind = v; change(); })),
      h("label", { class: "field" }, h("input", { type: "checkbox", name: "differing", checked: only, onchange: (e) => { only = e.target.checked; change(); } }), "Differences only")));
    const header = line([h("span", {}, "Name"), h("span", {}, "Type"), columns.map((c) => h("span", {}, c))]);
    header.className = "vhead";
    const table = h("div", {}, header, list.node);
    table.style.minWidth = 260 + 146 * columns.length + "px";
    page.add(h("section", { class: "panel matrix", "aria-label": "Split horizon" }, h("header", {}, h("h2", {}, zone), found), h("div", { class: "scroll" }, table)));
  },
};

pages.views = {
  title: "Views",
  async show(page) {
    const list = h("div", {});
    page.put(head("Views", "Who sees what. The longest prefix that holds a client decides its view."), panel("", null, list));
    await page.every(15_000, () => page.into(list, "views", async () => {
      const { data } = await get("/views");
      if (!data.length) return empty("No views yet", "They come with the first data.");
      return table([["View", "", (v) => h("b", {}, v.name)],
        ["Clients", "mono wrap", (v) => (v.clients.length ? v.clients.slice(0, 8).join(", ") + (v.clients.length > 8 ? `, and ${v.clients.length - 8} more` : "") : "everybody else")],
        ["For one", "mono", (v) => v.client || h("span", { class: "muted" }, "none may ask")],
        ["VPCs", "mono wrap optional", (v) => v.vpcs.join(", ") || "–"], ["Region", "optional", (v) => v.region || "–"],
        ["Addresses", "", (v) => tag(v.addresses)], ["Queries", "num", (v) => number(v.queries)]], data);
    }));
  },
};

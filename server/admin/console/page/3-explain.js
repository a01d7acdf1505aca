
// A step that was decisive, or that came to nothing.
const decisive = /\bdecides\b|\bchosen\b|^becomes |^answered by /;
const fruitless = /doesn't have the name|hidden by|left out|^no |not chosen|stays /;

function stepNode(step, depth) {
  const kind = fruitless.test(step.why) ? "miss" : decisive.test(step.why) ? "hit" : "";
  const text = [h("b", {}, step.step), step.why ? h("span", { class: "why" }, ": " + step.why) : null];
  if (!step.steps?.length) return h("div", { class: "leaf " + kind }, text);
  const inside = step.steps.reduce(function tally(n, x) { return (x.steps ?? []).reduce(tally, n + 1); }, 0);
  return h("details", { class: kind, open: depth < 1 || (depth < 3 && kind !== "miss") },
    h("summary", {}, text, h("span", { class: "folded" }, `${inside} more`)), step.steps.map((x) => stepNode(x, depth + 1)));
}

function tree(steps) {
  const root = h("div", { class: "tree" }, steps.map((x) => stepNode(x, 0)));
  const all = (open) => root.querySelectorAll("details").forEach((d) => { d.open = open; });
  return { root, tools: h("span", { class: "tools" },
    h("button", { class: "button", type: "button", onclick: () => all(true) }, "Open all"),
    h("button", { class: "button", type: "button", onclick: () => all(false) }, "Fold all")) };
}

// reverse is the name at which an address has its PTR record; "" for what is no address.
function reverse(text) {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return text.split(".").reverse().join(".") + ".in-addr.arpa.";
  if (!text.includes(":") || !/^[0-9a-f:]+$/i.test(text)) return "";
  const [left, right] = text.split("::");
  const groups = (part) => (part ? part.split(":") : []);
  const have = groups(left).length + groups(right).length;
  const whole = right === undefined ? groups(left) : [...groups(left), ...Array(Math.max(0, 8 - have)).fill("0"), ...groups(right)];
  if (whole.length !== 8) return "";
  return whole.map((g) => g.padStart(4, "0")).join("").split("").reverse().join(".") + ".ip6.arpa.";
}

const rcodeTag = (a) => tag(a.rcode, a.rcode === "NOERROR" ? "good" : a.rcode === "NXDOMAIN" ? "warn" : "bad");
const types = ["A", "AAAA", "CNAME", "MX", "TXT", "SRV", "NS", "SOA", "PTR", "HTTPS", "CAA", "DS", "ANY"];

// values are the records of an answer without owner, TTL and class.
function values(answer, type) {
  return answer.map((line) => {
    const words = line.split(" ");
    return words.slice(words[3] === type || words[3] === "A" || words[3] === "AAAA" ? 4 : 3).join(" ");
  });
}

// cures are the commands that help where a name isn't known yet, or the answer came out of the cache.
function cures(e) {
  const found = [];
  let apex = "", cached = "", failing = false;
  const walk = (steps, why) => steps.forEach((x) => {
    apex ||= /^closest (\S+?)\.?$/.exec(x.step)?.[1] ?? "";
    if (x.step === "cache" && /^(fresh: |expired )/.test(x.why)) cached ||= why.replace(/^asked for /, "").split(" ")[0];
    failing ||= x.why.includes("not listed since: ");
    walk(x.steps ?? [], x.why);
  });
  walk(e.steps, "");
  if (apex && (e.rcode === "NXDOMAIN" || (e.rcode === "NOERROR" && !e.answer.length)) && !cached) {
    found.push(["A record that was made since is there once its zone is read again:", command("refresh", apex)]);
  }
  if (cached) found.push(["The cache forgets it, and the upstreams are asked again, by:", command("flush", cached)]);
  if (failing) found.push(["What can't be read, and why:", h("a", { href: link("parts") }, "Parts")]);
  return found.map(([text, node]) => h("div", { class: "cure" }, h("p", { class: "soft" }, text), node));
}
// command is one of inside53 for this server, to copy.
const command = (...words) => copyable(["inside53", ...words.map(quoted), ...(location.port === "8053" ? [] : ["--admin", location.origin])].join(" "));

pages.explain = {
  title: "Explain",
  async show(page, { name = "", type = "", client = "" }) {
    $("ask-name").value = name;
    const form = h("form", { class: "tools", onsubmit: (e) => {
      e.preventDefault();
      const f = new FormData(e.target);
      go(explainLink(f.get("name").trim(), f.get("type"), f.get("client").trim()));
    } }, h("input", { type: "hidden", name: "name", value: name }),
    field("Type", h("input", { name: "type", list: "types", value: type || "A", size: "7" })),
    h("datalist", { id: "types" }, types.map((t) => h("option", { value: t }))),
    field("Client", h("input", { name: "client", value: client, placeholder: "this host", size: "14" })),
    h("button", { class: "button primary", type: "submit" }, "Explain"));
    page.put(head(name || "Explain", name ? "Why the answer is what it is, and what every view gets." : null, name ? form : null));
    if (!name) {
      page.put(panel("", null, empty("Which name?", ["Write it into the field above; ", h("kbd", {}, "/"), " leads there."])));
      return;
    }
    const back = reverse(name);
    if (back && !type) {
      page.add(h("p", { class: "note" }, `${name} is an address. Its name: `, h("a", { href: explainLink(back, "PTR", client) }, `${back} PTR`)));
    }
    const why = panel("Why", null, body("asking …")), views = panel("In every view", null, body("asking …"));
    page.add(h("div", { class: "grid explain" }, why, views));
    await Promise.all([
      page.replace(why, "explanation", async () => {
        const { data: e } = await get("/explain", { name, type: type || "A", client }, page.signal);
        const drawn = tree(e.steps);
        return panel("Why", drawn.tools,
          body(rcodeTag(e), " ", tag(e.type), " ", e.view ? h("a", { class: "tag accent", href: link("views") }, "view " + e.view) : tag("no view", "bad"), " ",
            h("span", { class: "muted" }, `for ${e.client}, ${e.flags.join(" ")}`), e.ede ? h("p", { class: "soft" }, "Extended error " + e.ede) : null),
          h("div", { class: "answer" }, e.answer.length ? e.answer.map((line) => h("div", {}, line)) : h("span", { class: "muted" }, "no records")),
          cures(e), drawn.root);
      }),
      page.replace(views, "answers in every view", async () => {
        const { data: all } = await get("/answers", { name, type: type || "A" }, page.signal);
        const differing = all.filter((a) => a.differs).length;
        return panel("In every view", h("p", {}, differing ? `${differing} of ${all.length} differ` : "all the same"), table([
          ["View", "", (a) => [h("div", {}, a.client && !a.outside ? h("a", { class: "row", href: explainLink(name, type, a.client) }, a.view) : h("b", {}, a.view)),
            h("div", { class: "muted nowrap" }, a.client)]],
          ["Answer", "", (a) => h("div", { class: "cell " + cellClass(a) }, cellLines(a, type || "A"))]], all));
      }),
    ]);
  },
};

const inside = /^(10\.|172\.(1[6-9]|2\d|3[01])\.|192\.168\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|f[cd])/;
function cellClass(a) {
  const found = values(a.answer ?? []);
  return [a.differs ? "differs" : "", !found.length ? "none" : "", found.some((v) => inside.test(v)) ? "inside" : ""].join(" ");
}
function cellLines(a, type) {
  if (a.error) return a.error;
  if (!a.answer.length) return a.rcode === "NOERROR" ? "no data" : a.rcode;
  return values(a.answer, type).map((v) => h("div", { class: "wrap" }, v));
}

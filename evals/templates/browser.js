// The table of decisions: filters, order, pages, keys.
const PAGE = 25;
const element = (id) => document.getElementById(id);

class Browser {
  constructor(data) {
    this.data = data;
    this.page = 0;
    this.rows = new Uint32Array(0);
    this.current = 0;
    this.detail = new Detail(data, element("detail"), (step) => this.turnDetail(step));
    this.found = new Map();
    this.fill();
    this.listen();
    this.reset();
    this.opened = performance.now();
  }

  // A is a model; B a model or, at the end, the logged answer.
  fill() {
    const { data } = this;
    const option = (value, text) => make("option", { value }, text);
    const models = data.models.map((name, k) => option(String(k), name));
    element("f-a").append(...models.map((o) => o.cloneNode(true)));
    element("f-b").append(...models);
    if (data.logged) element("f-b").append(option("log", "the logged answer"));
    element("f-segment").append(option("", "any"));
    data.texts.segments.forEach(([kind, names], k) => {
      const group = make("optgroup", { label: kind });
      names.forEach((name, code) => { if (name) group.append(option(`${k}:${code}`, name)); });
      element("f-segment").append(group);
    });
    const orders = [
      ["gap", "widest gap first"], ["narrow", "narrowest gap first"], ["row", "as they were shown"],
      ["high", "highest P(click) first"], ["low", "lowest P(click) first"],
    ];
    element("f-order").append(...orders.map(([value, text]) => option(value, text)));
    data.models.forEach((name, k) => {
      const box = (which, value) => make("input", {
        type: "number", min: 0, max: 1, step: 0.05, value, id: `f-${which}${k}`,
        "aria-label": `${which === "min" ? "least" : "greatest"} P(click) of ${name}`,
      });
      element("f-ranges").append(
        make("fieldset", {}, make("legend", {}, name), box("min", 0), "to", box("max", 1)),
      );
    });
    element("l-logged").hidden = !data.logged;
    element("l-segment").hidden = !data.texts.segments.length;
    element("l-failed").hidden = !data.hasFailures();
    for (const id of ["filters", "decision-frame", "pages"]) element(id).hidden = false;
  }

  listen() {
    element("filters").addEventListener("input", () => this.update());
    element("filters").addEventListener("submit", (event) => event.preventDefault());
    element("f-reset").addEventListener("click", () => this.reset());
    element("previous").addEventListener("click", () => this.go(this.page - 1));
    element("next").addEventListener("click", () => this.go(this.page + 1));
    const body = element("decision-rows");
    body.addEventListener("click", (event) => {
      const line = event.target.closest("tr");
      if (line) this.open(Number(line.dataset.place));
    });
    body.addEventListener("keydown", (event) => this.key(event));
    element("detail").addEventListener("close", () => this.focus(this.current));
  }

  reset() {
    element("filters").reset();
    element("f-a").value = "0";
    const second = this.data.models.length > 1 ? "1" : "log";
    element("f-b").value = this.data.models.length > 1 || this.data.logged ? second : "0";
    element("f-flip").value = this.data.models.length > 1 || this.data.logged ? "flipped" : "any";
    this.update();
  }

  update() {
    const began = performance.now();
    this.rows = this.sorted(this.filtered());
    this.page = 0;
    this.render();
    this.milliseconds = performance.now() - began;
  }

  other() {
    const { data } = this;
    const b = element("f-b").value;
    if (b !== "log") return { p: data.p[Number(b)], choice: data.choice[Number(b)] };
    return { p: data.logged.map((one) => one), choice: data.logged, logged: true };
  }

  // The models in the order of the columns: the two compared come first.
  order() {
    const first = [element("f-a").value, element("f-b").value].filter((k) => k !== "log").map(Number);
    return [...new Set([...first, ...this.data.models.keys()])];
  }

  // Row numbers of the decisions that pass all filters.
  filtered() {
    const { data } = this;
    const tests = [];
    const a = data.choice[Number(element("f-a").value)];
    const b = this.other().choice;
    const flip = element("f-flip").value;
    if (flip === "flipped") tests.push((k) => a[k] < 2 && b[k] < 2 && a[k] !== b[k]);
    if (flip === "same") tests.push((k) => a[k] < 2 && a[k] === b[k]);
    const logged = element("f-logged").value;
    if (data.logged && logged) tests.push((k) => data.logged[k] === Number(logged));
    if (element("f-segment").value) {
      const [kind, code] = element("f-segment").value.split(":").map(Number);
      tests.push((k) => data.segment[kind][k] === code);
    }
    if (element("f-failed").checked) {
      const codes = data.models.map((_, m) => [m, data.column(`f${m}`)]).filter(([, f]) => f);
      tests.push((k) => codes.some(([m, f]) => data.texts.failures[m][f[k]] !== ""));
    }
    data.models.forEach((_, m) => this.range(m, tests));
    const text = element("f-text").value.trim().toLowerCase();
    if (text) {
      const items = this.matches("titles", text);
      const users = this.matches("users", text);
      tests.push((k) => items[data.item[k]] || users[data.user[k]]);
    }
    const out = new Uint32Array(data.length);
    let n = 0;
    for (let k = 0; k < data.length; k++) if (tests.every((test) => test(k))) out[n++] = k;
    return out.subarray(0, n);
  }

  range(model, tests) {
    const bound = (which, none) => {
      const value = parseFloat(element(`f-${which}${model}`).value);
      return Number.isFinite(value) ? Math.round(value * STEPS) : none;
    };
    const [low, high, p] = [bound("min", 0), bound("max", STEPS), this.data.p[model]];
    if (low > 0 || high < STEPS) tests.push((k) => p[k] !== NONE && p[k] >= low && p[k] <= high);
  }

  // Which titles or users hold the text; lower case is made once.
  matches(kind, text) {
    if (!this.found.has(kind)) {
      this.found.set(kind, this.data.texts[kind].map((one) => one.toLowerCase()));
    }
    return Uint8Array.from(this.found.get(kind), (one) => (one.includes(text) ? 1 : 0));
  }

  sorted(rows) {
    const order = element("f-order").value;
    if (order === "row") return rows;
    const p = this.data.p[Number(element("f-a").value)];
    const { p: q, logged } = this.other();
    const scale = logged ? STEPS : 1;
    const keys = new Float64Array(this.data.length);
    for (const k of rows) {
      if (order === "high" || order === "low") keys[k] = p[k] === NONE ? -1 : p[k];
      else keys[k] = p[k] === NONE || q[k] === NONE ? -1 : Math.abs(p[k] - q[k] * scale);
    }
    const turned = order === "low" || order === "narrow" ? -1 : 1;
    // What has no figure comes last either way; equals stay as they were shown.
    return rows.slice().sort((x, y) => {
      if ((keys[x] < 0) !== (keys[y] < 0)) return keys[x] < 0 ? 1 : -1;
      return turned * (keys[y] - keys[x]) || x - y;
    });
  }

  render() {
    const { data, rows } = this;
    const n = rows.length;
    const pages = Math.max(1, Math.ceil(n / PAGE));
    const format = (count) => count.toLocaleString("en");
    const users = new Set();
    for (const k of rows) users.add(data.user[k]);
    element("count").textContent = n
      ? `${format(n)} of ${format(data.length)} decisions, of ${format(users.size)} user${users.size === 1 ? "" : "s"}`
      : `None of ${format(data.length)} decisions; loosen a filter.`;
    const heads = ["shown", "user", ...(data.logged ? ["logged"] : []), ...this.order().map((k) => jointed(data.models[k]))];
    element("decision-head").replaceChildren(
      ...heads.map((head, k) => make("th", { scope: "col", class: k ? "model" : "name" }, head)),
    );
    const start = this.page * PAGE;
    const lines = Array.from(rows.subarray(start, start + PAGE), (row, place) => this.line(row, start + place));
    element("decision-rows").replaceChildren(...lines);
    if (lines.length) lines[0].tabIndex = 0;
    element("page-number").textContent = `page ${format(this.page + 1)} of ${format(pages)}`;
    element("previous").disabled = this.page === 0;
    element("next").disabled = this.page + 1 >= pages;
  }

  line(row, place) {
    const { data } = this;
    const towards = data.targetTitle(row);
    const under = [data.categories(data.item[row]), towards && `towards ${towards}`].filter(Boolean);
    const cells = this.order().map((k) => this.answer(k, row));
    const mark = make("span", { class: "mark" }, data.logged && data.logged[row] ? "●" : "");
    return make(
      "tr", { tabindex: -1, "data-place": place, "aria-haspopup": "dialog" },
      make("td", { class: "name", dir: "auto" }, data.title(row), make("small", {}, under.join(" · "))),
      make("td", { dir: "auto" }, data.userName(row)),
      data.logged ? make("td", {}, mark, data.logged[row] ? "click" : "no click") : null,
      ...cells,
    );
  }

  answer(model, row) {
    const { data } = this;
    const [p, choice] = [data.p[model][row], data.choice[model][row]];
    if (choice === 3) return make("td", { class: "no" }, "–");
    const failure = data.failure(model, row);
    const style = { "--series": `var(--series-${(model % 8) + 1})`, "--p": `${p === NONE ? 0 : p / 100}%` };
    const mark = make("span", { class: "mark", role: "img", "aria-label": choice === 1 ? "click" : "no click" }, choice === 1 ? "●" : "");
    return make(
      "td", { class: choice === 1 ? "yes" : "no", style }, mark, figure(p),
      failure ? make("small", { class: "failed" }, "failed") : make("span", { class: "meter" }),
    );
  }

  key(event) {
    const line = event.target.closest("tr");
    if (!line) return;
    const place = Number(line.dataset.place);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE };
    if (event.key in steps) this.focus(place + steps[event.key]);
    else if (event.key === "Home") this.focus(0);
    else if (event.key === "End") this.focus(this.rows.length - 1);
    else if (event.key === "Enter" || event.key === " ") this.open(place);
    else return;
    event.preventDefault();
  }

  // Puts the keyboard on a row, turning the page where need be.
  focus(wanted) {
    if (!this.rows.length) return;
    const place = Math.min(Math.max(wanted, 0), this.rows.length - 1);
    const page = Math.floor(place / PAGE);
    if (page !== this.page) this.go(page);
    for (const line of element("decision-rows").children) {
      const here = Number(line.dataset.place) === place;
      line.tabIndex = here ? 0 : -1;
      if (here) line.focus();
    }
  }

  go(page) {
    this.page = page;
    this.render();
  }

  open(place) {
    this.current = place;
    this.detail.show(this.rows[place]);
  }

  turnDetail(step) {
    const place = this.current + step;
    if (place >= 0 && place < this.rows.length) this.open(place);
  }
}

openDecisions()
  .then((data) => { window.decisionBrowser = new Browser(data); })
  .catch((error) => {
    element("count").textContent = `The decisions cannot be opened in this browser (${error.message}).`;
  });

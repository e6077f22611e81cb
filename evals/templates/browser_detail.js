// One decision in a dialog: who, what, every model's answer, the history, the exact prompts.
class Detail {
  constructor(data, dialog, turn) {
    this.data = data;
    this.dialog = dialog;
    this.turn = turn;
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.turn(-1);
      if (event.key === "ArrowRight") this.turn(1);
    });
  }

  show(row) {
    this.dialog.replaceChildren(this.head(row), this.body(row));
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
    this.dialog.querySelector("#detail-close").focus();
  }

  head(row) {
    const { data } = this;
    const towards = data.targetTitle(row);
    const facts = [
      `user ${data.userName(row)}`,
      data.round ? `round ${data.round[row]}` : "",
      data.position ? `position ${data.position[row]}` : "",
      towards ? `towards ${towards}` : "",
    ].filter(Boolean);
    const button = (label, text, step) => {
      const made = make("button", { type: "button", "aria-label": label }, text);
      made.addEventListener("click", () => this.turn(step));
      return made;
    };
    const close = make("button", { type: "button", id: "detail-close" }, "Close");
    close.addEventListener("click", () => this.dialog.close());
    return make(
      "div", { class: "detail-head" },
      make(
        "div", {},
        make("h3", { id: "detail-title", dir: "auto" }, data.title(row)),
        make("small", { dir: "auto" }, data.categories(data.item[row])),
        make("br"),
        make("small", { dir: "auto" }, facts.join(" · ")),
      ),
      make(
        "div", { class: "turn" },
        button("Decision before", "←", -1), button("Next decision", "→", 1), close,
      ),
    );
  }

  body(row) {
    return make(
      "div", { class: "detail-body" },
      ...this.answers(row), ...this.segments(row), ...this.history(row), ...this.prompts(row),
    );
  }

  answers(row) {
    const { data } = this;
    const draw = data.draw[row];
    const lines = data.models.map((name, k) => {
      const choice = data.choice[k][row];
      if (choice === 3) return null;
      const said = ["no click", "● click", "undecided"][choice];
      const told = [data.failure(k, row), data.reason(k, row) && `“${data.reason(k, row)}”`];
      const words = told.filter(Boolean).join(" · ");
      return make(
        "tr", { style: { "--series": `var(--series-${(k % 8) + 1})` } },
        make("td", { class: "name" }, jointed(name), words ? make("small", { dir: "auto" }, ` ${words}`) : null),
        make("td", {}, figure(data.p[k][row], 3)),
        make("td", {}, said),
        make("td", {}, this.strip(data.p[k][row], draw)),
      );
    });
    const facts = [`The draw is ${figure(draw, 3)}; a model that samples clicks where its P(click) is above it.`];
    if (data.logged) facts.push(`The user ${data.logged[row] ? "clicked" : "did not click"}.`);
    if (data.truth) facts.push(`The true P(click) is ${figure(data.truth[row], 3)}.`);
    const heads = ["model", "P(click)", "decision", "0 … 1"];
    return [
      make("h4", {}, "What each model answered"),
      make("p", { class: "soft" }, facts.join(" ")),
      make(
        "table", {},
        make("thead", {}, make("tr", {}, ...heads.map((head, k) =>
          make("th", { scope: "col", class: k ? false : "name" }, head)))),
        make("tbody", {}, ...lines.filter(Boolean)),
      ),
    ];
  }

  strip(p, draw) {
    const at = (value) => ({ left: `${value / 100}%` });
    const marks = [make("i", { class: "draw", style: at(draw) })];
    if (p !== NONE) marks.push(make("i", { style: at(p) }));
    return make("span", { class: "strip", role: "img", "aria-label": `draw ${figure(draw)}` }, ...marks);
  }

  segments(row) {
    const { texts, segment } = this.data;
    const known = texts.segments
      .map(([kind, names], k) => [kind, names[segment[k][row]]])
      .filter(([, name]) => name);
    if (!known.length) return [];
    return [make("p", { class: "soft" }, known.map(([kind, name]) => `${kind}: ${name}`).join(" · "))];
  }

  history(row) {
    const titles = this.data.history(row);
    const head = make("h4", {}, `History, the newest last (${titles.length.toLocaleString("en")})`);
    if (!titles.length) return [head, make("p", { class: "soft" }, "Nothing yet.")];
    return [head, make("ol", {}, ...titles.map((title) => make("li", { dir: "auto" }, title)))];
  }

  prompts(row) {
    const prompts = this.data.prompts(row);
    if (!prompts.length) {
      return this.data.texts.prompts
        ? [make("h4", {}, "Prompt"), make("p", { class: "soft" }, "Not kept for this decision.")]
        : [];
    }
    return prompts.map(([model, text]) => make(
      "details", { class: "prompt" },
      make("summary", {}, `The exact prompt of ${jointed(this.data.models[model])}`),
      make("pre", { tabindex: "0", dir: "auto" }, text),
    ));
  }
}

// The users on whom a draft is tried, and what the model answers for each.

import { ask } from "./server.js";
import { byId, fixed, logLoss, make, signed, tell, whole } from "./elements.js";

export class Users {
  constructor(changed) {
    this.cases = [];
    this.answers = [];
    this.shown = 0;
    this.changed = changed;
    this.body = document.querySelector("#users tbody");
    byId("other-users").addEventListener("click", () => this.draw());
    byId("choose").addEventListener("submit", (event) => {
      event.preventDefault();
      this.choose();
    });
    byId("candidate").addEventListener("input", () => this.search());
    for (const id of ["user", "candidate"]) byId(id).addEventListener("focus", (event) => event.target.select());
  }

  open(cases, seed) {
    this.seed = seed;
    this.wanted = cases.length;
    this.set(cases);
  }

  set(cases, shown = 0) {
    this.cases = cases;
    this.answers = [];
    this.show(shown, false);
  }

  async draw() {
    this.seed += 1;
    const { cases } = await ask("users", { seed: this.seed, users: this.wanted });
    this.set(cases);
    this.changed();
  }

  /** Put the user and candidate of the form into the shown row. */
  async choose() {
    const now = this.cases[this.shown];
    const user = byId("user").value.trim();
    const typed = byId("candidate").value.trim();
    const item = typed === label(now.item_id, now.title) ? now.item_id : this.itemOf(typed);
    const other = user !== now.user;
    const answer = other
      ? await ask("user", { user, item: item === now.item_id ? "" : item })
      : await ask("candidate", { case: numbers(now), item });
    tell(byId("choose-fault"), answer.fault?.message ?? "");
    if (answer.fault) return;
    const cases = [...this.cases];
    cases[this.shown] = answer.case;
    this.set(cases, this.shown);
    this.changed();
  }

  async search() {
    const words = byId("candidate").value.trim();
    if (words.includes(SEPARATOR)) return;
    const { items } = await ask(`items?words=${encodeURIComponent(words)}`);
    byId("candidates").replaceChildren(...items.map(({ id, title }) => make("option", { value: label(id, title) })));
  }

  itemOf(typed) {
    const place = typed.lastIndexOf(SEPARATOR);
    return place < 0 ? typed : typed.slice(place + SEPARATOR.length);
  }

  show(row, asked = true) {
    this.shown = row;
    const { user, item_id: id, title } = this.cases[row];
    byId("user").value = user;
    byId("candidate").value = label(id, title);
    tell(byId("choose-fault"), "");
    this.render();
    if (asked) this.changed();
  }

  answered(answers) {
    this.answers = answers;
    this.render();
  }

  render() {
    const focused = this.body.contains(document.activeElement);
    this.body.replaceChildren(...this.cases.map((one, k) => this.row(one, k)));
    if (focused) this.body.querySelector("input:checked").focus();
    const loss = (key) => logLoss(this.answers.map((answer, k) => [answer[key], this.cases[k].clicked]));
    const [now, before] = [loss("probability"), loss("incumbent")];
    byId("users-hint").textContent = now >= 0 ? `log-loss ${fixed(now)}${before >= 0 ? `, incumbent ${fixed(before)}` : ""}` : "";
  }

  row(one, k) {
    const answer = this.answers[k];
    const radio = make("input", { type: "radio", name: "case", checked: k === this.shown });
    radio.addEventListener("change", () => this.show(k));
    const row = make(
      "tr",
      { className: k === this.shown ? "shown" : "" },
      make("th", { scope: "row" }, make("label", {}, radio, make("span", {}, one.user))),
      make("td", { className: "title", title: `${one.title}; a history of ${whole(one.history)}` }, one.title),
      make("td", {}, logged(one.clicked)),
      make("td", { className: "wide" }, ...gauge(answer)),
      make("td", { className: `number ${leaning(answer, one.clicked)}` }, signed(answer?.delta)),
      make("td", { className: `number${answer?.failure ? " bad" : ""}`, title: answer?.failure ?? "" }, fixed(answer?.mass, 2)),
    );
    row.addEventListener("click", (event) => {
      if (event.target !== radio && k !== this.shown) this.show(k);
    });
    return row;
  }
}

const SEPARATOR = " · ";
const label = (id, title) => title + SEPARATOR + id;

export const numbers = ({ row, item }) => ({ row, item });

function logged(clicked) {
  if (clicked === null) return make("span", { className: "badge" }, "not shown");
  return make("span", { className: `badge ${clicked ? "click" : "skip"}` }, clicked ? "click" : "skip");
}

/** A bar for P(click), a tick where the incumbent stands. */
function gauge(answer) {
  if (!answer) return [make("span", { className: "gauge waiting" })];
  if (answer.probability === null) return [make("span", { className: "failure" }, answer.failure)];
  const bar = make("span", { className: "bar" });
  bar.style.width = `${answer.probability * 100}%`;
  const parts = [bar];
  if (answer.incumbent !== null) {
    const tick = make("span", { className: "tick", title: `incumbent ${fixed(answer.incumbent)}` });
    tick.style.left = `${answer.incumbent * 100}%`;
    parts.push(tick);
  }
  return [make("span", { className: "gauge" }, ...parts), make("span", { className: "value" }, fixed(answer.probability))];
}

/** Whether a change leads to what the user did. */
function leaning(answer, clicked) {
  if (!answer || answer.delta === null || clicked === null || Math.abs(answer.delta) < 0.0005) return "";
  return answer.delta > 0 === clicked ? "good" : "bad";
}

// The button that evaluates, its progress, and what came of it in this sitting.

import { ask } from "./server.js";
import { byId, fixed, make, signed, tell, whole } from "./elements.js";

const PAUSE = 250;
const NAMES = { auc: "AUC", log_loss: "Log-loss", calibration_error: "Calibration error", click_rate_ratio: "Click rate ÷ logged" };
const UP_IS_GOOD = { auc: true, log_loss: false };

export class Evaluations {
  constructor({ text, restore, changed }) {
    this.text = text;
    this.restore = restore;
    this.changed = changed;
    this.body = document.querySelector("#trials tbody");
    byId("evaluate").addEventListener("click", () => this.start());
    byId("cancel").addEventListener("click", () => this.cancel());
  }

  async start() {
    if (byId("evaluate").disabled) return;
    byId("evaluate").disabled = true;
    try {
      const answer = await ask("evaluations", { text: this.text(), exposures: Number(byId("exposures").value) });
      tell(byId("evaluation-fault"), answer.fault?.message ?? "");
      if (!answer.fault) await this.follow(answer);
    } finally {
      byId("evaluate").disabled = false;
    }
  }

  async cancel() {
    byId("cancel").disabled = true;
    await ask("evaluations/cancel", {});
  }

  async refresh() {
    await this.follow(await ask("evaluations"));
  }

  /** Show how far it is until it ends. */
  async follow(answer) {
    while (this.show(answer)) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      answer = await ask("evaluations");
    }
  }

  /** Whether a trial is running. */
  show({ trials, incumbent }) {
    const last = trials.at(-1);
    const running = last?.state === "running";
    byId("evaluate").disabled = running;
    byId("running").hidden = !running;
    if (running) {
      byId("progress").value = last.total ? last.done / last.total : 0;
      byId("progress-text").textContent = last.total
        ? `${whole(last.done)} of ${whole(last.total)} decisions`
        : "beginning";
    } else {
      byId("cancel").disabled = false;
    }
    byId("no-trials").hidden = trials.length > 0;
    const ended = trials.filter(({ state }) => state !== "running").reverse();
    this.body.replaceChildren(...ended.flatMap((trial) => this.rows(trial, incumbent)));
    const cautions = new Set(ended.flatMap((trial) => trial.cautions));
    byId("cautions").replaceChildren(...[...cautions].map((caution) => make("li", {}, caution)));
    return running;
  }

  /** Two rows: the figures, and below them what they took and what can be done. */
  rows(trial, incumbent) {
    const named = make("td", { className: "title" }, `${trial.name} v${trial.version}`, make("small", {}, trial.sha256.slice(0, 8)));
    const figures = make("tr", {}, make("th", { scope: "row" }, String(trial.number)), named);
    if (trial.state === "done") {
      figures.append(...Object.keys(NAMES).map((measure) => figure(measure, trial)));
    } else {
      const why = trial.state === "cancelled" ? "cancelled" : trial.message;
      figures.append(make("td", { colSpan: Object.keys(NAMES).length, className: "why" }, why));
    }
    const tools = make("div", { className: "tools" }, make("span", {}, spent(trial)), this.baseButton(trial, incumbent), this.restoreButton(trial));
    const below = make("tr", { className: "below" }, make("td", {}), make("td", { colSpan: 5 }, tools));
    return [figures, below];
  }

  baseButton(trial, incumbent) {
    const is = trial.number === incumbent;
    const button = make("button", { type: "button", title: "Take differences to this one from now on" }, is ? "incumbent" : "make incumbent");
    button.setAttribute("aria-pressed", String(is));
    button.addEventListener("click", async () => {
      this.show(await ask("incumbent", { trial: is ? 0 : trial.number }));
      this.changed();
    });
    return button;
  }

  restoreButton(trial) {
    const button = make("button", { type: "button", title: "Put this template into the editor" }, "edit");
    button.addEventListener("click", () => this.restore(trial.text));
    return button;
  }
}

function spent({ seconds, costs, exposures }) {
  const parts = [`${whole(exposures)} exposures`, `${fixed(seconds, 1)} s`];
  if (costs.tokens) parts.push(`${fixed(costs.tokens, 0)} tokens each`);
  if (costs.from_cache) parts.push(`${whole(costs.from_cache)} known`);
  if (costs.failures) parts.push(`${whole(costs.failures)} failed`);
  return parts.join(" · ");
}

function figure(measure, { figures, against }) {
  const { value, low, high, difference, difference_low: least, difference_high: most } = figures[measure];
  const cell = make("td", { className: "number" }, make("b", {}, fixed(value)), make("small", {}, `${fixed(low)} – ${fixed(high)}`));
  cell.dataset.name = NAMES[measure];
  if (difference !== null && difference !== undefined) {
    const sure = least > 0 || most < 0;
    const good = difference > 0 === UP_IS_GOOD[measure];
    cell.append(
      make(
        "small",
        { className: `difference ${sure ? (good ? "good" : "bad") : ""}`, title: `Less ${against ? `evaluation ${against}'s` : "the opened template's"}, paired by exposure, with its 95% interval over users` },
        make("span", {}, signed(difference, 4)),
        " ",
        make("span", {}, `[${signed(least, 4)}, ${signed(most, 4)}]`),
      ),
    );
  }
  return cell;
}

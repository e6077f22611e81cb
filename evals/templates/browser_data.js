"use strict";
// The columns of the decisions, opened from the text in the page; see evals/report/packing.py.
const NONE = 65535;
const STEPS = 10000;

async function openDecisions() {
  const holder = document.getElementById("decisions-data");
  const binary = atob(holder.textContent);
  holder.remove();
  const bytes = new Uint8Array(binary.length);
  for (let k = 0; k < binary.length; k++) bytes[k] = binary.charCodeAt(k);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const whole = await new Response(stream).arrayBuffer();
  const end = 4 + new DataView(whole).getUint32(0, true);
  const texts = JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, end - 4)));
  const kinds = { u8: Uint8Array, u16: Uint16Array, u32: Uint32Array };
  const columns = new Map();
  for (const [name, kind, at, length] of texts.columns) {
    columns.set(name, new kinds[kind](whole, end + at, length));
  }
  return new DecisionData(texts, columns);
}

class DecisionData {
  constructor(texts, columns) {
    this.texts = texts;
    this.column = (name) => columns.get(name);
    this.models = texts.models;
    this.user = columns.get("user");
    this.item = columns.get("item");
    this.draw = columns.get("draw");
    this.logged = columns.get("logged");
    this.truth = columns.get("truth");
    this.target = columns.get("target");
    this.round = columns.get("round");
    this.position = columns.get("position");
    this.length = this.user.length;
    this.p = this.models.map((_, k) => columns.get(`p${k}`));
    this.choice = this.models.map((_, k) => columns.get(`c${k}`));
    this.segment = texts.segments.map((_, k) => columns.get(`s${k}`));
  }

  title(row) { return this.texts.titles[this.item[row]]; }
  userName(row) { return this.texts.users[this.user[row]]; }
  categories(item) { return (this.texts.categories[item] || []).join(", "); }
  targetTitle(row) {
    return this.target && this.target[row] ? this.texts.titles[this.target[row] - 1] : "";
  }
  failure(model, row) {
    const code = this.column(`f${model}`);
    return code ? this.texts.failures[model][code[row]] : "";
  }
  reason(model, row) {
    const code = this.column(`r${model}`);
    return code ? this.texts.reasons[model][code[row]] : "";
  }
  hasFailures() { return this.models.some((_, k) => this.column(`f${k}`)); }

  // Titles, oldest first.
  history(row) {
    const start = this.column("list_start")[this.column("history")[row]];
    const items = this.column("list").subarray(start, start + this.column("history_length")[row]);
    return Array.from(items, (item) => this.texts.titles[item]);
  }

  // The exact prompt of every agent that has one for this row: [model, text].
  prompts(row) {
    const out = [];
    (this.texts.prompts || []).forEach(([model, statics], agent) => {
      const part = (letter) => this.column(`a${agent}${letter}`)[row] - 1;
      if (part("s") < 0) return;
      const joined = (letter) => {
        const starts = this.column(`a${agent}${letter}s`);
        const [from, to] = [starts[part(letter)], starts[part(letter) + 1]];
        const lines = this.column(`a${agent}${letter}l`).subarray(from, to);
        return Array.from(lines, (line) => this.texts.lines[line]).join("");
      };
      out.push([model, statics[part("s")] + joined("u") + joined("c")]);
    });
    return out;
  }
}

const figure = (value, digits = 2) => (value === NONE ? "–" : (value / STEPS).toFixed(digits));

// A name that may be broken at its joints.
const jointed = (name) => name.replace(/([,:/])(?=\w)|(=)(?=[A-Za-z])/g, "$&\u200b");

// Elements from names, attributes and children; texts are texts, never markup.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "style") for (const [k, v] of Object.entries(value)) element.style.setProperty(k, v);
    else if (value !== false && value !== null) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

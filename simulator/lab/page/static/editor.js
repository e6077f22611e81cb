// The template editor: a textarea with transparent text above its own coloured copy.

import { make } from "./elements.js";

const TAGS = /\{#[\s\S]*?(?:#\}|$)|\{%[\s\S]*?(?:%\}|$)|\{\{[\s\S]*?(?:\}\}|$)/g;
const KIND = { "{#": "comment", "{%": "statement", "{{": "expression" };
const PART = { static: "static", user: "history", candidate: "candidate" };
const INDENT = "  ";

export class Editor {
  constructor(textarea, backdrop, changed) {
    this.textarea = textarea;
    this.backdrop = backdrop;
    this.fault = null;
    this.leaving = false;
    textarea.addEventListener("input", () => {
      this.fault = null;
      this.draw();
      changed();
    });
    textarea.addEventListener("keydown", (event) => this.key(event));
  }

  get text() {
    return this.textarea.value;
  }

  /** Put another text in, so that undo brings the old one back. */
  replace(text) {
    this.textarea.focus();
    this.textarea.select();
    if (!document.execCommand("insertText", false, text)) this.textarea.value = text;
    this.textarea.setSelectionRange(0, 0);
  }

  open(text) {
    this.textarea.value = text;
    this.draw();
  }

  mark(fault) {
    this.fault = fault;
    this.textarea.setAttribute("aria-invalid", fault ? "true" : "false");
    this.draw();
  }

  /** Put the caret where a fault is. */
  visit({ line, column }) {
    const before = this.text.split("\n").slice(0, line - 1);
    const place = before.reduce((sum, one) => sum + one.length + 1, 0) + Math.max(column - 1, 0);
    this.textarea.focus();
    this.textarea.setSelectionRange(place, place);
    this.backdrop.children[line - 1]?.scrollIntoView({ block: "center" });
  }

  key(event) {
    if (event.key === "Escape") {
      this.leaving = true;
    } else if (event.key === "Tab" && !event.shiftKey && !this.leaving && !event.altKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      const { selectionStart: start, selectionEnd: end } = this.textarea;
      if (!document.execCommand("insertText", false, INDENT)) {
        this.textarea.setRangeText(INDENT, start, end, "end");
        this.textarea.dispatchEvent(new Event("input"));
      }
    } else if (event.key !== "Shift") {
      this.leaving = false;
    }
  }

  draw() {
    const lines = coloured(this.text);
    this.backdrop.replaceChildren(...lines.map((line, k) => this.line(line, k + 1)));
    this.backdrop.style.setProperty("--digits", String(lines.length).length);
  }

  line({ pieces, part }, number) {
    const fault = this.fault?.line === number ? this.fault : null;
    const line = make("div", { className: `line ${part}${fault ? " fault" : ""}` });
    let column = 1;
    for (const { text, kind } of fault?.column ? cut(pieces, fault) : pieces) {
      const marked = fault?.column && column >= fault.column && column < fault.column + fault.length;
      line.append(make("span", { className: `${kind}${marked ? " mark" : ""}` }, text));
      column += text.length;
    }
    // A line without text is still one line high.
    if (column === 1) line.append("\u200b");
    if (fault) line.append(make("span", { className: "bubble" }, fault.message));
    return line;
  }
}

/** Lines of pieces with a kind each, and the part of the prompt that a line belongs to. */
function coloured(text) {
  const lines = [{ pieces: [], part: "" }];
  const head = text.startsWith("---") ? text.indexOf("\n---", 3) + 4 : 0;
  let part = "";
  const add = (piece, kind) => {
    piece.split("\n").forEach((one, k) => {
      if (k > 0) lines.push({ pieces: [], part });
      if (one) lines.at(-1).pieces.push({ text: one, kind });
    });
  };
  add(text.slice(0, head), "matter");
  let end = head;
  for (const { 0: tag, index } of text.slice(head).matchAll(TAGS)) {
    add(text.slice(end, head + index), "");
    const block = tag.match(/^\{%-?\s*block\s+(\w+)/);
    if (block) lines.at(-1).part = part = PART[block[1]] ?? "";
    add(tag, KIND[tag.slice(0, 2)]);
    if (/^\{%-?\s*endblock/.test(tag)) part = "";
    end = head + index + tag.length;
  }
  add(text.slice(end), "");
  return lines;
}

/** The pieces, cut where a fault begins and ends. */
function cut(pieces, { column, length }) {
  const out = [];
  let start = 1;
  for (const { text, kind } of pieces) {
    const places = [column - start, column + length - start].filter((p) => p > 0 && p < text.length);
    let done = 0;
    for (const place of [...places, text.length]) {
      out.push({ text: text.slice(done, place), kind });
      done = place;
    }
    start += text.length;
  }
  return out;
}

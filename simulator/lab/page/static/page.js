// The page: what is typed is previewed, evaluated and saved.

import { ask, Unreachable } from "./server.js";
import { byId, make, tell } from "./elements.js";
import { Editor } from "./editor.js";
import { Evaluations } from "./evaluations.js";
import { showPrompt } from "./prompt.js";
import { numbers, Users } from "./users.js";

const PAUSE = 120;

const editor = new Editor(byId("text"), byId("backdrop"), () => {
  noteEdits();
  later();
});
const users = new Users(() => preview());
const evaluations = new Evaluations({
  text: () => editor.text,
  restore: (text) => editor.replace(text),
  changed: () => preview(),
});
let file = null;
let saved = "";
let timer = 0;
let asked = 0;
let busy = false;

function later() {
  clearTimeout(timer);
  timer = setTimeout(preview, PAUSE);
}

/** Ask for what is on the page now; one request is under way at a time, and late answers go. */
async function preview() {
  clearTimeout(timer);
  asked += 1;
  if (busy) return;
  busy = true;
  try {
    let answered;
    do {
      answered = asked;
      const shown = users.shown;
      const answer = await ask("preview", { text: editor.text, cases: users.cases.map(numbers), shown });
      if (answered === asked) show(answer, shown);
    } while (answered !== asked);
    tell(byId("banner"), "");
  } finally {
    busy = false;
  }
}

function show(answer, shown) {
  const status = byId("status");
  const fault = answer.fault;
  document.body.classList.toggle("stale", Boolean(fault));
  status.classList.toggle("fault", Boolean(fault));
  if (fault) {
    editor.mark(fault.line ? fault : null);
    const place = fault.line ? `${fault.place}, line ${fault.line}, column ${fault.column}` : "";
    const link = make("button", { type: "button", className: "link" }, place);
    link.addEventListener("click", () => editor.visit(fault));
    status.replaceChildren(...(place ? [link, ": "] : []), fault.message);
    return;
  }
  editor.mark(null);
  const [click, skip] = answer.labels;
  status.textContent = `${answer.name}, version ${answer.version}: answers ${click} or ${skip}, at most ${answer.window} of a history`;
  users.answered(answer.cases);
  showPrompt(answer.parts, answer.room, users.cases[shown]);
}

function failed(error) {
  tell(byId("banner"), error.message);
}

addEventListener("unhandledrejection", (event) => {
  if (!(event.reason instanceof Unreachable)) return;
  event.preventDefault();
  failed(event.reason);
});

function noteEdits() {
  const edited = editor.text !== saved;
  byId("dirty").hidden = !edited;
  document.title = `${edited ? "• " : ""}${file?.place ?? "prompts"}`;
}

function noteFile(now) {
  file = now;
  byId("place").textContent = now.place;
  byId("place").title = now.shipped ? "Comes with nudgesim: saved as a file of your own" : now.place;
  byId("save-folder").textContent = `In ${now.folder}`;
  noteEdits();
}

async function save(name = "", overwrite = false) {
  const text = editor.text;
  const answer = await ask("save", { text, name, overwrite });
  if (answer.fault) return answer.fault.message;
  if (answer.question) return confirm(answer.question) ? save(name, true) : "Not saved.";
  saved = text;
  noteFile(answer.file);
  return "";
}

async function saveHere() {
  if (file.shipped) saveAs();
  else tell(byId("banner"), await save());
}

function saveAs() {
  tell(byId("save-fault"), "");
  byId("save-name").value = file.shipped ? `my-${file.place.split("/").pop()}` : file.place;
  byId("save-dialog").showModal();
  byId("save-name").select();
}

byId("save").addEventListener("click", saveHere);
byId("save-as").addEventListener("click", saveAs);
byId("save-cancel").addEventListener("click", () => byId("save-dialog").close());
byId("save-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const fault = await save(byId("save-name").value.trim());
  tell(byId("save-fault"), fault);
  if (!fault) byId("save-dialog").close();
});
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey)) return;
  if (event.key.toLowerCase() === "s") {
    event.preventDefault();
    if (!byId("save-dialog").open) saveHere();
  } else if (event.key === "Enter") {
    event.preventDefault();
    evaluations.start();
  }
});
addEventListener("beforeunload", (event) => {
  if (editor.text !== saved) event.preventDefault();
});

async function open() {
  const page = await ask("page");
  saved = page.text;
  editor.open(page.text);
  users.open(page.cases, page.seed);
  noteFile(page.file);
  const facts = ["data", "model", "engine", "examples"];
  byId("facts").replaceChildren(...facts.map((name) => make("span", {}, make("i", {}, name), ` ${page[name]}`)));
  await Promise.all([preview(), evaluations.refresh()]);
}

open();

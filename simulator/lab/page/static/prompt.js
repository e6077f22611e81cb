// The prompt as the model receives it, in the three parts that a prefix cache tells apart.

import { byId, make, whole } from "./elements.js";

const WHEN = { static: "computed once", history: "once a user", candidate: "for each decision" };

export function showPrompt(parts, room, one) {
  const counted = parts[0].tokens !== null;
  const size = (part) => (counted ? part.tokens : part.text.length);
  const unit = counted ? "tokens" : "characters";
  const total = parts.reduce((sum, part) => sum + size(part), 0);
  const over = counted && room !== null && total > room;
  const hint = byId("prompt-hint");
  hint.textContent = `${one.user} · ${whole(total)} ${unit}${room === null ? "" : ` of ${whole(room)}`}`;
  hint.classList.toggle("bad", over);

  byId("tokens").replaceChildren(
    bar(parts, size, total),
    make(
      "ul",
      {},
      ...parts.map((part) =>
        make(
          "li",
          { className: part.kind },
          make("b", {}, part.kind),
          ` ${whole(size(part))} `,
          make("span", { className: "hint" }, WHEN[part.kind]),
        ),
      ),
    ),
  );

  // Parts stand below each other where that is how the prompt reads.
  const apart = parts.slice(0, -1).every(({ text }) => text === "" || text.endsWith("\n"));
  byId("prompt").classList.toggle("apart", apart);
  byId("prompt").replaceChildren(
    ...parts.map((part) => make("span", { className: `part ${part.kind}`, title: `${part.kind}: ${WHEN[part.kind]}` }, part.text)),
  );
}

function bar(parts, size, total) {
  const words = parts.map((part) => `${part.kind} ${whole(size(part))}`).join(", ");
  const whole_ = make("div", { className: "stack", role: "img", "aria-label": `Of ${whole(total)}: ${words}` });
  for (const part of parts) {
    const piece = make("span", { className: part.kind });
    piece.style.flexGrow = size(part);
    whole_.append(piece);
  }
  return whole_;
}

// Requests to the process that serves this page.

const KEY = "nudgesim-token";

// The address has the token behind its `#`; it is kept for this tab and taken out of sight.
if (location.hash.length > 1) {
  sessionStorage.setItem(KEY, location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}

export class Unreachable extends Error {}

/** The answer to a request: an object, which has `fault` where the author must mend something. */
export async function ask(path, body) {
  const headers = { "X-Nudgesim-Token": sessionStorage.getItem(KEY) ?? "" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(`/api/${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Unreachable("The server has ended. Start `nudgesim prompts serve` again and open the address that it prints; your text stays here until you leave.");
  }
  if (response.ok) return response.json();
  const answer = await response.json().catch(() => ({}));
  const detail = Array.isArray(answer.detail) ? answer.detail.map((one) => one.msg).join("; ") : "";
  throw new Unreachable(answer.error ?? `The server could not answer (${response.status}). ${detail}`);
}

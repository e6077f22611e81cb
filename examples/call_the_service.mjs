// A recommender in JavaScript lets nudgesim's users live with it for some rounds.
//
//     nudgesim serve --model pocket --domain movies &
//     node examples/call_the_service.mjs
//
// NUDGESIM_URL says where the service is, NUDGESIM_SERVE_TOKEN what it was started with.

const url = process.env.NUDGESIM_URL ?? "http://127.0.0.1:8100";
const token = process.env.NUDGESIM_SERVE_TOKEN;
const rounds = 5;

const films = [
  "Alien (1979)", "Blade Runner (1982)", "Heat (1995)", "Toy Story (1995)", "Fargo (1996)",
  "Titanic (1997)", "The Matrix (1999)", "Amadeus (1984)", "The Shining (1980)", "Babe (1995)",
];
const users = Array.from({ length: 50 }, (_, number) => ({
  history: [films[number % films.length]],
  seen: new Set([number % films.length]),
}));
const clicks = films.map(() => 0);
const shown = films.map(() => 0);

// The recommender: the unseen film that has been clicked most often when it was shown.
function recommend(user) {
  const rate = (film) => (clicks[film] + 1) / (shown[film] + 2);
  const unseen = films.map((_, film) => film).filter((film) => !user.seen.has(film));
  return unseen.reduce((best, film) => (rate(film) > rate(best) ? film : best));
}

async function decide(exposures, seed) {
  const response = await fetch(`${url}/v1/clicks`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(token && { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ exposures, seed }),
  });
  if (response.status === 503) {
    // Full: nothing was decided, so the same request may come again.
    const seconds = Number(response.headers.get("Retry-After") ?? 1);
    await new Promise((wake) => setTimeout(wake, 1000 * seconds));
    return decide(exposures, seed);
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(`${answer.error.type}: ${answer.error.message}`);
  return answer.decisions;
}

for (let round = 1; round <= rounds; round++) {
  const choices = users.map(recommend);
  const decisions = await decide(
    users.map((user, row) => ({ history: user.history, candidate: films[choices[row]] })),
    round, // a seed of its own for each round, so that the run can be repeated
  );
  let clicked = 0;
  let failed = 0;
  decisions.forEach((decision, row) => {
    const film = choices[row];
    users[row].seen.add(film);
    if (decision.clicked === null) {
      failed += 1; // neither a click nor a no-click: learn nothing from it
      return;
    }
    shown[film] += 1;
    if (decision.clicked) {
      clicked += 1;
      clicks[film] += 1;
      users[row].history.push(films[film]);
    }
  });
  console.log(`round ${round}: ${clicked} of ${users.length} clicked, ${failed} failed`);
}

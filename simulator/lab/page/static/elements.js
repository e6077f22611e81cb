// Elements and numbers.

export const byId = (id) => document.getElementById(id);

/** An element with properties, data-free text and children; strings are text, never HTML. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

export function tell(element, message) {
  element.textContent = message;
  element.hidden = !message;
}

export const fixed = (value, digits = 3) => (value === null || value === undefined ? "–" : value.toFixed(digits));

export function signed(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : `${value < 0 ? "−" : "+"}${text}`;
}

/** Mean logarithmic loss of probabilities against what users did; NaN where nothing is known. */
export function logLoss(pairs) {
  const losses = pairs
    .filter(([p, clicked]) => clicked !== null && p !== null && p !== undefined)
    .map(([p, clicked]) => -Math.log(Math.max(clicked ? p : 1 - p, 1e-7)));
  return losses.reduce((sum, one) => sum + one, 0) / losses.length;
}

export const whole = (value) => value.toLocaleString("en");

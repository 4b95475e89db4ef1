/** JavaScript counts UTF-16 units, the contract counts Unicode code points. */

/** How many code points a text has. */
export function length(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** How many code points lie before this UTF-16 index, as `RegExp` and `indexOf` give it. */
export function before(text, index) {
  return length(text.slice(0, index));
}

/** The span of a UTF-16 range, in code points. */
export function span(text, start, end) {
  const first = before(text, start);
  return { start: first, end: first + length(text.slice(start, end)) };
}

/** The part of a text that a span names. */
export function slice(text, { start, end }) {
  return Array.from(text).slice(start, end).join("");
}

const WHITE_SPACE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const RUN = new RegExp(`[${WHITE_SPACE}]+`, "g");
const ENDS = new RegExp(`^[${WHITE_SPACE}]+|[${WHITE_SPACE}]+$`, "g");

/** A text without white space at its ends, as `trim` does it, but by Unicode's property White_Space. */
export function trim(text) {
  return text.replace(ENDS, "");
}

/** Replaces each run of white space (Unicode's property; `\s` is slightly another set) by what `replace(run, index)` says. */
export function replaceWhiteSpace(text, replace) {
  return text.replace(RUN, replace);
}

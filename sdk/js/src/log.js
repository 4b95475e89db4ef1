import { write as wit } from "steward:log/log@0.1.0";

/** Writes one line. Never log the text of a document: lines are kept, and people read them. */
export function write(level, message, fields = {}) {
  wit(level, message, Object.entries(fields).map(([key, value]) => ({ key, value: String(value) })));
}

export const trace = (message, fields) => write("trace", message, fields);
export const debug = (message, fields) => write("debug", message, fields);
export const info = (message, fields) => write("info", message, fields);
export const warn = (message, fields) => write("warn", message, fields);
export const error = (message, fields) => write("error", message, fields);

/** Writes what was thrown, with its stack. */
export function exception(thrown) {
  const told = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  const stack = thrown?.stack ? `\n${String(thrown.stack).trimEnd()}` : "";
  write("error", `exception: ${told}${stack}`);
}

/** What Steward plugins in JavaScript and TypeScript are written with; `index.d.ts` has the types. */
export * as config from "./config.js";
export * as log from "./log.js";
export * as text from "./text.js";
export { PluginError } from "./errors.js";
export { plugin, serve } from "./exports.js";

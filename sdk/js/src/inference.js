import { open as wit } from "steward:inference/inference@0.1.0";
import { PluginError } from "./errors.js";

const CODES = { "no-such": "unavailable", unavailable: "unavailable", "invalid-input": "invalid-input" };

/** What the host refuses, as an error that the plugin can pass on. */
function translated(run) {
  try {
    return run();
  } catch (error) {
    if (error?.payload?.tag === undefined) throw error;
    throw new PluginError(CODES[error.payload.tag] ?? "other", String(error.payload.val));
  }
}

/** Opens a model by `name`, `name@version` or `name@alias`. The manifest requests it and the deployment grants it. */
export function open(name) {
  const model = translated(() => wit(name));
  return {
    embed: (texts) => translated(() => model.embed(texts)),
    classify: (texts, labels) => translated(() => model.classify(texts, labels)),
    classifyTokens: (texts) => translated(() => model.classifyTokens(texts)),
    scorePairs: (pairs) => translated(() => model.scorePairs(pairs)),
  };
}

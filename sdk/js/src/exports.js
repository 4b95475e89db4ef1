import { PluginError } from "./errors.js";
import * as log from "./log.js";

/**
 * What a typed world exports, from an object with its functions. What they throw is written into the log with its stack;
 * a `PluginError` is the answer of the call, anything else ends it as a crash.
 */
export function plugin(functions) {
  const guarded = (run) => (...args) => {
    try {
      return run(...args);
    } catch (error) {
      if (!(error instanceof PluginError)) log.exception(error);
      throw error;
    }
  };
  return Object.fromEntries(Object.entries(functions).map(([name, run]) => [name, guarded(run)]));
}

/**
 * Answers HTTP: `answer` takes a `Request` and gives a `Response`, or a promise of one. What it throws is written into
 * the log with its stack, and the caller gets problem details with the status 500.
 */
export function serve(answer) {
  const guarded = async (request) => {
    try {
      return await answer(request);
    } catch (error) {
      log.exception(error);
      const problem = { status: 500, detail: "the function failed; its log says why" };
      return new Response(JSON.stringify(problem), {
        status: 500,
        headers: { "content-type": "application/problem+json" },
      });
    }
  };
  addEventListener("fetch", (event) => event.respondWith(guarded(event.request)));
}

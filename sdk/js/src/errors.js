/**
 * Why a batch as a whole could not be treated. `code` is `invalid-input`, `invalid-config`, `unavailable` or `other`.
 * A single bad text is never an error: it is an outcome of its own.
 */
export class PluginError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "PluginError";
    this.code = code;
    // What the engine hands to the host for a thrown error.
    this.payload = { tag: code, val: message };
  }
}

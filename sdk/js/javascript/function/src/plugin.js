/**
 * An HTTP function (`wasi:http` 0.2): `POST /` takes a customer message and answers a normalised record,
 * `GET /limits` says what is asked of a message.
 *
 * This file is the HTTP around `message.js`.
 */
import { log, serve } from "steward-sdk";

import { Refusal, check, limits } from "./message.js";

/** The largest body that is read, in bytes. The host has a limit of its own. */
const MAX_BODY_BYTES = 1024 * 1024;

serve(async (request) => {
  // The path is relative to the function: /f/{tenant}/{function}/ is / here.
  const { pathname } = new URL(request.url);
  try {
    switch (pathname) {
      case "/":
        if (request.method !== "POST") throw new Refusal(405, "POST a message");
        break;
      case "/limits":
        if (request.method !== "GET") throw new Refusal(405, "GET the limits");
        return json(200, "application/json", limits());
      default:
        throw new Refusal(404, `there is nothing at ${pathname}`);
    }
    const record = check(await bytes(request));
    // `steward function logs` shows it. Never log the text itself.
    log.info("took a message", { characters: record.characters, script: record.script });
    return json(200, "application/json", record);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    log.warn(error.message, { status: error.status });
    // Problem details (RFC 9457).
    return json(error.status, "application/problem+json", { status: error.status, detail: error.message });
  }
});

function json(status, type, value) {
  return new Response(JSON.stringify(value), { status, headers: { "content-type": type } });
}

/** Reads a body, and no more of it than is taken. */
async function bytes(request) {
  const parts = [];
  let size = 0;
  const reader = request.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done) break;
    size += value.byteLength;
    if (size > MAX_BODY_BYTES) throw new Refusal(413, `at most ${MAX_BODY_BYTES} bytes are taken`);
    parts.push(value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

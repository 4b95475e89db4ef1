/** What the function does, without HTTP. */
import { config, text } from "steward-sdk";

/** Why there is no record: an HTTP status and a text for people. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

/** What a client sends. */
interface Message {
  id: string;
  text: string;
}

/** What it gets back. */
export interface Record extends Message {
  /** Unicode code points of the text. */
  characters: number;
  script: "none" | "han" | "other";
}

/** What is asked of a message. */
export function limits(): { max_characters: number } {
  return { max_characters: config.integer("max_characters", 2000) };
}

/** Reads a message in JSON, as bytes, and makes a record of it. */
export function check(body: Uint8Array): Record {
  const { max_characters: most } = limits();
  const message = parse(body);
  const trimmed = text.trim(message.text);
  const characters = text.length(trimmed);
  if (characters === 0) throw new Refusal(422, "the message is empty");
  if (characters > most) throw new Refusal(422, `${characters} characters; at most ${most} are taken`);
  return { id: message.id, text: trimmed, characters, script: script(trimmed) };
}

/** A message has an id and a text, and nothing else. */
function parse(body: Uint8Array): Message {
  let message: unknown;
  try {
    message = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    throw new Refusal(422, `not JSON in UTF-8: ${(error as Error).message}`);
  }
  if (message === null || typeof message !== "object" || Array.isArray(message)) {
    throw new Refusal(422, "a message is an object with `id` and `text`");
  }
  const fields = message as { [field: string]: unknown };
  for (const field of ["id", "text"]) {
    const value = fields[field];
    if (typeof value !== "string" || /[\ud800-\udfff]/u.test(value)) {
      throw new Refusal(422, `\`${field}\` must be a text`);
    }
  }
  const unknown = Object.keys(fields).find((field) => field !== "id" && field !== "text");
  if (unknown !== undefined) throw new Refusal(422, `unknown field \`${unknown}\``);
  return fields as unknown as Message;
}

/** The script most letters belong to. */
function script(text: string): Record["script"] {
  let han = 0;
  let other = 0;
  for (const character of text) {
    if (/[\u{3400}-\u{9fff}\u{20000}-\u{323af}]/u.test(character)) han += 1;
    else if (isLetter(character)) other += 1;
  }
  if (han === 0 && other === 0) return "none";
  // A Chinese character says about as much as three Latin letters.
  return han * 3 >= other ? "han" : "other";
}

/** The engine knows no `\p{Letter}`: a letter has capitals, or lies among the scripts that have none. */
function isLetter(character: string): boolean {
  const hasCapitals = character.toLowerCase() !== character.toUpperCase();
  return hasCapitals || /[\u0590-\u1fff\u3040-\u33ff\uac00-\ud7af]/.test(character);
}

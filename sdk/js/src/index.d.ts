/** One text of a batch. */
export interface Document {
  /** Unique within the batch. Answers refer to a document by position, not by id. */
  id: string;
  /** May be empty. */
  text: string;
}

/** A half-open range of a text, in Unicode code points. */
export interface Span {
  start: number;
  end: number;
}

/** A rule that changed a text, and in how many places (at least one). */
export interface Change {
  rule: string;
  count: number;
}

/** What became of one text. */
export type Outcome =
  | { tag: "kept" }
  | { tag: "changed"; val: { text: string; changes: Change[] } }
  | { tag: "dropped"; val: { rule: string; detail: string } };

/** What identifies a text among others: 32 hexadecimal digits, or "" without an opinion. */
export interface Signature {
  exact: string;
  minhash: Uint32Array | number[];
}

/** A plugin of the world `cleaner`. Each answer has one entry per document, in order. */
export interface Cleaner {
  clean(batch: Document[]): Outcome[];
  /** Lets the host find duplicates across batches. */
  fingerprint(batch: Document[]): Signature[];
}

export type ErrorCode = "invalid-input" | "invalid-config" | "unavailable" | "other";

/** Why a batch as a whole could not be treated. A single bad text is never an error: it is an outcome of its own. */
export class PluginError extends Error {
  constructor(code: ErrorCode, message: string);
  readonly code: ErrorCode;
}

/**
 * What a typed world exports, from an object with its functions: `export const cleaner = plugin({ clean, fingerprint })`.
 * What they throw is written into the log with its stack; a `PluginError` is the answer of the call, anything else ends
 * it as a crash.
 */
export function plugin<T extends object>(functions: T): T;

/** Answers HTTP. What `answer` throws is logged with its stack, and the caller gets problem details with status 500. */
export function serve(answer: (request: Request) => Response | Promise<Response>): void;

/** The configuration of the deployed function. A key must be declared in `steward.toml`. */
export namespace config {
  /** What the deployment sets, else the default of the manifest, else undefined. */
  function get(key: string): string | undefined;
  /** A whole number, not below zero. A value that is none fails the call with `invalid-config`. */
  function integer(key: string, otherwise: number): number;
  function number(key: string, otherwise: number): number;
  function boolean(key: string, otherwise: boolean): boolean;
}

/** Structured log lines: `steward function logs` shows them. Never log the text of a document. */
export namespace log {
  type Level = "trace" | "debug" | "info" | "warn" | "error";
  type Fields = Record<string, string | number | boolean>;
  function write(level: Level, message: string, fields?: Fields): void;
  function trace(message: string, fields?: Fields): void;
  function debug(message: string, fields?: Fields): void;
  function info(message: string, fields?: Fields): void;
  function warn(message: string, fields?: Fields): void;
  function error(message: string, fields?: Fields): void;
  /** Writes what was thrown, with its stack. */
  function exception(thrown: unknown): void;
}

/** JavaScript counts UTF-16 units, the contract counts Unicode code points. */
export namespace text {
  /** How many code points a text has. */
  function length(text: string): number;
  /** How many code points lie before this UTF-16 index. */
  function before(text: string, index: number): number;
  /** The span of a UTF-16 range. */
  function span(text: string, start: number, end: number): Span;
  /** The part of a text that a span names. */
  function slice(text: string, span: Span): string;
  /** A text without white space at its ends, as `trim` does it, but by Unicode's property White_Space. */
  function trim(text: string): string;
  /** Replaces each run of white space (Unicode's property; `\s` is slightly another set) by what `replace` says. */
  function replaceWhiteSpace(text: string, replace: (run: string, index: number) => string): string;
}

/**
 * Cleans batches of texts: white space is collapsed, what is too short or said twice is dropped.
 *
 * Every text gets an outcome, and every change or drop says which rule made it.
 */
import { type Cleaner, type Outcome, config, log, plugin, text } from "steward-sdk";

interface Settings {
  minChars: number;
  dropDuplicates: boolean;
}

/** Read in every call: a call gets a fresh instance. A value that does not parse fails the call with `invalid-config`. */
function settings(): Settings {
  return {
    minChars: config.integer("min_chars", 2),
    dropDuplicates: config.boolean("drop_duplicates", true),
  };
}

export const cleaner = plugin<Cleaner>({
  clean(batch) {
    const { minChars, dropDuplicates } = settings();
    // What was seen in this batch, and the id of the document that said it first.
    const seen = new Map<string, string>();
    const outcomes = batch.map((document): Outcome => {
      const collapsed = collapseWhiteSpace(document.text);
      const chars = text.length(collapsed.text);
      if (chars < minChars) return dropped("too-short", `${chars} < ${minChars} characters`);
      const first = seen.get(key(collapsed.text));
      if (first !== undefined && dropDuplicates) return dropped("duplicate", `same as ${first}`);
      seen.set(key(collapsed.text), document.id);
      if (collapsed.places === 0) return { tag: "kept" };
      const changes = [{ rule: "whitespace", count: collapsed.places }];
      return { tag: "changed", val: { text: collapsed.text, changes } };
    });
    const count = outcomes.filter((outcome) => outcome.tag === "dropped").length;
    // `steward function logs` shows it. Never log the texts themselves.
    log.info("cleaned a batch", { documents: batch.length, dropped: count });
    return outcomes;
  },

  /** Lets the host find the same text in different batches. */
  fingerprint(batch) {
    settings();
    return batch.map((document) => ({
      exact: fnv1a128(new TextEncoder().encode(key(collapseWhiteSpace(document.text).text))),
      minhash: [],
    }));
  },
});

function dropped(rule: string, detail: string): Outcome {
  return { tag: "dropped", val: { rule, detail } };
}

/** What two texts have in common that are the same to this plugin. */
function key(text: string): string {
  return text.toLowerCase();
}

/** Every run of white space becomes one space, none stays at the ends. Answers in how many places that changed the text. */
function collapseWhiteSpace(given: string): { text: string; places: number } {
  let places = 0;
  const collapsed = text.replaceWhiteSpace(given, (run, at) => {
    const inside = at > 0 && at + run.length < given.length;
    if (!inside || run !== " ") places += 1;
    return inside ? " " : "";
  });
  return { text: collapsed, places };
}

/** The 128-bit hash FNV-1a (RFC 9923), 32 hexadecimal digits. */
function fnv1a128(bytes: Uint8Array): string {
  let hash = 0x6c62272e07bb014262b821756295c58dn;
  for (const byte of bytes) {
    hash = BigInt.asUintN(128, (hash ^ BigInt(byte)) * 0x0000000001000000000000000000013bn);
  }
  return hash.toString(16).padStart(32, "0");
}

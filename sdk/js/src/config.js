import { get as wit } from "steward:config/config@0.1.0";
import { PluginError } from "./errors.js";

/** The value of a key: what the deployment sets, else the default of the manifest, else undefined. */
export function get(key) {
  try {
    return wit(key);
  } catch (error) {
    if (error?.payload?.tag === "undeclared") {
      const message = `\`${key}\`: steward.toml does not declare it; add \`[config.${key}]\``;
      throw new PluginError("invalid-config", message);
    }
    throw new PluginError("other", String(error?.payload?.val ?? error));
  }
}

function parsed(key, otherwise, kind, read) {
  const value = get(key);
  if (value === undefined) return otherwise;
  const result = read(value.trim());
  if (result === undefined) throw new PluginError("invalid-config", `\`${key} = ${value}\`: not ${kind}`);
  return result;
}

/** A key that holds a whole number, not below zero. */
export function integer(key, otherwise) {
  return parsed(key, otherwise, "a whole number", (value) => {
    const number = Number(value);
    return /^[0-9]+$/.test(value) && Number.isSafeInteger(number) ? number : undefined;
  });
}

/** A key that holds a number. */
export function number(key, otherwise) {
  return parsed(key, otherwise, "a number", (value) => {
    const number = Number(value);
    return value !== "" && Number.isFinite(number) ? number : undefined;
  });
}

/** A key that holds `true` or `false`. */
export function boolean(key, otherwise) {
  return parsed(key, otherwise, "`true` or `false`", (value) => ({ true: true, false: false })[value]);
}

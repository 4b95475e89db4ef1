// Makes a component of a plugin in JavaScript or TypeScript; `steward plugin build` runs it:
//
//   node build.mjs TOOLS ENTRY WORLD WIT BUNDLE COMPONENT
//
// TOOLS is a folder whose node_modules holds esbuild and @bytecodealliance/componentize-js. The plugin and the packages
// it imports become one file (BUNDLE), which is also where the lines of a stack point; TypeScript loses its types.
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [tools, entry, world, wit, bundle, component] = process.argv.slice(2);
const sdk = join(dirname(fileURLToPath(import.meta.url)), "src");
const modules = join(tools, "node_modules");
const { build } = createRequire(join(modules, "steward.cjs"))("esbuild");

try {
  await build({
    entryPoints: [entry],
    outfile: bundle,
    bundle: true,
    format: "esm",
    target: "es2022",
    platform: "neutral",
    mainFields: ["module", "main"],
    external: ["steward:*", "wasi:*"],
    alias: { "steward-sdk/inference": join(sdk, "inference.js"), "steward-sdk": join(sdk, "index.js") },
    logLevel: "error",
  });
} catch {
  process.exit(1); // esbuild has said why
}

// Imported by its path: the package offers itself to `import` alone.
const { componentize } = await import(pathToFileURL(join(modules, "@bytecodealliance/componentize-js/src/componentize.js")));
// A typed world needs nothing of WASI, and then its component imports nothing of it.
const features = world === "function" ? [] : ["stdio", "random", "clocks", "http", "fetch-event"];
try {
  const made = await componentize({ sourcePath: bundle, witPath: wit, worldName: world, disableFeatures: features });
  await writeFile(component, made.component);
} catch (error) {
  console.error(String(error?.message ?? error));
  process.exit(1);
}

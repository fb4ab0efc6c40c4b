/**
 * Builds the package `@miaodan/client` into `dist/sdk`, which is also what the server serves under `/sdk/`.
 * One run per entry, so that each is one file: `vite build --config vite.sdk.config.ts --mode client|msgpack`.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const ENTRIES = {
  client: { source: "src/sdk/index.ts", file: "miaodan-client", types: "./types/index.js" },
  msgpack: { source: "src/sdk/codec-msgpack.ts", file: "miaodan-client-msgpack", types: "./types/codec-msgpack.js" },
};

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const read = (path: string): string => readFileSync(here(path), "utf8");

/** The Python package's version: both are released together. */
function version(): string {
  const found = /^version = "([^"]+)"$/m.exec(read("../../pyproject.toml"))?.[1];
  if (found === undefined) throw new Error("pyproject.toml names no version");
  return found;
}

/** What a package holds besides its code. */
function packageFiles(file: string, types: string): Plugin {
  return {
    name: "miaodan-package-files",
    generateBundle() {
      const manifest = { ...(JSON.parse(read("src/sdk/package.json")) as object), version: version() };
      const files = {
        "package.json": `${JSON.stringify(manifest, null, 2)}\n`,
        "README.md": read("src/sdk/README.md"),
        LICENSE: read("src/sdk/LICENSE"),
        [`${file}.d.ts`]: `export * from "${types}";\n`,
      };
      for (const [fileName, source] of Object.entries(files)) this.emitFile({ type: "asset", fileName, source });
    },
  };
}

export default defineConfig(({ mode }) => {
  const entry = mode === "msgpack" ? ENTRIES.msgpack : ENTRIES.client;
  const ours = `/*! @miaodan/client ${version()}, Apache-2.0 */`;
  const theirs = `/*!\n@msgpack/msgpack\n${read("node_modules/@msgpack/msgpack/LICENSE").trim()}\n*/`;
  return {
    publicDir: false,
    plugins: [packageFiles(entry.file, entry.types)],
    build: {
      target: "es2022",
      outDir: "dist/sdk",
      emptyOutDir: false,
      sourcemap: true,
      lib: { entry: here(entry.source), formats: ["es"], fileName: () => `${entry.file}.js` },
      rollupOptions: { output: { banner: mode === "msgpack" ? `${ours}\n${theirs}` : ours } },
    },
  };
});

/** What the pages' build does beyond bundling. */

import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { build, type Plugin } from "vite";

/**
 * Puts `source`, bundled by itself, into every page's head as a plain script. A module would run
 * after the first paint, and the pages' Content-Security-Policy allows no script within the page.
 */
export function firstPaint(source: string): Plugin {
  let file = "";
  return {
    name: "miaodan-first-paint",
    apply: "build",
    async buildStart() {
      const built = await build({
        configFile: false,
        logLevel: "warn",
        build: {
          write: false,
          target: "es2022",
          lib: { entry: source, formats: ["iife"], name: "miaodanFirstPaint" },
        },
      });
      const output = (Array.isArray(built) ? built : [built]).flatMap((bundle) => ("output" in bundle ? bundle.output : []));
      const code = output.find((part) => part.type === "chunk")?.code;
      if (code === undefined) this.error(`${source} came to nothing`);
      file = `assets/first-paint-${createHash("sha256").update(code).digest("hex").slice(0, 8)}.js`;
      this.emitFile({ type: "asset", fileName: file, source: code });
    },
    transformIndexHtml: {
      order: "post",
      handler: () => [{ tag: "script", attrs: { src: `/${file}` }, injectTo: "head" }],
    },
  };
}

const SMALLEST = 512;

/** A `.br` and a `.gz` beside each text file under `assets/`, which the server sends as they are. */
export function compressedCopies(): Plugin {
  const zipped = promisify(gzip);
  const brotli = promisify(brotliCompress);
  return {
    name: "miaodan-compressed-copies",
    apply: "build",
    async writeBundle(options) {
      const folder = join(options.dir ?? "dist", "assets");
      const names = (await readdir(folder)).filter((name) => /\.(css|js|json|svg)$/.test(name));
      await Promise.all(
        names.map(async (name) => {
          const content = await readFile(join(folder, name));
          if (content.length < SMALLEST) return;
          await writeFile(join(folder, `${name}.gz`), await zipped(content, { level: 9 }));
          const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
          await writeFile(join(folder, `${name}.br`), await brotli(content, { params: quality }));
        }),
      );
    },
  };
}

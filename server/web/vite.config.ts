import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { compressedCopies, firstPaint } from "./vite-plugins.js";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The development server answers the same paths as the Python server does. */
function roomPaths(): Plugin {
  return {
    name: "miaodan-room-paths",
    configureServer(server) {
      server.middlewares.use((request, _response, next) => {
        const path = request.url ?? "";
        if (/^\/live\/[^/.]+\/?(\?|$)/.test(path)) request.url = "/live.html";
        else if (/^\/console\/[^/.]+\/?(\?|$)/.test(path)) request.url = "/console.html";
        next();
      });
    },
    transformIndexHtml: {
      order: "post",
      handler: (html, context) =>
        context.server === undefined
          ? html
          : html.replace('name="miaodan-mode" content="live"', 'name="miaodan-mode" content="demo"'),
    },
  };
}

const upstream = process.env["MIAODAN_UPSTREAM"] ?? "http://127.0.0.1:8460";

export default defineConfig({
  base: "/",
  plugins: [roomPaths(), firstPaint(here("src/pages/first-paint.ts")), compressedCopies()],
  resolve: { alias: { "@miaodan/client": here("src/sdk/index.ts") } },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: {
    proxy: {
      "/ws": { target: upstream, ws: true },
      "/api": { target: upstream },
      "/demo/token": { target: upstream },
    },
  },
  build: {
    target: "es2022",
    // The pages' Content-Security-Policy is `default-src 'self'`: nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      checks: { pluginTimings: false },
      input: {
        index: here("index.html"),
        live: here("live.html"),
        console: here("console.html"),
        missing: here("missing.html"),
      },
    },
  },
});

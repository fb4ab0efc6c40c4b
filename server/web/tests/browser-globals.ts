/** The little of a browser that the pages' pure modules touch when they are loaded. */

import { vi } from "vitest";

const kept = new Map<string, string>();
vi.stubGlobal("navigator", { languages: ["en-US"], language: "en-US", onLine: true });
vi.stubGlobal("document", { documentElement: { lang: "", dataset: {} } });
vi.stubGlobal("localStorage", {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => void kept.set(key, value),
});
vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => undefined }));

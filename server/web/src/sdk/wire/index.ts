/**
 * The wire contract, version 1.
 *
 * Times (`..._at`, `server_time`) are integer milliseconds since the Unix epoch on the server's clock,
 * durations end in `_ms`, money is integer minor units of the room's currency.
 *
 * Made by `python -m schemas.typescript`; the source is `schemas/*.py`. Not to be edited here.
 */

export * from "./codes.js";
export * from "./commands.js";
export * from "./events.js";
export * from "./http.js";
export * from "./models.js";

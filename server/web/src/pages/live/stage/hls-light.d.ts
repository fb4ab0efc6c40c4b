/** The light build has the full one's interface, less alternate audio, subtitles and DRM; its package has no types for it. */
declare module "hls.js/light" {
  export * from "hls.js";
  export { default } from "hls.js";
}

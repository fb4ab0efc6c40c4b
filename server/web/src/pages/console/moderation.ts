/** Who was muted from this desk, and until when. Pure: times come in. */

export const MUTES = [60_000, 600_000, 3_600_000, null] as const;
export const KICKS = [600_000, 86_400_000, null] as const;
/** How long; null: for good. */
export type Lasting = number | null;

export interface Muted {
  user: string;
  name: string;
  /** On the server's clock; null: until unmuted. */
  until: number | null;
}

/** The list with one more, the latest first; somebody who is in it already is moved. */
export function withMuted(all: readonly Muted[], one: Muted): Muted[] {
  return [one, ...all.filter((other) => other.user !== one.user)];
}

/** Those who are still muted at `now`. */
export function stillMuted(all: readonly Muted[], now: number): Muted[] {
  return all.filter((one) => one.until === null || one.until > now);
}

export function withoutMuted(all: readonly Muted[], user: string): Muted[] {
  return all.filter((one) => one.user !== user);
}

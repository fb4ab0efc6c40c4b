/** The room as this client knows it, and its place in the room's log. */

import { applyEvent } from "./room.js";
import type { Resume, RoomSnapshot, RoomState, SequencedEvent, Welcome } from "./wire/index.js";

export class Replica {
  room: RoomSnapshot | null = null;
  private epoch: string | null = null;
  private seq = 0;

  /** Where to go on from after a reconnect; null: from nothing. */
  get place(): Resume | null {
    return this.epoch === null || this.room === null ? null : { epoch: this.epoch, seq: this.seq };
  }

  welcomed(event: Welcome): void {
    this.epoch = event.epoch;
    if (event.recovered) return;
    this.seq = event.seq;
    this.room = event.room ?? null;
  }

  /** Applies an event of the log: `seen` where it was applied before, `gap` where others are missing before it. */
  sequenced(event: SequencedEvent): "applied" | "seen" | "gap" {
    if (event.seq <= this.seq) return "seen";
    if (event.seq !== this.seq + 1) return "gap";
    this.state(event);
    this.seq = event.seq;
    return "applied";
  }

  state(event: RoomState | SequencedEvent): void {
    if (this.room !== null) this.room = applyEvent(this.room, event);
  }
}

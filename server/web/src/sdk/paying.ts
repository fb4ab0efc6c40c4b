/**
 * Orders whose payment the provider has not decided: `order.pay`, or `order.place` with `pay`, was
 * accepted and the order is still unpaid. A newer version of the order, or an `error` about it, ends that.
 */

import type { Asking, Order, OrderAccepted } from "./wire/index.js";

export class Paying {
  /** Commands under way that pay, by id. */
  private readonly asked = new Set<number>();
  /** The version that was accepted unpaid, by order id. */
  private readonly undecided = new Map<string, number>();

  has(order: Order): boolean {
    return this.undecided.get(order.order) === order.version;
  }

  sent(id: number, command: Asking): void {
    if (command.type === "order.pay" || (command.type === "order.place" && command.pay === true)) this.asked.add(id);
  }

  /** Whatever became of a command, it is not under way any more. */
  over(id: number): void {
    this.asked.delete(id);
  }

  accepted({ id, order, replayed }: OrderAccepted): void {
    // A placement that is told again is what was stored: nobody is paying for it by that.
    if (!this.asked.delete(id) || replayed) return;
    if (order.status === "reserved" || order.status === "expired") this.undecided.set(order.order, order.version);
  }

  ended(order: string): void {
    this.undecided.delete(order);
  }
}

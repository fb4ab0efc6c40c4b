/** How the parts of the desk send a command. */

import type { DanmakuSend, HostCommand } from "@miaodan/client";

/** Sends a command; the error it was refused with (already shown), or null. */
export type Act = (command: HostCommand | DanmakuSend) => Promise<Error | null>;

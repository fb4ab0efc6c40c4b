// The built client against a real server. Standard input: {sdk, server, encoding, tokens, key}; standard
// output: {case: "passed" or what was wrong}. Every case has rooms of its own, all run at once.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { text } from "node:stream/consumers";

const { sdk, server, encoding, tokens, key } = JSON.parse(await text(process.stdin));
const { CloseCode, CommandError, isSequenced, joinRoom, ReplyTimeout, saleWindow, SessionClosed } = await import(
  `${sdk}/miaodan-client.js`
);
const { msgpackCodec } = await import(`${sdk}/miaodan-client-msgpack.js`);
const codec = encoding === "msgpack" ? { codec: msgpackCodec } : {};
const backoff = { baseMs: 50, capMs: 500 };

/** A room for one case. */
const roomOf = (name) => `${encoding}-${name}`;
const join = (room, user, more = {}) =>
  joinRoom(more.via ?? server, room, { token: tokens[`${user}-${room}`] ?? null, backoff, ...codec, ...more });
/** A user's id; limits are counted per user, so each case has its own. */
const idOf = (user, name) => `${user}-${roomOf(name)}`;
const until = async (client, holds) => {
  const look = () => holds(client);
  if (!look()) await client.next("change", { where: look, timeoutMs: 15_000 });
};
const refused = (code, more = {}) => (error) => {
  assert(error instanceof CommandError, String(error));
  assert.equal(error.code, code);
  for (const [name, value] of Object.entries(more)) assert.equal(error[name], value, name);
  return true;
};
const ended = async (client) => {
  const error = await client.next("open").catch((caught) => caught);
  assert(error instanceof SessionClosed, String(error));
  return error.code;
};

/** A host of a room that is live and sells tea. */
async function shop(name, stock = 5, more = {}) {
  const host = join(roomOf(name), "host", { control: true });
  await host.request({ type: "room.start" });
  await host.request({ type: "product.mount", product: { sku: "tea", title: "Tea", price: 990, stock, ...more } });
  return host;
}

/** A line to the server that can be cut, or made deaf or mute, while those who use it do not know. */
async function line() {
  const pairs = new Set();
  const state = { deaf: false, mute: false };
  const proxy = createServer((near) => {
    const far = connect({ host: "127.0.0.1", port: Number(new URL(server).port) });
    const pair = [near, far];
    pairs.add(pair);
    near.on("data", (data) => state.mute || far.write(data));
    far.on("data", (data) => state.deaf || near.write(data));
    for (const [one, other] of [pair, [far, near]]) {
      one.on("error", () => undefined);
      one.on("close", () => other.destroy());
    }
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return Object.assign(state, {
    address: `http://127.0.0.1:${proxy.address().port}`,
    cut() {
      for (const [near, far] of pairs) [near, far].map((socket) => socket.destroy());
      pairs.clear();
    },
    async close() {
      proxy.close();
      this.cut();
    },
  });
}

const cases = {
  async "a welcome brings who I am, the room and the server's clock"() {
    const host = await shop("welcome");
    const ann = await join(roomOf("welcome"), "ann").ready;
    const id = idOf("ann", "welcome");
    assert.deepEqual(ann.user, { id, name: id, role: "viewer" });
    assert.equal(ann.room.products[0].title, "Tea");
    await until(ann, () => ann.clock.synchronised);
    assert(Math.abs(ann.clock.now() - Date.now()) < 250, `${ann.clock.offset}`);
    const sale = { sku: "tea", price: 500, stock: 2, starts_in_ms: 60_000, duration_ms: 60_000 };
    await host.request({ type: "sale.schedule", ...sale });
    await until(ann, () => ann.room.sales.length === 1);
    assert.equal(saleWindow(ann.room.sales[0], ann.clock.now()), "before");
    assert(Math.abs(ann.clock.remaining(ann.room.sales[0].starts_at) - 60_000) < 10_000);
    return [host, ann];
  },

  async "what one says all hear, in any alphabet"() {
    const host = await shop("chat");
    const [ann, bob] = await Promise.all(["ann", "bob"].map((user) => join(roomOf("chat"), user).ready));
    const heard = bob.next("danmaku");
    const said = await ann.say("下单了 🍵 <b>");
    assert.equal((await heard).text, "下单了 🍵 <b>");
    assert.equal((await heard).message, said.message);
    const recalled = bob.next("danmaku.recalled");
    await host.request({ type: "danmaku.recall", message: said.message });
    assert.equal((await recalled).message, said.message);
    ann.like(7);
    await until(bob, () => bob.room.likes === 7);
    return [host, ann, bob];
  },

  async "refusals have their codes"() {
    const host = join(roomOf("codes"), "host", { control: true });
    const ann = await join(roomOf("codes"), "ann").ready;
    await host.request({ type: "product.mount", product: { sku: "tea", title: "T", price: 9, stock: 2, per_user_limit: 1 } });
    await assert.rejects(ann.order({ sku: "tea" }), refused("not_open"));
    await host.request({ type: "room.start" });
    await assert.rejects(ann.order({ sku: "nothing" }), refused("not_found"));
    await assert.rejects(ann.order({ sku: "tea", quantity: 2 }), refused("limit_exceeded"));
    const { order } = await ann.order({ sku: "tea", requestId: "mine" });
    await assert.rejects(ann.order({ sku: "tea", requestId: "mine", pay: true }), refused("request_mismatch"));
    assert.equal((await ann.cancel(order.order)).order.status, "cancelled");
    await assert.rejects(ann.request({ type: "room.end" }), refused("forbidden"));
    await assert.rejects(ann.say(""), refused("invalid", { field: "text" }));
    await assert.rejects(ann.say("so badword"), refused("blocked_words"));
    await host.request({ type: "viewer.mute", user: idOf("ann", "codes"), duration_ms: 60_000 });
    await assert.rejects(ann.say("hm"), refused("muted"));
    await host.request({ type: "product.restock", sku: "tea", delta: -2 });
    const bob = await join(roomOf("codes"), "bob").ready;
    await assert.rejects(bob.order({ sku: "tea" }), refused("sold_out"));
    const words = await Promise.allSettled(Array.from({ length: 6 }, (_, i) => bob.say(`w${i}`)));
    const late = words.filter((word) => word.status === "rejected").map((word) => word.reason);
    assert(late.length > 0 && late.every(refused("rate_limited")));
    assert(late[0].retryAfterMs > 0);
    return [host, ann, bob];
  },

  async "a guest watches and does not speak"() {
    const host = await shop("guest");
    const guest = await join(roomOf("guest"), "nobody").ready;
    assert.equal(guest.user.role, "guest");
    await assert.rejects(guest.say("hi"), refused("unauthorized"));
    const shown = guest.next("room.updated");
    await host.request({ type: "room.announce", text: "soon" });
    assert.equal((await shown).announcement, "soon");
    assert.equal(guest.room.announcement, "soon");
    return [host, guest];
  },

  async "after a cut nothing is missing"() {
    const host = await shop("resume");
    const wire = await line();
    const ann = await join(roomOf("resume"), "ann", { via: wire.address }).ready;
    const heard = [];
    for (const type of ["room.updated", "product.mounted", "product.pinned"]) {
      ann.on(type, (event) => isSequenced(event) && heard.push(event.seq));
    }
    await host.request({ type: "room.announce", text: "one" });
    await until(ann, () => ann.room.announcement === "one");
    const back = ann.next("welcome");
    wire.cut();
    const done = [];
    for (let i = 0; i < 4; i++) done.push(await host.request({ type: "room.announce", text: `missed ${i}` }));
    done.push(await host.request({ type: "product.mount", product: { sku: "cake", title: "C", price: 5, stock: 3 } }));
    done.push(await host.request({ type: "product.pin", sku: "cake" }));
    assert.equal((await back).recovered, true);
    await until(ann, () => ann.room.products.some((product) => product.pinned));
    assert.deepEqual(heard.slice(1), done.map((reply) => reply.seq));
    assert.equal(ann.room.announcement, "missed 3");
    // Numbers travel on the state lane, to each in its own time.
    const same = () => isDeepStrictEqual({ ...ann.room, online: 0 }, { ...host.room, online: 0 });
    await Promise.race([until(ann, same), until(host, same)]);
    assert.deepEqual({ ...ann.room, online: 0 }, { ...host.room, online: 0 });
    await wire.close();
    return [host, ann];
  },

  async "an order whose reply is lost with the socket has one outcome"() {
    const host = await shop("order");
    const wire = await line();
    const ann = await join(roomOf("order"), "ann", { via: wire.address }).ready;
    const other = await join(roomOf("order"), "ann").ready;
    for (const [pay, left] of [[false, 4], [true, 3]]) {
      const requestId = `killed-${pay}`;
      wire.deaf = true;
      const placed = ann.order({ sku: "tea", pay, requestId });
      const known = await other.next("order.updated", { where: ({ order }) => order.request_id === requestId, timeoutMs: 300 })
        .catch(() => undefined);
      // The store has it: somebody else of the same user finds it by its request.
      for (let found = known; found === undefined; ) {
        found = await other.request({ type: "order.get", request_id: requestId }).catch(refused("not_found") && (() => undefined));
      }
      wire.deaf = false;
      wire.cut();
      const { order } = await placed;
      assert.equal(order.request_id, requestId);
      assert.equal(order.status, pay ? "paid" : "reserved");
      await until(ann, () => ann.room.products[0].available === left);
      assert.equal(ann.orders.get(order.order).version >= order.version, true);
    }
    await wire.close();
    return [host, ann, other];
  },

  async "a command without a reply is given up in time"() {
    const host = await shop("timeout");
    const wire = await line();
    const ann = await join(roomOf("timeout"), "ann", { via: wire.address }).ready;
    wire.deaf = true;
    await assert.rejects(ann.say("hello?", { timeoutMs: 200 }), ReplyTimeout);
    await wire.close();
    return [host, ann];
  },

  async "a dead line is noticed within the server's heartbeat"() {
    const host = await shop("dead");
    const wire = await line();
    const ann = await join(roomOf("dead"), "ann", { via: wire.address, aliveTimeoutMs: 1_500 }).ready;
    const lost = ann.next("status", { where: (status) => status.phase === "waiting" });
    wire.deaf = wire.mute = true;
    assert.deepEqual({ code: (await lost).code, reason: (await lost).reason }, { code: null, reason: "silent" });
    wire.deaf = wire.mute = false;
    await ann.ready;
    await wire.close();
    return [host, ann];
  },

  async "closed for its silence it comes back"() {
    const host = await shop("silent");
    const wire = await line();
    const ann = await join(roomOf("silent"), "ann", { via: wire.address, aliveTimeoutMs: 60_000 }).ready;
    const lost = ann.next("status", { where: (status) => status.phase === "waiting" });
    wire.mute = true;
    assert.equal((await lost).code, CloseCode.NO_HEARTBEAT);
    wire.mute = false;
    wire.cut();
    await ann.ready;
    await wire.close();
    return [host, ann];
  },

  async "final closes are final"() {
    const host = await shop("final");
    let sockets = 0;
    class Counted extends WebSocket {
      constructor(...given) {
        super(...given);
        sockets += 1;
      }
    }
    const counted = { WebSocket: Counted };
    assert.equal(await ended(join("no-such-room", "nobody", counted)), CloseCode.NO_SUCH_ROOM);
    assert.equal(await ended(join(roomOf("final"), "ann", { ...counted, token: "nonsense" })), CloseCode.BAD_TOKEN);
    assert.equal(await ended(join(roomOf("final"), "ann", { ...counted, control: true })), CloseCode.FORBIDDEN);
    const ann = await join(roomOf("final"), "ann", counted).ready;
    const told = ann.next("kicked");
    await host.request({ type: "viewer.kick", user: idOf("ann", "final"), reason: "spam" });
    assert.equal((await told).reason, "spam");
    assert.equal(await ended(ann), CloseCode.KICKED);
    const bobs = [];
    for (let i = 0; i < 3; i++) bobs.push(await join(roomOf("final"), "bob", counted).ready);
    assert.equal(await ended(bobs[0]), CloseCode.REPLACED);
    const opened = sockets;
    await assert.rejects(bobs[0].say("hm"), SessionClosed);
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // ten times what a return would take
    assert.equal(sockets, opened);
    return [host, ann, ...bobs];
  },

  async "a token that expires is replaced"() {
    const host = await shop("token");
    const id = idOf("ann", "token");
    const now = Math.floor(Date.now() / 1000);
    const part = (value) => Buffer.from(value).toString("base64url");
    const claims = { aud: "miaodan", sub: id, name: id, role: "viewer", iat: now, exp: now + 6 };
    const signed = `${part('{"alg":"HS256","typ":"JWT"}')}.${part(JSON.stringify(claims))}`;
    const given = [`${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`];
    const fresh = tokens[idOf("ann", "token")];
    const ann = await join(roomOf("token"), "ann", { token: () => given.shift() ?? fresh }).ready;
    const lost = await ann.next("status", { where: (status) => status.phase !== "open" });
    assert.deepEqual([lost.phase, lost.code], ["waiting", CloseCode.BAD_TOKEN]);
    await ann.ready;
    await ann.say("still here");
    return [host, ann];
  },
};

const only = process.argv[2];
const results = {};
await Promise.all(
  Object.entries(cases)
    .filter(([name]) => only === undefined || name === only)
    .map(async ([name, run]) => {
      const watch = setTimeout(() => {
        results[name] = "took longer than 40 s";
        finish();
      }, 40_000);
      try {
        for (const client of await run()) client.close();
        results[name] = "passed";
      } catch (error) {
        results[name] = error.stack ?? String(error);
      }
      clearTimeout(watch);
    }),
);
finish();

function finish() {
  process.stdout.write(`${JSON.stringify(results)}\n`, () => {
    // What passed has closed its clients: nothing may keep the process alive then.
    if (Object.values(results).some((result) => result !== "passed")) process.exit(0);
  });
}

// A viewer on Node's `ws`: node node_client.mjs WS-MODULE URL SUBPROTOCOL DEFLATE BINARY MESSAGE...
// DEFLATE: `false`, or the options of perMessageDeflate as JSON. BINARY: whether the messages (base64),
// which are sent when the socket opens, are binary. One JSON line for the handshake, one for each message
// that comes (base64), one for the close. Ends when standard input does.
import { createRequire } from "node:module";

const [module, url, subprotocol, deflate, binary, ...messages] = process.argv.slice(2);
const { WebSocket } = createRequire(module)(module);
const socket = new WebSocket(url, [subprotocol], { perMessageDeflate: JSON.parse(deflate) });
const tell = (line) => process.stdout.write(JSON.stringify(line) + "\n");

socket.on("open", () => {
  tell({ extensions: socket.extensions });
  for (const message of messages) {
    socket.send(Buffer.from(message, "base64"), { binary: JSON.parse(binary), compress: true });
  }
});
socket.on("message", (data) => tell({ data: data.toString("base64") }));
socket.on("close", (code) => tell({ closed: code }));
socket.on("error", (error) => tell({ error: String(error) }));
process.stdin.on("end", () => socket.close(1000));
process.stdin.resume();

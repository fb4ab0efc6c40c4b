// Node `ws`: the server broadcast of its README, viewers and publishers on two paths.
import { createServer } from "node:http";
import WebSocket, { WebSocketServer } from "ws";

const server = createServer();
const viewers = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const publishers = new WebSocketServer({ noServer: true, perMessageDeflate: false });

viewers.on("connection", (viewer) => viewer.on("error", console.error));

publishers.on("connection", (publisher) => {
  publisher.on("error", console.error);
  publisher.on("message", (data, isBinary) => {
    viewers.clients.forEach((viewer) => {
      if (viewer.readyState === WebSocket.OPEN) viewer.send(data, { binary: isBinary });
    });
  });
});

server.on("upgrade", (request, socket, head) => {
  const side = request.url === "/publish" ? publishers : viewers;
  side.handleUpgrade(request, socket, head, (link) => side.emit("connection", link, request));
});

server.listen(0, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));

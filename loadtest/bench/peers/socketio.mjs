// Socket.IO over WebSockets alone: one room, one emit to it.
import { createServer } from "node:http";
import { Server } from "socket.io";

const server = createServer();
const io = new Server(server, {
  transports: ["websocket"],
  serveClient: false,
  pingInterval: 3_600_000, // the receiver answers no pings
});

io.on("connection", (socket) => {
  if (socket.handshake.query.role === "publisher") {
    socket.on("danmaku", (message) => io.to("room").emit("danmaku", message));
  } else {
    socket.join("room");
  }
});

server.listen(0, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));

// The relay of the article that Pawl started from: names join rooms, messages are passed on, nothing is stored.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { serveClient: false, transports: ["websocket"], perMessageDeflate: false });

io.on("connection", (socket) => {
  socket.on("join", (name, joined) => {
    socket.join(name);
    joined();
  });
  socket.on("message", ({ to, body }) => socket.to(to).emit("message", body));
});

http.listen(0, "127.0.0.1", 4096, () => console.log(`http://127.0.0.1:${http.address().port}`));

// Tells the server, after each message of a websocket, that the page has taken it in: it never sends far ahead of that.
document.addEventListener("htmx:ws:after:message:incoming", (event) => {
  const { socket } = event.detail.connection;
  if (socket?.readyState === WebSocket.OPEN) socket.send("seen");
});

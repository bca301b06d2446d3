// Messages by line, as the server gives them, → CodeMirror's by offset.
// A message: {line, column?, endLine?, endColumn?, message, severity?}; lines and columns count from 1.
// `lineAt(number)` answers {from, to} of an existing line, `count` is how many there are.
export function toDiagnostics(messages, lineAt, count) {
  return messages
    .filter((message) => message?.message)
    .map((message) => {
      const line = lineAt(clamp(message.line, count));
      const from = Math.min(line.from + Math.max(0, (message.column ?? 1) - 1), line.to);
      const last = message.endLine ? lineAt(clamp(message.endLine, count)) : line;
      const to = message.endColumn ? Math.min(last.from + message.endColumn - 1, last.to) : last.to;
      return { from, to: Math.max(from, to), severity: message.severity ?? "error", message: message.message };
    });
}

function clamp(number, count) {
  return Math.min(Math.max(1, Number(number) || 1), count);
}

export function parseMessages(text) {
  try {
    const found = JSON.parse(text || "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

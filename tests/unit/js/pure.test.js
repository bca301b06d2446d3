import { describe, expect, test } from "bun:test";
import { minify } from "../../../static/styles.ts";
import { namesIn, toSymbol } from "../../../static/sprite.ts";
import { parseMessages, toDiagnostics } from "../../../static/src/diagnostics.js";
import { chunksToDrop, hitsIn, isNew, placeOf, resumeUrl, START } from "../../../static/src/log.js";
import { clampShare, stepShare } from "../../../static/src/split.js";
import { duration, elapsed, refreshMs, relative } from "../../../static/src/time.js";

describe("times", () => {
  test.each([[84, "84 ms"], [1200, "1.2 s"], [59960, "1 m 0 s"], [130000, "2 m 10 s"], [3900000, "1 h 5 m"], [187200000, "2 d 4 h"]])(
    "%d ms reads as on the server: %s", (ms, text) => expect(duration(ms)).toBe(text),
  );
  test("counting up shows whole seconds and never less than none", () => {
    expect(elapsed(4321)).toBe("4 s");
    expect(elapsed(-50)).toBe("0 s");
  });
  test.each([[0, "just now"], [-45, "45 s ago"], [-240, "4 min ago"], [7300, "in 2 h"], [-86400, "1 day ago"], [-3 * 86400, "3 days ago"]])(
    "%d s away", (seconds, text) => expect(relative(seconds * 1000, 0)).toBe(text),
  );
  test("a date stays as the server wrote it", () => expect(relative(-30 * 86400000, 0)).toBeNull());
  test("old times wake seldom", () => expect(refreshMs("relative", 1e9)).toBeGreaterThan(refreshMs("relative", 1e4)));
});

describe("split", () => {
  test("neither pane gets smaller than its minimum", () => {
    expect(clampShare(1, 1000, 200)).toBe(20);
    expect(clampShare(99, 1000, 200)).toBe(80);
    expect(clampShare(60, 1000, 200)).toBe(60);
  });
  test("too narrow for two panes: halves", () => expect(clampShare(80, 300, 200)).toBe(50));
  test("not laid out yet: the share is kept", () => expect(clampShare(70, 0, 200)).toBe(70));
  test("keys follow the direction", () => {
    expect(stepShare("ArrowRight", 50, false)).toBe(52);
    expect(stepShare("ArrowRight", 50, true)).toBeNull();
    expect(stepShare("ArrowUp", 50, true)).toBe(48);
    expect(stepShare("Home", 50, false)).toBe(0);
  });
});

describe("log", () => {
  test("hits ignore case and do not overlap", () => expect(hitsIn("aAaA", "AA")).toEqual([[0, 2], [2, 4]]));
  test("an empty query has no hits", () => expect(hitsIn("abc", "")).toEqual([]));
  test("hits end at the limit", () => expect(hitsIn("x".repeat(50), "x", 7)).toHaveLength(7));
  test("the oldest chunks go, the newest stays whatever its size", () => {
    expect(chunksToDrop([200, 200, 200], 450)).toBe(1);
    expect(chunksToDrop([200, 200], 450)).toBe(0);
    expect(chunksToDrop([900], 450)).toBe(0);
  });
  test("chunks that were shown already are not new, parts of one segment are", () => {
    expect(isNew(placeOf({ seq: "1", part: "0" }), START)).toBe(true);
    expect(isNew([1, 1], [1, 0])).toBe(true);
    expect(isNew([1, 0], [1, 1])).toBe(false);
    expect(isNew([1, 5], [2, 0])).toBe(false);
    expect(isNew(placeOf({}), [9, 9])).toBe(true);
  });
  test("a reconnect asks for what comes after", () => {
    expect(resumeUrl("ws://host/ws/job/1?after=3&x=y", 17)).toBe("ws://host/ws/job/1?after=17&x=y");
  });
});

describe("diagnostics", () => {
  const text = "ab\ncdef\n";
  const lines = [{ from: 0, to: 2 }, { from: 3, to: 7 }, { from: 8, to: 8 }];
  const place = (messages) => toDiagnostics(messages, (number) => lines[number - 1], lines.length);
  test("a message covers the rest of its line", () => {
    expect(place([{ line: 2, column: 3, message: "m" }])).toEqual([{ from: 5, to: 7, severity: "error", message: "m" }]);
  });
  test("places outside the text are brought into it", () => {
    for (const [found] of [place([{ line: 99, column: 99, message: "m" }]), place([{ line: -1, message: "m" }])])
      expect(found.from).toBeLessThanOrEqual(text.length);
  });
  test("anything but a list means none", () => {
    expect(parseMessages("{")).toEqual([]);
    expect(parseMessages('{"a": 1}')).toEqual([]);
    expect(parseMessages(null)).toEqual([]);
  });
});

describe("build", () => {
  test("white space goes, strings and calc stay", () => {
    expect(minify('a { /* x */ content: "a  ;  b"; width: calc(1px + 2px); }\n\n.b > c,\nd { e: f; }')).toBe(
      'a{content:"a  ;  b";width:calc(1px + 2px)}.b > c,d{e:f}',
    );
  });
  test("pseudo classes keep their colon", () => expect(minify("a :hover { b: c }")).toBe("a :hover{b:c}"));
  test("icons are found in tags and in parameters of components", () => {
    expect(namesIn('{% icon "play" %} {% include "x" with icon="plus" %} {% icon item.icon %}')).toEqual(["play", "plus"]);
  });
  test("a symbol carries only the drawing", () => {
    expect(toSymbol("a", '<!-- l --><svg\n  class="x"\n>\n  <path d="M1" />\n</svg>')).toBe(
      '<symbol id="a" viewBox="0 0 24 24"><path d="M1" /></symbol>',
    );
  });
});

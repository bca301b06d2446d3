import { describe, expect, test } from "bun:test";
import { isTyping } from "../../../static/src/keys.js";
import { target } from "../../../static/src/menu.js";
import { nextNumber } from "../../../static/src/rows.js";


describe("menu keys", () => {
  const labels = ["Edit", "Duplicate", "Delete"];
  test("arrows go round", () => {
    expect(target("ArrowDown", 2, labels)).toBe(0);
    expect(target("ArrowUp", 0, labels)).toBe(2);
  });
  test("a letter goes to the next item that starts with it", () => {
    expect(target("d", 0, labels)).toBe(1);
    expect(target("d", 1, labels)).toBe(2);
    expect(target("d", 2, labels)).toBe(1);
  });
  test("other keys mean nothing", () => expect(target("Tab", 0, labels)).toBeNull());
  test("an empty menu takes no key", () => expect(target("ArrowDown", -1, [])).toBeNull());
});

test("rows added after a removal get a number of their own", () => {
  expect(nextNumber(["0", "3", undefined])).toBe(4);
  expect(nextNumber([])).toBe(0);
});

test("keys of the page are off while someone types", () => {
  expect(isTyping({ closest: () => ({}) })).toBe(true);
  expect(isTyping({ closest: () => null })).toBe(false);
  expect(isTyping(null)).toBe(false);
});

// Every pair of text and background that the design allows reaches its contrast, in both themes.
import { describe, expect, test } from "bun:test";

const css = await Bun.file(new URL("../../../static/src/tokens.css", import.meta.url)).text();
const DECLARED = /(--[\w-]+): light-dark\(oklch\(([\d. ]+)\), oklch\(([\d. ]+)\)\)/g;
const tokens = Object.fromEntries(
  [...css.matchAll(DECLARED)].map(([, name, light, dark]) => [name, { light: numbers(light), dark: numbers(dark) }]),
);
tokens["--idle"] = tokens["--text-3"];

function numbers(text) {
  return text.trim().split(/\s+/).map(Number);
}

// OKLCH to relative luminance of sRGB (clipped to its gamut).
function luminance([l, c, h]) {
  const a = c * Math.cos((h * Math.PI) / 180);
  const b = c * Math.sin((h * Math.PI) / 180);
  const L = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const M = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const S = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const rgb = [
    4.0767416621 * L - 3.3077115913 * M + 0.2309699292 * S,
    -1.2684380046 * L + 2.6097574011 * M - 0.3413193965 * S,
    -0.0041960863 * L - 0.7034186147 * M + 1.707614701 * S,
  ].map((part) => Math.min(1, Math.max(0, part)));
  return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
}

function contrast(one, other) {
  const [high, low] = [luminance(one), luminance(other)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

const surfaces = ["--bg", "--surface", "--surface-2"];
const pairs = [
  ...["--text", "--text-2"].flatMap((text) => [...surfaces, "--surface-3"].map((ground) => [text, ground, 4.5])),
  ...["--text-3", "--accent"].flatMap((text) => surfaces.map((ground) => [text, ground, 4.5])),
  ["--accent-fg", "--accent", 4.5],
  ["--accent-fg", "--accent-hover", 4.5],
  ["--accent", "--accent-soft", 4.5],
  ...["--ok", "--bad", "--run", "--wait"].flatMap((tone) => [[tone, "--surface", 4.5], [tone, `${tone}-soft`, 4.5]]),
  ...["--syn-keyword", "--syn-string", "--syn-number", "--syn-function", "--syn-type"].map((text) => [text, "--surface", 4.5]),
  ["--control-line", "--surface", 3],
];

describe.each(["light", "dark"])("%s", (theme) => {
  test.each(pairs)("%s on %s", (text, ground, least) => {
    expect(contrast(tokens[text][theme], tokens[ground][theme])).toBeGreaterThanOrEqual(least);
  });
});

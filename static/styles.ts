// Joins the CSS layers into one sheet. Bun's own CSS bundler rewrites light-dark() and nesting into longer fallbacks for old
// browsers and inlines the fonts, so the sheet is joined here and only its white space is removed.
import { basename, dirname, join } from "node:path";

const IMPORT = /@import\s+"([^"]+)"(?:\s+layer\((\w+)\))?;/g;
const URL = /url\("(\.[^"]+)"\)/g;
const STRING = /"[^"]*"/g;

export type Sheet = { css: string; files: Map<string, string> };

// `name(file)` gives the published name of a font or picture; `files` of the answer maps that name to its source.
export async function styles(entry: string, name: (source: string) => Promise<string>): Promise<Sheet> {
  const source = await Bun.file(entry).text();
  const files = new Map<string, string>();
  const parts: string[] = [source.replace(IMPORT, "")];
  for (const [, path, layer] of source.matchAll(IMPORT)) {
    const file = join(dirname(entry), path!);
    const css = await publish(await Bun.file(file).text(), dirname(file), name, files);
    parts.push(layer ? `@layer ${layer}{${css}}` : css);
  }
  return { css: minify(parts.join("\n")), files };
}

async function publish(css: string, folder: string, name: (source: string) => Promise<string>, files: Map<string, string>) {
  for (const [, path] of css.matchAll(URL)) {
    const source = join(folder, path!);
    const published = await name(source);
    files.set(published, source);
    css = css.replace(`url("${path}")`, `url("${published}")`);
  }
  return css;
}

// Comments and needless white space go; strings stay as they are. Spaces around + and - matter inside calc().
export function minify(css: string): string {
  const strings: string[] = [];
  return css
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(STRING, (text) => `"${strings.push(text) - 1}"`)
    .replace(/\s+/g, " ")
    .replace(/\s*([{};,])\s*/g, "$1")
    .replace(/([{;][\w-]+): /g, "$1:")
    .replace(/;}/g, "}")
    .replace(/"(\d+)"/g, (_, index) => strings[Number(index)]!)
    .trim();
}

export function hashed(path: string, content: Uint8Array | string): string {
  const hash = Bun.hash(content).toString(36).padStart(8, "0").slice(0, 8);
  return basename(path).replace(/(\.\w+)$/, `-${hash}$1`);
}

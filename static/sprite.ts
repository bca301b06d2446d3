// One SVG sprite with the Lucide icons in use: those named in templates by {% icon "name" %} and those in src/icons.json,
// which lists the names that Python or JavaScript chooses at run time.
import { Glob } from "bun";
import { join } from "node:path";

const TAG = /\{%\s*icon\s+"([a-z0-9-]+)"/g;
const PARAMETER = /\bicon="([a-z0-9-]+)"/g;

export function namesIn(template: string): string[] {
  return [TAG, PARAMETER].flatMap((pattern) => [...template.matchAll(pattern)].map((match) => match[1]!));
}

export function toSymbol(name: string, svg: string): string {
  const inner = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
  return `<symbol id="${name}" viewBox="0 0 24 24">${inner.replace(/\s*\n\s*/g, "")}</symbol>`;
}

export async function sprite(root: string): Promise<{ svg: string; names: string[] }> {
  const names = new Set<string>(await Bun.file(join(root, "static/src/icons.json")).json());
  for await (const path of new Glob("templates/**/*.html").scan(root))
    for (const name of namesIn(await Bun.file(join(root, path)).text())) names.add(name);
  const sorted = [...names].sort();
  const symbols = await Promise.all(sorted.map((name) => symbol(root, name)));
  return { svg: `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`, names: sorted };
}

async function symbol(root: string, name: string): Promise<string> {
  const file = Bun.file(join(root, "node_modules/lucide-static/icons", `${name}.svg`));
  if (!(await file.exists())) throw new Error(`No Lucide icon is called "${name}". Look for its name on lucide.dev/icons.`);
  return toSymbol(name, await file.text());
}

// Builds static/dist: hashed files, manifest.json, .gz and .br copies. Fails when a file outgrows its budget.
// Run by `manage.py build_assets`, which also decides whether a build is needed.
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { sprite } from "./sprite.ts";
import { hashed, styles } from "./styles.ts";

const ROOT = join(import.meta.dir, "..");
const SRC = join(import.meta.dir, "src");
const DIST = join(import.meta.dir, "dist");
const ENTRIES = ["core.js", "editor.js", "public.js"];
const SHEETS = ["app.css"];
const PICTURES = ["favicon.svg"];

// kB of gzip (1 kB = 1000 B), an entry together with what it imports statically.
const BUDGETS: Record<string, number> = {
  "app.css": 14,
  "core.js": 24,
  "editor.js": 175,
  "public.js": 18,
  "icons.svg": 8,
  "inter-latin-wght-normal.woff2": 50,
  "jetbrains-mono-latin-wght-normal.woff2": 42,
};

type Asset = { file: string; imports: string[]; gzip: number };

async function bundleScripts(assets: Record<string, Asset>): Promise<void> {
  const built = await Bun.build({
    entrypoints: ENTRIES.map((name) => join(SRC, name)),
    outdir: DIST,
    root: SRC,
    target: "browser",
    format: "esm",
    splitting: true,
    minify: true,
    sourcemap: "linked",
    metafile: true,
    naming: { entry: "[name]-[hash].[ext]", chunk: "[name]-[hash].[ext]" },
  });
  for (const [path, output] of Object.entries(built.metafile!.outputs)) {
    const file = path.replace(/^\.\//, "");
    if (file.endsWith(".map")) continue;
    const imports = output.imports.filter((i) => i.kind === "import-statement").map((i) => i.path.replace(/^\.\//, ""));
    assets[logicalName(file, output.entryPoint)] = { file, imports, gzip: 0 };
  }
}

// "core.js" for an entry, "lang-python.js" for a lazy module; a shared chunk has no name but its file's.
function logicalName(file: string, entryPoint?: string): string {
  return basename(entryPoint ?? file);
}

async function addStyles(assets: Record<string, Asset>): Promise<void> {
  const published = async (source: string) => hashed(source, await Bun.file(source).bytes());
  for (const sheet of SHEETS) {
    const { css, files } = await styles(join(SRC, sheet), published);
    await add(assets, sheet, css);
    for (const [file, source] of files) {
      await Bun.write(join(DIST, file), Bun.file(source));
      assets[basename(source)] = { file, imports: [], gzip: 0 };
    }
  }
}

async function addIcons(assets: Record<string, Asset>): Promise<string[]> {
  const { svg, names } = await sprite(ROOT);
  await add(assets, "icons.svg", svg);
  return names;
}

async function addPictures(assets: Record<string, Asset>): Promise<void> {
  for (const picture of PICTURES) await add(assets, picture, await Bun.file(join(SRC, picture)).text());
}

async function add(assets: Record<string, Asset>, name: string, content: string): Promise<void> {
  const file = hashed(name, content);
  await Bun.write(join(DIST, file), content);
  assets[name] = { file, imports: [], gzip: 0 };
}

async function compress(assets: Record<string, Asset>): Promise<void> {
  for (const asset of Object.values(assets)) {
    const bytes = new Uint8Array(await Bun.file(join(DIST, asset.file)).arrayBuffer());
    if (asset.file.endsWith(".woff2")) {
      asset.gzip = bytes.length; // already compressed
      continue;
    }
    const gzip = gzipSync(bytes, { level: 9 });
    const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
    asset.gzip = gzip.length;
    await Bun.write(join(DIST, `${asset.file}.gz`), gzip);
    await Bun.write(join(DIST, `${asset.file}.br`), brotli);
  }
}

function weight(name: string, assets: Record<string, Asset>, seen = new Set<string>()): number {
  const asset = assets[name];
  if (!asset || seen.has(name)) return 0;
  seen.add(name);
  const byFile = Object.entries(assets);
  const children = asset.imports.map((file) => byFile.find(([, other]) => other.file === file)?.[0] ?? "");
  return asset.gzip + children.reduce((sum, child) => sum + weight(child, assets, seen), 0);
}

function overBudget(assets: Record<string, Asset>): string[] {
  return Object.entries(BUDGETS)
    .map(([name, limit]) => ({ name, limit, kb: weight(name, assets) / 1000 }))
    .filter(({ kb, limit }) => kb > limit)
    .map(({ name, kb, limit }) => `${name} weighs ${kb.toFixed(1)} kB compressed, its budget is ${limit} kB. Load less in it, or lazily.`);
}

async function removeOld(assets: Record<string, Asset>): Promise<void> {
  const kept = new Set(["manifest.json", "inputs"]);
  for (const { file } of Object.values(assets)) for (const end of ["", ".gz", ".br", ".map"]) kept.add(file + end);
  for (const file of await readdir(DIST)) if (!kept.has(file)) await rm(join(DIST, file), { recursive: true });
}

await mkdir(DIST, { recursive: true });
const assets: Record<string, Asset> = {};
await bundleScripts(assets);
await addStyles(assets);
await addPictures(assets);
const icons = await addIcons(assets);
await compress(assets);
const faults = overBudget(assets);
if (faults.length) {
  console.error(faults.join("\n"));
  process.exit(1);
}
const manifest = { assets, icons };
await Bun.write(join(DIST, "manifest.json.new"), JSON.stringify(manifest, null, 1));
await rename(join(DIST, "manifest.json.new"), join(DIST, "manifest.json"));
await removeOld(assets);
for (const name of Object.keys(BUDGETS))
  console.log(`${name.padEnd(40)} ${(weight(name, assets) / 1000).toFixed(1).padStart(6)} of ${BUDGETS[name]} kB`);
console.log(`${relative(ROOT, DIST)}: ${Object.keys(assets).length} files`);

// How the page is built: `make page`. What comes out, chalicelib/web/dist, is what is served and deployed:
// compressed, and under names that hold a hash of the content, index.html's excepted.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig } from "vite";

const ROOT = "chalicelib/web";

// Of all that the page is made of: a test without Node sees by it whether the build is up to date.
function fingerprint() {
  const names = readdirSync(ROOT, { recursive: true }).map((name) => name.replaceAll("\\", "/"));
  const sources = names.filter((name) => !name.startsWith("dist") && /\.(css|html|jpg|js|svg)$/.test(name)).sort();
  const sum = createHash("sha256");
  for (const name of sources) sum.update(`${name}\n`).update(readFileSync(join(ROOT, name)));
  return sum.digest("hex");
}

const packed = {
  name: "packed",
  generateBundle: {
    order: "post",
    handler(_, bundle) {
      for (const [name, { code, source }] of Object.entries(bundle)) {
        delete bundle[name];
        const fileName = `${name.split("/").pop()}.gz`;
        this.emitFile({ type: "asset", fileName, source: gzipSync(code ?? source, { level: 9 }) });
      }
      this.emitFile({ type: "asset", fileName: "sources.sha256", source: `${fingerprint()}\n` });
    },
  },
};

export default defineConfig({
  root: ROOT,
  base: "./",
  publicDir: false,
  plugins: [packed],
  build: {
    assetsDir: "static", // under which all of them are served
    assetsInlineLimit: 1000, // the icon
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: { output: { entryFileNames: "static/app-[hash].js" } },
    target: "es2022",
  },
});

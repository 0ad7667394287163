// How the page and the interface's page, docs, are built: `make page`. What comes out, chalicelib/web/dist, is what is
// served and deployed: compressed, and under names that hold a hash of the content, those of .html excepted.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig } from "vite";

const ROOT = "chalicelib/web";

// Of all that the page is made of: a test without Node sees by it whether the build is up to date.
function fingerprint() {
  const names = readdirSync(ROOT, { recursive: true }).map((name) => name.replaceAll("\\", "/"));
  const sources = names.filter((name) => !name.startsWith("dist") && /\.(css|html|js|svg)$/.test(name)).sort();
  const sum = createHash("sha256");
  for (const name of sources) sum.update(`${name}\n`).update(readFileSync(join(ROOT, name)));
  return sum.digest("hex");
}

// Swagger UI's notices, which go with it.
const THEIRS = "node_modules/swagger-ui-dist";
const notices = () => ["NOTICE", "LICENSE", "swagger-ui-es-bundle.js.LICENSE.txt"]
  .map((name) => readFileSync(join(THEIRS, name), "utf8").replaceAll("*/", "* /"))
  .map((text) => `/*!\n${text}\n*/\n`).join("");

const packed = (notice) => ({
  name: "packed",
  generateBundle: {
    order: "post",
    handler(_, bundle) {
      for (const [name, { code, source }] of Object.entries(bundle)) {
        delete bundle[name];
        const fileName = `${name.split("/").pop()}.gz`;
        this.emitFile({ type: "asset", fileName, source: gzipSync(code ? notice + code : source, { level: 9 }) });
      }
      this.emitFile({ type: "asset", fileName: "sources.sha256", source: `${fingerprint()}\n` });
    },
  },
});

// Each by itself, so that neither page waits for a file that holds what both share.
export default defineConfig(({ mode: name }) => ({
  root: ROOT,
  base: "./",
  publicDir: false,
  plugins: [packed(name === "docs" ? notices() : "")],
  build: {
    assetsDir: "static", // under which all of them are served
    assetsInlineLimit: 1000, // the icon
    cssCodeSplit: false,
    emptyOutDir: name !== "docs",
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: {
      input: join(ROOT, name === "docs" ? "docs.html" : "index.html"),
      output: { entryFileNames: `static/${name === "docs" ? "docs" : "app"}-[hash].js` },
    },
    target: "es2022",
  },
}));

// The sample pictures in one file, for the strip that shows them; by the path that each has of its own.
const files = import.meta.glob("../sample-*.jpg", { query: "?inline", import: "default", eager: true });

export const pictures = Object.fromEntries(
  Object.entries(files).map(([path, data]) => [path.replace("../", "static/"), data]),
);

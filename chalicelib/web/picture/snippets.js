// The request behind an answer, as something to paste: each language's way to send the same picture.
import { requestFor } from "../shared/api.js";
import { currentToken } from "../shared/kepttoken.js";

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`; // for a POSIX shell
const literal = (text) => JSON.stringify(text); // for Python and JavaScript alike

// -> {curl, python, javascript, aws}. model: the one picked by hand, or "". explain: whether heat maps are asked for.
export function snippetsOf(source, model, explain) {
  const { path, type, body } = requestFor(source, { model, explain });
  const request = { target: new URL(path, document.baseURI).href, type, body, source, isClosed: Boolean(currentToken()) };
  return { curl: curl(request), python: python(request), javascript: javascript(request), aws: aws(source) };
}

function curl({ target, type, body, source, isClosed }) {
  const token = isClosed ? `-H "Authorization: Bearer $SERVERLESS_INCEPTION_TOKEN" \\\n  ` : "";
  const post = `curl ${quoted(target)} \\\n  ${token}-H ${quoted(`Content-Type: ${type}`)} \\\n  `;
  if (source.json) return `${post}-d ${quoted(body)}`;
  if (!source.download) return `${post}--data-binary ${quoted(`@${source.name}`)}`;
  return `curl -s -H ${quoted(`Accept: ${type}`)} \\\n  ${quoted(source.download)} |\n${post}--data-binary @-`;
}

function python({ target, type, body, source, isClosed }) {
  const picture = source.download ? "picture.content" : `open(${literal(source.name)}, "rb")`;
  const download = ["picture = requests.get(", `    ${literal(source.download)},`, `    headers={"Accept": ${literal(type)}},`, ")"];
  const token = `        "Authorization": "Bearer " + os.environ["SERVERLESS_INCEPTION_TOKEN"],`;
  return [
    ...(isClosed ? ["import os", ""] : []),
    "import requests",
    "",
    ...(source.download ? download : []),
    "answer = requests.post(",
    `    ${literal(target)},`,
    `    data=${source.json ? `${literal(body)}.encode()` : picture},`,
    "    headers={",
    `        "Content-Type": ${literal(type)},`,
    ...(isClosed ? [token] : []),
    "    },",
    ")",
    "print(answer.json())",
  ].join("\n");
}

function javascript({ target, type, body, source, isClosed }) {
  const picture = source.download ? "await picture.arrayBuffer()" : `await readFile(${literal(source.name)})`;
  const download = [`const picture = await fetch(${literal(source.download)}, {`, `  headers: { Accept: ${literal(type)} },`, "});"];
  const token = "    Authorization: `Bearer ${process.env.SERVERLESS_INCEPTION_TOKEN}`,";
  return [
    ...(source.json || source.download ? [] : [`import { readFile } from "node:fs/promises";`, ""]),
    ...(source.download ? download : []),
    `const answer = await fetch(${literal(target)}, {`,
    `  method: "POST",`,
    "  headers: {",
    `    "Content-Type": ${literal(type)},`,
    ...(isClosed ? [token] : []),
    "  },",
    `  body: ${source.json ? literal(body) : picture},`,
    "});",
    "console.dir(await answer.json(), { depth: null });",
  ].join("\n");
}

// By way of the buckets, where AWS's own rights count and no token does.
function aws({ json, name, download }) {
  const address = json?.url ?? json?.s3_uri ?? download;
  if (address?.startsWith("data:")) return "# Save the picture to a file first, then choose the file.";
  const file = address ? new URL(address).pathname.split("/").pop() || "picture.jpg" : name;
  const from = json?.url ?? download ? "-" : quoted(json?.s3_uri ?? name);
  const key = quoted(`uploads/${file}.json`);
  return [
    "# The two buckets of the stage; its default model answers.",
    ...(from === "-" ? [`curl -sL ${quoted(address)} |`] : []),
    `aws s3 cp ${from} "s3://$IMAGES_BUCKET"/${quoted(file)}`,
    `aws s3api wait object-exists --bucket "$RESULTS_BUCKET" --key ${key}`,
    `aws s3 cp "s3://$RESULTS_BUCKET"/${key} -`,
  ].join("\n");
}

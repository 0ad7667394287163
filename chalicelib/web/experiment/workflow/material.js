// What a run is about: pictures to be sent, a manifest, or a list of addresses, and what they are known to show.
import { batchName, instancesOf, linesOf, pathOf } from "../../shared/files.js";
import { Shipment, sendList } from "../../shared/shipment.js";

const MAX_INSTANCES = 10_000;
const MAX_BODY = 2_000_000; // of 10 MB, which Step Functions and a slow line would not thank for

// The folders inside the one that was chosen are the labels, or else the folders that were dropped together.
// https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html
export function labelsOf(files) {
  const paths = files.map((file) => pathOf(file).split("/"));
  const roots = new Set(paths.map(([root]) => root));
  const isDropped = roots.size > 1;
  return new Map(files.map((file, i) => {
    const [root, inside, ...deeper] = paths[i];
    if (isDropped) return [file, inside === undefined ? "" : root];
    return [file, deeper.length ? inside : ""];
  }));
}

// -> {title, count: null where only the server can tell, labels: of each picture, "" where unknown, pictures, addresses,
//     note, shipment: what must be sent first, or null, sources: Map of id -> file,
//     request(): the part of POST /workflows that names the pictures}
export function fromFiles(files) {
  const shipment = new Shipment(files, {});
  const place = batchName("list");
  const known = labelsOf(shipment.pictures);
  return {
    title: shipment.title,
    count: shipment.manifest ? null : shipment.pictures.length,
    labels: [...known.values()],
    pictures: shipment.pictures,
    addresses: [],
    note: shipment.note,
    shipment,
    sources: shipment.sources,
    request: () => (shipment.manifest
      ? { manifest: shipment.prefix + [...shipment.names.keys()][0] }
      : compact(labelled(shipment, known), place)),
  };
}

// known: Map of file -> label.
function labelled({ instances, sources }, known) {
  return instances.map((instance) => {
    const label = known.get(sources.get(instance.id));
    return label ? { ...instance, label } : instance;
  });
}

// "https://example.com/cat.jpg tabby cat" a line; the label may be left out.
export function fromLines(text, title) {
  const pairs = linesOf(text).map((line) => /^(\S+)\s*(.*)$/.exec(line).slice(1));
  const instances = instancesOf(pairs.map(([address]) => address).join("\n"))
    .map((instance, i) => ({ ...instance, ...(pairs[i][1] ? { label: pairs[i][1] } : {}) }));
  const place = batchName("list");
  return {
    title,
    count: instances.length,
    labels: pairs.map(([, label]) => label),
    pictures: [],
    addresses: instances.map(({ url }) => url ?? ""),
    note: "",
    shipment: null,
    sources: new Map(),
    request: () => compact(instances, place),
  };
}

// A long list goes into the bucket first, as a manifest. place: see sendList.
async function compact(instances, place) {
  const length = instances.reduce((sum, instance) => sum + JSON.stringify(instance).length, 0);
  return instances.length <= MAX_INSTANCES && length <= MAX_BODY ? { instances } : sendList(instances, place);
}

// Label -> how many pictures, the most frequent first; without those that have none.
export function tally(labels) {
  const counts = new Map();
  for (const label of labels) if (label) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].sort(([, one], [, other]) => other - one);
}

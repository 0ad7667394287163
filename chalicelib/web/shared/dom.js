// What the modules of the page share to write on it; all text is set as text, never as HTML.

export const part = (id) => document.getElementById(id);

export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

const percent = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
export const share = (score) => (score > 0 && score < 0.001 ? "<0.1%" : percent.format(score));

// What an answer stands for: the best label; where each is judged by itself, all that are likely.
export const foundIn = (labels, isMultiLabel) =>
  (isMultiLabel ? labels.filter(({ score }) => score >= 0.5) : labels.slice(0, 1));

// ImageNet's labels are several words for one thing, of which the first is the one to read.
export const firstName = (name) => name.split(", ", 1)[0];

export function nameNodes(names) {
  return names.flatMap((name, i) => {
    const first = firstName(name);
    const others = name.slice(first.length);
    return [`${i ? ", " : ""}${first}`, ...(others ? [make("span", "also", others)] : [])];
  });
}

export const amount = (count) => count.toLocaleString("en");
export const counted = (count, one, many = `${one}s`) => `${amount(count)} ${count === 1 ? one : many}`;

export const sizeOf = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : megabytes(bytes));
export const megabytes = (bytes) => `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

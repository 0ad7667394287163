// Weights of an experiment's arms: pure functions of {name: weight}, whose weights sum to 1.

// Those that take part: a view also lists models that only have old votes.
export function weightsOf({ arms, champion }) {
  const present = arms.filter(({ name, weight }) => weight > 0 || name === champion);
  return Object.fromEntries(present.map(({ name, weight }) => [name, weight]));
}

export const isSplit = (weights) => Object.values(weights).filter((weight) => weight > 0).length > 1;

export const isSame = (one, other) => {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => Math.abs(one[name] - other[name]) < 1e-6);
};

const rounded = (weight) => Math.round(weight * 1e6) / 1e6;

// With `name` at `share`, and what is left among the others in their present proportions; where
// these have nothing, the champion gets it.
export function withShare(weights, name, share, champion) {
  const others = Object.keys(weights).filter((other) => other !== name);
  const heir = others.includes(champion) ? champion : others[0];
  const total = others.reduce((sum, other) => sum + weights[other], 0);
  const partOf = (other) => (total ? weights[other] / total : Number(other === heir));
  const rest = Object.fromEntries(others.map((other) => [other, rounded((1 - share) * partOf(other))]));
  const largest = others.reduce((one, other) => (rest[other] > rest[one] ? other : one));
  const sum = Object.values(rest).reduce((one, other) => one + other, share);
  rest[largest] = rounded(rest[largest] + 1 - sum); // what rounding took or gave
  return { ...weights, ...rest, [name]: share };
}

export function without(weights, name, champion) {
  const { [name]: _, ...rest } = withShare(weights, name, 0, champion);
  return rest;
}

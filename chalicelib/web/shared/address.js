// The page's address. A query asks for the answer about a single picture: it is part of that view's address, and of
// no other's, so that a link to a batch or a run asks for nothing else.
let query = "";

export function addressOf(hash) {
  if (!location.hash) query = location.search;
  return location.pathname + (hash ? "" : query) + hash;
}

// search: "?…", or "" where the answer has no address.
export function keepQuery(search) {
  query = search;
  if (!location.hash) history.replaceState(history.state, "", location.pathname + query);
}

// The token of this server, where the visitor has one: kept for this visit or on this device.
const KEY = `token ${new URL(".", document.baseURI).pathname}`; // the stages of one host have one each
let inMemory = ""; // where storage is forbidden

export function currentToken() {
  try {
    return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "";
  } catch {
    return inMemory;
  }
}

export function keepToken(token, isForDevice) {
  forgetToken();
  try {
    (isForDevice ? localStorage : sessionStorage).setItem(KEY, token);
  } catch {
    inMemory = token;
  }
}

export function forgetToken() {
  inMemory = "";
  try {
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
  } catch { /* nothing was kept there */ }
}

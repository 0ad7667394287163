// The token of this server, where the visitor has one: kept for this visit or on this device.
const KEY = `token ${new URL(".", document.baseURI).pathname}`; // the stages of one host have one each
const CLOSED = [401, 403];
let inMemory = ""; // where storage is forbidden

// Whether the server answers that it wants a token, or another one.
export const isClosed = ({ status }) => CLOSED.includes(status);

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

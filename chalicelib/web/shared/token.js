// Who may call: the token that a server which is not public asks for, and the dialog that asks for it.
// It goes with calls to the server alone, never to its buckets.
import { part } from "./dom.js";
import { currentToken, forgetToken, isClosed, keepToken } from "./kepttoken.js";

const WRONG = "This token is wrong. Check it, then try again.";
const BUSY = "The service cannot check it at the moment. Try again.";
const GONE = "The service does not answer. Check that you are online, then try again.";

const [dialog, field] = [part("token"), part("token-field")];
let asking = null; // a promise while the dialog is open: whether there is a token now
let isDeclined = false;
let isChecking = false;

const showWay = () => (part("token-forget").hidden = !currentToken());

// send(headers) -> response: sent again with the token that is given when the server asks for one.
export async function withToken(send) {
  for (;;) {
    const token = currentToken();
    const response = await send(token ? { Authorization: `Bearer ${token}` } : {});
    if (!isClosed(response)) return response;
    if (token === currentToken() && !(await ask(token))) return response;
  }
}

// Calls that are refused at the same time share one question.
function ask(refused) {
  if (isDeclined && !asking) return false;
  asking ??= open(refused).finally(() => (asking = null));
  return asking;
}

function open(refused) {
  if (refused) forgetToken();
  showWay();
  say(refused ? "The stored token is no longer valid." : "");
  dialog.showModal();
  field.focus(); // no autofocus: at the page's start it would vie with whoever is tabbing already
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      field.value = "";
      isDeclined = !currentToken();
      resolve(!isDeclined);
    }, { once: true });
  });
}

function say(fault) {
  part("token-fault").textContent = fault;
  field.ariaInvalid = String(Boolean(fault));
}

// What is wrong with a token, by a call that costs the server next to nothing.
async function faultOf(token) {
  if (!/^[!-~]+$/.test(token)) return WRONG;
  try {
    const response = await fetch("v2", { headers: { Authorization: `Bearer ${token}` }, cache: "no-store" });
    if (response.ok) return "";
    return isClosed(response) ? WRONG : BUSY;
  } catch {
    return GONE;
  }
}

async function submit(event) {
  event.preventDefault();
  if (isChecking) return;
  isChecking = true;
  const token = field.value.trim();
  const fault = await faultOf(token);
  isChecking = false;
  if (!dialog.open) return;
  say(fault);
  if (fault) field.select();
  else {
    keepToken(token, part("token-remember").checked);
    showWay();
    dialog.close();
  }
}

part("token-form").addEventListener("submit", submit);
part("token-later").addEventListener("click", () => dialog.close());
dialog.addEventListener("paste", (event) => event.stopPropagation()); // elsewhere, an address is a picture
part("token-forget").addEventListener("click", () => {
  forgetToken();
  location.reload();
});
// Whoever closed the dialog is not asked again by what the page does on its own, until they do something.
for (const kind of ["pointerdown", "click", "drop", "paste"]) {
  addEventListener(kind, ({ target }) => (isDeclined &&= dialog.contains(target)), true);
}
showWay();

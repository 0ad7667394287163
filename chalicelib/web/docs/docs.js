// The interface, to be read and tried: Swagger UI shows what the service says of itself.
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import { amends } from "./amends.js";
import { currentToken, isClosed } from "../shared/kepttoken.js";

const night = matchMedia("(prefers-color-scheme: dark)");
const followLight = () => document.documentElement.classList.toggle("dark-mode", night.matches);

// Without what is said of tokens where none is needed.
async function describe() {
  const [description, isOpen] = await Promise.all([
    fetch("openapi.json").then((response) => response.json()),
    !currentToken() && fetch("v2").then((response) => !isClosed(response)),
  ]);
  if (!isOpen) return description;
  const { security, components: { securitySchemes, ...components }, ...rest } = description;
  return { ...rest, components };
}

// Who has signed in on the page need not do so again.
function authorize() {
  const token = currentToken();
  if (token) ui.preauthorizeApiKey("token", token);
}

night.addEventListener("change", followLight);
followLight();
const ui = SwaggerUI({
  spec: await describe(),
  dom_id: "#docs",
  deepLinking: true, // an operation has an address that can be sent
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  onComplete: authorize,
  plugins: [amends],
  syntaxHighlight: { theme: "obsidian" },
  tryItOutEnabled: true,
  validatorUrl: null, // it would send the description to a host of theirs
});

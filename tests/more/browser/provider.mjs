// An OpenID provider: `oidc-provider`, with its own forms, and people and machines that it is told.
//
// node provider.mjs SETTINGS (JSON): {port, secret, callbacks, afterSignOut, people: {ada: {groups:
// [...]}}, machines: {name: {roles: [...]}}, inIdToken}. `POST /rig/keys` gives it another key to
// sign with, and takes the one before back; after `POST /rig/mute` it answers for no tokens, until
// `POST /rig/speak`. It ends when its standard input does.

import crypto from "node:crypto";
import http from "node:http";
import Provider from "oidc-provider";

const settings = JSON.parse(process.argv[2]);
const issuer = `http://localhost:${settings.port}`;

const page = {
  client_id: "turnout",
  client_secret: settings.secret,
  redirect_uris: settings.callbacks,
  post_logout_redirect_uris: settings.afterSignOut,
};
const machine = (name) => ({
  client_id: name,
  client_secret: settings.secret,
  grant_types: ["client_credentials"],
  redirect_uris: [],
  response_types: [],
});

function account(name) {
  const person = settings.people[name];
  if (person === undefined) return undefined;
  const claims = { sub: name, name: person.name, email: person.email, groups: person.groups };
  return { accountId: name, claims: () => claims };
}

function provider() {
  const made = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const key = { ...made.export({ format: "jwk" }), kid: crypto.randomUUID(), use: "sig" };
  return new Provider(issuer, {
    clients: [page, ...Object.keys(settings.machines).map(machine)],
    claims: { openid: ["sub"], profile: ["name"], email: ["email"], groups: ["groups"] },
    conformIdTokenClaims: !settings.inIdToken,
    cookies: { keys: [settings.secret] },
    extraTokenClaims: (_, token) => ({ roles: settings.machines[token.clientId]?.roles }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        // Of `urn:turnout-admin` it is the audience `turnout-admin`: an indicator is a URI.
        getResourceServerInfo: (_, indicator) => ({
          accessTokenFormat: "jwt",
          audience: indicator.replace("urn:", ""),
          jwt: { sign: { alg: "RS256" } },
          scope: "",
        }),
      },
    },
    findAccount: (_, name) => account(name),
    jwks: { keys: [key] },
    pkce: { required: () => true },
    ttl: { AccessToken: 600, Grant: 3600, IdToken: 600, Interaction: 600, Session: 3600 },
  }).callback();
}

let answer = provider();
let mute = false;
const rig = {
  "/rig/keys": () => (answer = provider()), // what it remembers of people stays, in the module
  "/rig/mute": () => (mute = true),
  "/rig/speak": () => (mute = false),
};
const server = http.createServer((request, response) => {
  if (mute && request.url === "/token") return request.destroy();
  const asked = rig[request.url];
  if (asked === undefined) return answer(request, response);
  asked();
  return response.end();
});
server.listen(settings.port, "localhost");
process.stdin.on("end", () => process.exit()).resume();

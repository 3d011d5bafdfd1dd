// Sends bodies of files with both of Node's HTTP clients, one after the other, and tells what came.
//
// node large_bodies.mjs URL KEY TIMES FILE: prints {"fetch": [[status, code], ...], "http": [...]},
// with the name of the error in place of a status where there was no answer.

import { readFileSync } from "node:fs";
import http from "node:http";

const [url, key, times, file] = process.argv.slice(2);
const body = readFileSync(file);
const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };

async function byFetch() {
  const answer = await fetch(url, { method: "POST", headers, body });
  const told = await answer.json();
  return [answer.status, told.error?.code ?? null];
}

function byHttp() {
  return new Promise((resolve, reject) => {
    const length = { "content-length": body.length };
    const options = { method: "POST", headers: { ...headers, ...length }, agent: false };
    const request = http.request(url, options, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => {
        const told = JSON.parse(Buffer.concat(parts).toString());
        resolve([answer.statusCode, told.error?.code ?? null]);
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function tell(send) {
  try {
    return await send();
  } catch (error) {
    return [error.cause?.code ?? error.code ?? String(error), null];
  }
}

const told = { fetch: [], http: [] };
for (let number = 0; number < Number(times); number += 1) {
  told.fetch.push(await tell(byFetch));
  told.http.push(await tell(byHttp));
}
console.log(JSON.stringify(told));

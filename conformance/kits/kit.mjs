// What drivers in JavaScript share: the prompts, and one line of JSON a job.
import { readFileSync } from 'node:fs';

export const ROOT = process.env.CONFORMANCE_URL;
export const URL = `${ROOT}/v1`;
export const KEY = process.env.CONFORMANCE_KEY;
export const MODEL = process.env.CONFORMANCE_MODEL;
export const WRONG_KEY = 'sk-wrong';
export const UNKNOWN_MODEL = 'nowhere';
export const PROTOCOL = process.argv[2];

export const SAY = 'Greet me. [job:say]';
export const STREAM = 'Tell me something. [job:stream]';
export const TOOLS = 'How warm is it in Paris and in Oslo? [job:tools]';
export const STRUCTURED = 'Who wrote the first program, and how old was she? [job:structured]';
export const VISION = 'What is in this picture? [job:vision]';
export const CACHED = 'Greet me again. [job:cached]';
export const SEARCH = 'Who wrote the first program? Search for it. [job:search]';
export const REASON = 'Think, then greet me. [job:reason]';
export const NAMED = 'My name is Ada. [job:state]';
export const ASKED_NAME = 'What is my name? [job:state]';
export const INPUTS = ['one', 'two'];
export const PICTURE_FILE = new globalThis.URL('picture.png', import.meta.url);
export const SOUND_FILE = new globalThis.URL('sound.wav', import.meta.url);
export const PICTURE = readFileSync(PICTURE_FILE).toString('base64');
export const PICTURE_URL = `data:image/png;base64,${PICTURE}`;
export const CITY = {
  type: 'object',
  properties: { city: { type: 'string', description: "A city's name" } },
  required: ['city'],
  additionalProperties: false,
};

export const weather = (city) => `21 degrees in ${city}`;

export function streamed(texts) {
  const held = texts.filter(Boolean);
  return { text: held.join(''), pieces: held.length > 2 ? 'many' : held.length };
}

export async function collect(iterable, read) {
  const held = [];
  for await (const one of iterable) held.push(read(one));
  return held;
}

export async function fails(ask) {
  try {
    await ask();
  } catch (error) {
    return { class: error.constructor.name, status: error.status ?? error.statusCode ?? null };
  }
  return { class: 'none' };
}

export async function run(jobs) {
  for (const name of process.argv.slice(3)) {
    let outcome;
    try {
      outcome = await jobs[name]();
    } catch (error) {
      const message = String(error?.message ?? error).replaceAll(URL, 'URL').replaceAll(ROOT, 'ROOT');
      outcome = { error: error?.constructor?.name ?? 'Error', message: message.slice(0, 400) };
    }
    console.log(JSON.stringify({ job: name, ...outcome }));
  }
}

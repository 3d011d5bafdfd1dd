// Google's @google/genai package.
import { GoogleGenAI } from '@google/genai';
import * as kit from './kit.mjs';

const client = new GoogleGenAI({ apiKey: kit.KEY, httpOptions: { baseUrl: kit.ROOT } });
const ask = (contents, config) =>
  client.models.generateContent({ model: kit.MODEL, contents, config });
const declared = { name: 'get_weather', description: 'Tell the weather.', parametersJsonSchema: kit.CITY };

await kit.run({
  say: async () => ({ text: (await ask(kit.SAY)).text }),
  stream: async () => {
    const asked = { model: kit.MODEL, contents: kit.STREAM };
    const stream = await client.models.generateContentStream(asked);
    return kit.streamed(await kit.collect(stream, (chunk) => chunk.text));
  },
  tools: async () => {
    const config = { tools: [{ functionDeclarations: [declared] }] };
    const contents = [{ role: 'user', parts: [{ text: kit.TOOLS }] }];
    const first = await ask(contents, config);
    const parts = first.functionCalls.map(({ name, args }) => ({
      functionResponse: { name, response: { output: kit.weather(args.city) } },
    }));
    contents.push(first.candidates[0].content, { role: 'user', parts });
    const calls = first.functionCalls.map(({ name, args }) => [name, args]);
    return { text: (await ask(contents, config)).text, calls };
  },
  structured: async () => {
    const responseJsonSchema = {
      type: 'object',
      properties: { name: { type: 'string' }, age: { type: 'integer' } },
    };
    const config = { responseMimeType: 'application/json', responseJsonSchema };
    return { parsed: JSON.parse((await ask(kit.STRUCTURED, config)).text) };
  },
  vision: async () => {
    const picture = { inlineData: { data: kit.PICTURE, mimeType: 'image/png' } };
    return { text: (await ask([{ role: 'user', parts: [{ text: kit.VISION }, picture] }])).text };
  },
});

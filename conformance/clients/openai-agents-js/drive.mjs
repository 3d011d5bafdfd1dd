// OpenAI's Agents SDK for JavaScript: over chats and over responses.
import {
  Agent,
  OpenAIChatCompletionsModel,
  OpenAIResponsesModel,
  run,
  setTracingDisabled,
  tool,
} from '@openai/agents';
import OpenAI from 'openai';
import { z } from 'zod';
import * as kit from './kit.mjs';

setTracingDisabled(true);
const client = new OpenAI({ baseURL: kit.URL, apiKey: kit.KEY, maxRetries: 0 });
const Model = kit.PROTOCOL === 'responses' ? OpenAIResponsesModel : OpenAIChatCompletionsModel;
const agent = (more) => new Agent({ name: 'one', model: new Model(client, kit.MODEL), ...more });
const get_weather = tool({
  name: 'get_weather',
  description: 'Tell how warm it is in a city.',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => kit.weather(city),
});

await kit.run({
  say: async () => ({ text: (await run(agent(), kit.SAY)).finalOutput }),
  stream: async () => {
    const stream = await run(agent(), kit.STREAM, { stream: true });
    return kit.streamed(await kit.collect(stream.toTextStream(), (text) => text));
  },
  tools: async () => {
    const stream = await run(agent({ tools: [get_weather] }), kit.TOOLS, { stream: true });
    await stream.completed;
    return { text: stream.finalOutput };
  },
  structured: async () => {
    const outputType = z.object({ name: z.string(), age: z.number() });
    return { parsed: (await run(agent({ outputType }), kit.STRUCTURED)).finalOutput };
  },
  vision: async () => {
    const content = [
      { type: 'input_text', text: kit.VISION },
      { type: 'input_image', image: kit.PICTURE_URL },
    ];
    return { text: (await run(agent(), [{ role: 'user', content }])).finalOutput };
  },
});

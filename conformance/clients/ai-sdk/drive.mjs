// Vercel's AI SDK: its providers for OpenAI (chats, responses) and Anthropic.
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import * as ai from 'ai';
import { z } from 'zod';
import * as kit from './kit.mjs';

const { generateText, stepCountIs, streamText, tool, Output } = ai;
const openai = createOpenAI({ baseURL: kit.URL, apiKey: kit.KEY });
const models = {
  chat: () => openai.chat(kit.MODEL),
  responses: () => openai(kit.MODEL), // what the SDK does by default
  messages: () => createAnthropic({ baseURL: kit.URL, apiKey: kit.KEY })(kit.MODEL),
};
const model = models[kit.PROTOCOL]();
const Person = z.object({ name: z.string(), age: z.number() });
const get_weather = tool({
  description: 'Tell how warm it is in a city.',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => kit.weather(city),
});
const used = (usage) => [usage.inputTokens, usage.outputTokens];
const ask = (prompt, more) => generateText({ model, prompt, maxRetries: 0, ...more });

await kit.run({
  say: async () => ({ text: (await ask(kit.SAY)).text }),
  stream: async () => {
    const stream = streamText({ model, prompt: kit.STREAM, maxRetries: 0 });
    return kit.streamed(await kit.collect(stream.textStream, (text) => text));
  },
  tools: async () => {
    const stream = streamText({
      model,
      prompt: kit.TOOLS,
      tools: { get_weather },
      stopWhen: stepCountIs(3),
      maxRetries: 0,
    });
    const steps = await stream.steps;
    const calls = steps.flatMap((step) => step.toolCalls.map((call) => [call.toolName, call.input]));
    return { text: await stream.text, calls };
  },
  structured: async () => {
    const answer = await ask(kit.STRUCTURED, { output: Output.object({ schema: Person }) });
    return { parsed: answer.output };
  },
  vision: async () => {
    const content = [
      { type: 'text', text: kit.VISION },
      { type: 'image', image: kit.PICTURE, mediaType: 'image/png' },
    ];
    const messages = [{ role: 'user', content }];
    return { text: (await generateText({ model, messages, maxRetries: 0 })).text };
  },
  usage: async () => {
    const stream = streamText({ model, prompt: kit.STREAM, maxRetries: 0 });
    await stream.text;
    return { whole: used((await ask(kit.SAY)).usage), streamed: used(await stream.usage) };
  },
});

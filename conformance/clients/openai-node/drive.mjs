// The official openai package.
import { createReadStream } from 'node:fs';
import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import * as kit from './kit.mjs';

const client = new OpenAI({ baseURL: kit.URL, apiKey: kit.KEY, maxRetries: 0 });
const stranger = new OpenAI({ baseURL: kit.URL, apiKey: kit.WRONG_KEY, maxRetries: 0 });
const Person = z.object({ name: z.string(), age: z.number() });
const model = kit.MODEL;
const user = (content) => [{ role: 'user', content }];
const errors = async (ask) => ({
  key: await kit.fails(() => ask(stranger, model)),
  model: await kit.fails(() => ask(client, kit.UNKNOWN_MODEL)),
});

function chat() {
  const create = (content, more) =>
    client.chat.completions.create({ model, messages: user(content), ...more });
  const tools = [{ type: 'function', function: { name: 'get_weather', parameters: kit.CITY } }];
  const used = (usage) => [usage.prompt_tokens, usage.completion_tokens];
  return {
    say: async () => ({ text: (await create(kit.SAY)).choices[0].message.content }),
    stream: async () =>
      kit.streamed(
        await kit.collect(await create(kit.STREAM, { stream: true }), (c) => c.choices[0]?.delta.content),
      ),
    tools: async () => {
      const messages = user(kit.TOOLS);
      const { message, finish_reason } = (await client.chat.completions.create({ model, messages, tools }))
        .choices[0];
      messages.push(message);
      for (const call of message.tool_calls) {
        const content = kit.weather(JSON.parse(call.function.arguments).city);
        messages.push({ role: 'tool', tool_call_id: call.id, content });
      }
      const text = await client.chat.completions.stream({ model, messages, tools }).finalContent();
      const calls = message.tool_calls.map((c) => [c.function.name, JSON.parse(c.function.arguments)]);
      return { text, calls, finish: finish_reason };
    },
    structured: async () => {
      const response_format = zodResponseFormat(Person, 'person');
      const answer = await client.chat.completions.parse({
        model,
        messages: user(kit.STRUCTURED),
        response_format,
      });
      return { parsed: answer.choices[0].message.parsed };
    },
    vision: async () => {
      const image = { type: 'image_url', image_url: { url: kit.PICTURE_URL } };
      return { text: (await create([{ type: 'text', text: kit.VISION }, image])).choices[0].message.content };
    },
    usage: async () => {
      const stream = await create(kit.STREAM, { stream: true, stream_options: { include_usage: true } });
      const last = (await kit.collect(stream, (chunk) => chunk.usage)).filter(Boolean).at(-1);
      return { whole: used((await create(kit.SAY)).usage), streamed: used(last) };
    },
    errors: () =>
      errors((by, asked) => by.chat.completions.create({ model: asked, messages: user(kit.SAY) })),
    cached: async () => {
      const { usage } = await create(kit.CACHED);
      return { cached: usage.prompt_tokens_details.cached_tokens, input: usage.prompt_tokens };
    },
    moderate: async () => ({
      flagged: (await client.moderations.create({ model, input: 'I hate it' })).results[0].flagged,
    }),
    image: async () => {
      const told = ({ data }) => Buffer.from(data[0].b64_json, 'base64').toString();
      const image = createReadStream(kit.PICTURE_FILE);
      return {
        made: told(await client.images.generate({ model, prompt: 'a cat' })),
        changed: told(await client.images.edit({ model, prompt: 'a dog', image })),
      };
    },
    speech: async () => {
      const answer = await client.audio.speech.create({ model, voice: 'alloy', input: 'Hello' });
      const raw = Buffer.from(await answer.arrayBuffer());
      return { sound: raw.subarray(0, 23).toString(), bytes: raw.length };
    },
    transcribe: async () => {
      const file = createReadStream(kit.SOUND_FILE);
      return { text: (await client.audio.transcriptions.create({ model, file })).text };
    },
    embed: async () => ({
      vectors: (await client.embeddings.create({ model, input: kit.INPUTS })).data.map((d) => d.embedding),
    }),
    // The real small model. Without the prompt cache: it changes what is computed together.
    model: async () => {
      const exact = { temperature: 0, seed: 1, max_tokens: 24, cache_prompt: false };
      const text = (await create('Name three colours.', exact)).choices[0].message.content;
      const chunks = await create('Name three colours.', { ...exact, stream: true });
      const texts = await kit.collect(chunks, (chunk) => chunk.choices[0]?.delta.content ?? '');
      return { text, agrees: text !== '' && texts.join('') === text };
    },
    complete: async () => ({
      text: (await client.completions.create({ model, prompt: 'Once upon a time' })).choices[0].text,
    }),
  };
}

function responses() {
  const tools = [{ type: 'function', name: 'get_weather', parameters: kit.CITY, strict: true }];
  const used = (usage) => [usage.input_tokens, usage.output_tokens];
  const create = (input, more) => client.responses.create({ model, input, ...more });
  return {
    say: async () => ({ text: (await create(kit.SAY)).output_text }),
    stream: async () =>
      kit.streamed(
        await kit.collect(await create(kit.STREAM, { stream: true }), (event) =>
          event.type === 'response.output_text.delta' ? event.delta : '',
        ),
      ),
    tools: async () => {
      const first = await create(user(kit.TOOLS), { tools, store: false });
      const calls = first.output.filter((item) => item.type === 'function_call');
      const outputs = calls.map((call) => ({
        type: 'function_call_output',
        call_id: call.call_id,
        output: kit.weather(JSON.parse(call.arguments).city),
      }));
      const input = [...user(kit.TOOLS), ...first.output, ...outputs];
      const last = await client.responses.stream({ model, input, tools, store: false }).finalResponse();
      return { text: last.output_text, calls: calls.map((c) => [c.name, JSON.parse(c.arguments)]) };
    },
    structured: async () => {
      const text = { format: zodTextFormat(Person, 'person') };
      const answer = await client.responses.parse({ model, input: kit.STRUCTURED, text });
      return { parsed: answer.output_parsed };
    },
    vision: async () => {
      const image = { type: 'input_image', image_url: kit.PICTURE_URL, detail: 'auto' };
      return { text: (await create(user([{ type: 'input_text', text: kit.VISION }, image]))).output_text };
    },
    usage: async () => {
      const events = await kit.collect(await create(kit.STREAM, { stream: true }), (event) => event);
      return {
        whole: used((await create(kit.SAY)).usage),
        streamed: used(events.at(-1).response.usage),
      };
    },
    cached: async () => {
      const { usage } = await create(kit.CACHED);
      return { cached: usage.input_tokens_details.cached_tokens, input: usage.input_tokens };
    },
    search: async () => {
      const more = { tools: [{ type: 'web_search' }] };
      const answer = await create(kit.SEARCH, more);
      const events = await kit.collect(await create(kit.SEARCH, { ...more, stream: true }), (e) => e.type);
      return {
        text: answer.output_text,
        source: answer.output.at(-1).content[0].annotations[0].url,
        items: answer.output.map((item) => item.type),
        searched: events.filter((name) => name.includes('web_search') || name.includes('annotation')),
      };
    },
    reason: async () => {
      const more = { store: false, include: ['reasoning.encrypted_content'] };
      const first = await create(kit.REASON, more);
      const again = await create([...user(kit.REASON), ...first.output, ...user(kit.REASON)], more);
      return { thought: first.output[0].summary[0].text, text: again.output_text };
    },
    state: async () => {
      const first = await create(kit.NAMED);
      const second = await create(kit.ASKED_NAME, { previous_response_id: first.id });
      const kept = await client.responses.retrieve(second.id);
      const items = await kit.collect(client.responses.inputItems.list(second.id), (item) => item.role);
      await client.responses.delete(second.id);
      const gone = await kit.fails(() => client.responses.retrieve(second.id));
      return {
        text: second.output_text,
        kept: kept.output[0].content[0].text === second.output_text,
        status: kept.status,
        items: items.sort(),
        gone: gone.status,
        class: gone.class,
        goes_on: await kit.fails(() => create(kit.ASKED_NAME, { previous_response_id: second.id })),
      };
    },
    errors: () => errors((by, asked) => by.responses.create({ model: asked, input: kit.SAY })),
  };
}

await kit.run({ chat, responses }[kit.PROTOCOL]());

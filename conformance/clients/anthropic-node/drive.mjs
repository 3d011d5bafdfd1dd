// The official @anthropic-ai/sdk package.
import Anthropic from '@anthropic-ai/sdk';
import * as kit from './kit.mjs';

const open = (apiKey) => new Anthropic({ baseURL: kit.ROOT, apiKey, maxRetries: 0 });
const client = open(kit.KEY);
const tool = { name: 'get_weather', description: 'Tell the weather.', input_schema: kit.CITY };
const person = {
  name: 'person',
  input_schema: { type: 'object', properties: { name: { type: 'string' }, age: { type: 'integer' } } },
};
const asked = (content, more) => ({
  model: kit.MODEL,
  max_tokens: 500,
  messages: [{ role: 'user', content }],
  ...more,
});
const textOf = (message) => message.content.map((block) => block.text ?? '').join('');
const used = (usage) => [usage.input_tokens, usage.output_tokens];

await kit.run({
  say: async () => {
    const message = await client.messages.create(asked(kit.SAY, { system: 'Be brief.' }));
    return { text: textOf(message), stop: message.stop_reason };
  },
  stream: async () => {
    const texts = [];
    await client.messages.stream(asked(kit.STREAM)).on('text', (text) => texts.push(text)).finalMessage();
    return kit.streamed(texts);
  },
  tools: async () => {
    const request = asked(kit.TOOLS, { tools: [tool] });
    const first = await client.messages.create(request);
    const calls = first.content.filter((block) => block.type === 'tool_use');
    const results = calls.map((call) => ({
      type: 'tool_result',
      tool_use_id: call.id,
      content: kit.weather(call.input.city),
    }));
    request.messages.push({ role: 'assistant', content: first.content }, { role: 'user', content: results });
    const last = await client.messages.stream(request).finalMessage();
    return { text: textOf(last), calls: calls.map((c) => [c.name, c.input]), stop: first.stop_reason };
  },
  structured: async () => {
    const choice = { tools: [person], tool_choice: { type: 'tool', name: 'person' } };
    return { parsed: (await client.messages.create(asked(kit.STRUCTURED, choice))).content[0].input };
  },
  vision: async () => {
    const source = { type: 'base64', media_type: 'image/png', data: kit.PICTURE };
    const parts = [{ type: 'image', source }, { type: 'text', text: kit.VISION }];
    return { text: textOf(await client.messages.create(asked(parts))) };
  },
  usage: async () => ({
    whole: used((await client.messages.create(asked(kit.SAY))).usage),
    streamed: used((await client.messages.stream(asked(kit.STREAM)).finalMessage()).usage),
  }),
  cached: async () => {
    const part = { type: 'text', text: kit.CACHED, cache_control: { type: 'ephemeral' } };
    const { usage } = await client.messages.create(asked([part]));
    return { cached: usage.cache_read_input_tokens, input: usage.input_tokens };
  },
  search: async () => {
    const request = asked(kit.SEARCH, { tools: [{ type: 'web_search_20250305', name: 'web_search' }] });
    const whole = await client.messages.create(request);
    const streamed = await client.messages.stream(request).finalMessage();
    return {
      text: textOf(whole),
      source: whole.content[1].content[0].url,
      items: whole.content.map((block) => block.type),
      streamed: streamed.content.map((block) => block.type),
      query: streamed.content[0].input,
    };
  },
  // The thought is streamed, as long ones are, and given back.
  reason: async () => {
    const request = asked(kit.REASON, { thinking: { type: 'enabled', budget_tokens: 1024 }, max_tokens: 2000 });
    const first = await client.messages.stream(request).finalMessage();
    request.messages.push({ role: 'assistant', content: first.content });
    request.messages.push({ role: 'user', content: kit.REASON });
    return { thought: first.content[0].thinking, text: textOf(await client.messages.create(request)) };
  },
  errors: async () => ({
    key: await kit.fails(() => open(kit.WRONG_KEY).messages.create(asked(kit.SAY))),
    model: await kit.fails(() => client.messages.create(asked(kit.SAY, { model: kit.UNKNOWN_MODEL }))),
  }),
  count: async () => {
    const { max_tokens: _, ...request } = asked(kit.SAY);
    return { counted: (await client.messages.countTokens(request)).input_tokens > 0 };
  },
});

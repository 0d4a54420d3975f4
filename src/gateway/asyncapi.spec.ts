import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Parser } from '@asyncapi/parser';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { load } from 'js-yaml';
import { parseClientFrame } from './client-frame';
import { CLOSE } from './protocol';

interface Message {
  payload: { properties: { type: { const: string } } };
  examples: { payload: unknown }[];
}

interface Document {
  info: { description: string };
  channels: { gateway: { messages: Record<string, unknown> } };
  operations: Record<string, { messages: { $ref: string }[] }>;
  components: { messages: Record<string, Message>; schemas: object };
}

/** Of the parser's diagnostics: errors are 0, hints 3. */
const WARNING = 1;

/** docs/asyncapi.yaml is what clients are written from, so it must not lie. */
describe('docs/asyncapi.yaml', () => {
  const text = readFileSync(join(__dirname, '../../docs/asyncapi.yaml'), 'utf8');
  const document = load(text) as Document;
  const { messages } = document.components;
  const ajv = new Ajv2020({ strict: false });
  addFormats(ajv);
  ajv.addSchema({ $id: 'doc', components: document.components });

  it('is valid, for the parser of AsyncAPI', async () => {
    const { diagnostics } = await new Parser().parse(text);
    const faults = diagnostics.filter(({ severity }) => Number(severity) <= WARNING);
    expect(faults.map(({ message, path }) => `${path.join('.')}: ${message}`)).toEqual([]);
  });

  it.each(Object.keys(messages))('has examples of %s that are what it says', (name) => {
    const validate = ajv.compile({ $ref: `doc#/components/messages/${name}/payload` });
    for (const { payload } of messages[name]?.examples ?? []) {
      expect([validate(payload), validate.errors]).toEqual([true, null]);
    }
    expect(messages[name]?.examples.length).toBeGreaterThan(0);
    expect(messages[name]?.payload.properties.type.const).toBe(name);
  });

  it('has every message on the channel and in one operation', () => {
    const names = Object.keys(messages).sort();
    expect(Object.keys(document.channels.gateway.messages).sort()).toEqual(names);
    const used = Object.values(document.operations).flatMap((operation) =>
      operation.messages.map(({ $ref }) => $ref.split('/').at(-1)),
    );
    expect(used.sort()).toEqual(names);
  });

  it('has examples of what clients send that the gateway reads', () => {
    const sent =
      document.operations['clientSends']?.messages.map(({ $ref }) => $ref.split('/').at(-1) ?? '') ?? [];
    for (const { payload } of sent.flatMap((name) => messages[name]?.examples ?? []))
      expect(parseClientFrame(Buffer.from(JSON.stringify(payload)), false)).toEqual(payload);
  });

  it('names every code that the server closes with', () => {
    for (const code of Object.values(CLOSE)) expect(document.info.description).toContain(String(code));
  });
});

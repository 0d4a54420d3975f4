import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { load } from 'js-yaml';
import type { Frame } from './ws-client';

interface Document {
  operations: { serverSends: { messages: { $ref: string }[] } };
  components: { messages: Record<string, unknown>; schemas: object };
}

/** docs/asyncapi.yaml, as something that recorded frames can be held against. */
export class GatewayDocument {
  private readonly validators: ReadonlyMap<string, ValidateFunction>;

  constructor() {
    const text = readFileSync(join(__dirname, '../../docs/asyncapi.yaml'), 'utf8');
    const document = load(text) as Document;
    const ajv = new Ajv2020({ strict: false });
    addFormats(ajv);
    ajv.addSchema({ $id: 'doc', components: document.components });
    const names = document.operations.serverSends.messages.map(({ $ref }) => $ref.split('/').at(-1) ?? '');
    this.validators = new Map(
      names.map((name) => [name, ajv.compile({ $ref: `doc#/components/messages/${name}/payload` })]),
    );
  }

  /** What the server sent that the document does not know. */
  violations(frames: readonly Frame[]): string[] {
    return frames.flatMap((frame) => {
      const validate = this.validators.get(frame.type);
      if (validate?.(frame)) return [];
      const why = validate ? JSON.stringify(validate.errors?.slice(0, 3)) : 'no such message';
      return [`${JSON.stringify(frame).slice(0, 300)}: ${why}`];
    });
  }
}

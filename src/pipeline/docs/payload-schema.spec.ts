import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  Contains,
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  IsUUID,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { IsRecordOf } from '../../platform/settings/records';
import { MayBeAbsent } from '../catalogue/fields';
import { IsPatchOf } from '../catalogue/patch-of';
import { payloadSchema } from './payload-schema';

class Inner {
  @MayBeAbsent() @IsArray() @ArrayMaxSize(3) @IsIn(['a', 'b'], { each: true }) kinds?: string[];
}
class Outer {
  @IsUUID() id!: string;
  @MayBeAbsent() @IsInt() @Min(1) @Max(10) count = 5;
  @MayBeAbsent() @IsObject() @ValidateNested() @Type(() => Inner) inner: Inner = new Inner();
}
class Whole {
  @IsInt() @Min(1) size = 3;
  @IsIn(['a', 'b']) kind = 'a';
  @IsObject() @ValidateNested() @Type(() => Inner) inner = new Inner();
  @IsRecordOf({ keys: /^k/, maxEntries: 9, values: { of: Inner } }) parts: Record<string, Inner> = {};
  @IsRecordOf({ keys: /^k/, maxEntries: 9, values: { listOf: () => undefined } })
  lists: Record<string, string[]> = {};
}
class Patched {
  @IsPatchOf(Whole) part!: Partial<Whole>;
}
class Unknown {
  @Contains('x') text!: string;
}

describe('the schema of a payload', () => {
  it('says what the validator checks', () => {
    expect(payloadSchema(Outer, () => undefined)).toEqual({
      type: 'object',
      additionalProperties: false,
      required: ['id'],
      properties: {
        id: { type: 'string', format: 'uuid' },
        count: { type: 'integer', minimum: 1, maximum: 10, default: 5 },
        inner: {
          type: 'object',
          additionalProperties: false,
          properties: { kinds: { type: 'array', maxItems: 3, items: { type: 'string', enum: ['a', 'b'] } } },
        },
      },
    });
  });

  it('has the doc comments that the plugin found', () => {
    const described = () => ({ properties: { id: { description: 'Which one.' } } });
    expect(payloadSchema(Outer, described).properties?.['id']?.description).toBe('Which one.');
  });

  it('of a part says that everything may be left out, or reset with null, and to what', () => {
    const kinds = {
      type: 'array',
      maxItems: 3,
      items: { type: 'string', enum: ['a', 'b'] },
      nullable: true,
    };
    const inner = { type: 'object', additionalProperties: false, properties: { kinds }, nullable: true };
    expect(payloadSchema(Patched, () => undefined).properties?.['part']).toEqual({
      type: 'object',
      additionalProperties: false,
      properties: {
        size: { type: 'integer', minimum: 1, nullable: true, description: 'Default: 3.' },
        kind: { type: 'string', enum: ['a', 'b', null], nullable: true, description: 'Default: "a".' },
        inner,
        parts: { type: 'object', additionalProperties: inner, nullable: true },
        lists: {
          type: 'object',
          additionalProperties: {
            type: 'array',
            minItems: 1,
            maxItems: 9,
            items: { type: 'string' },
            nullable: true,
          },
          nullable: true,
        },
      },
    });
  });

  it('cannot be made of rules that nobody has translated', () => {
    expect(() => payloadSchema(Unknown, () => undefined)).toThrow(
      /Unknown\.text has the rule contains: say in/,
    );
  });
});

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
import { MayBeAbsent } from '../catalogue/fields';
import { payloadSchema } from './payload-schema';

class Inner {
  @MayBeAbsent() @IsArray() @ArrayMaxSize(3) @IsIn(['a', 'b'], { each: true }) kinds?: string[];
}
class Outer {
  @IsUUID() id!: string;
  @MayBeAbsent() @IsInt() @Min(1) @Max(10) count = 5;
  @MayBeAbsent() @IsObject() @ValidateNested() @Type(() => Inner) inner: Inner = new Inner();
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

  it('cannot be made of rules that nobody has translated', () => {
    expect(() => payloadSchema(Unknown, () => undefined)).toThrow(
      /Unknown\.text has the rule contains: say in/,
    );
  });
});

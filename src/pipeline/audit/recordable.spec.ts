import { Type } from 'class-transformer';
import { IsArray, IsInt, IsObject, IsString, ValidateNested } from 'class-validator';
import { MASK } from '../../platform/security/scrub';
import { ActionCommand } from '../catalogue/action-command';
import { Recorded } from '../catalogue/fields';
import { DROPPED, recordable } from './recordable';

class Part {
  @Recorded()
  @IsInt()
  size!: number;

  @IsString()
  label!: string;
}

class Example extends ActionCommand<null> {
  @Recorded()
  @IsString()
  name!: string;

  @IsString()
  nickname?: string;

  @Recorded()
  @IsObject()
  @ValidateNested()
  @Type(() => Part)
  part?: Part;

  @Recorded()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => Part)
  parts?: Part[];

  @Recorded()
  @IsObject()
  free?: object;
}

const CANARY = 'canary-55e1';

describe('what may stand in the audit', () => {
  it('is what the command marks, as it is', () => {
    const payload = { name: 'n', part: { size: 1 }, parts: [{ size: 2 }], free: { a: [1] } };
    expect(recordable(payload, Example)).toEqual(payload);
  });

  it('is not what it does not mark, at any depth', () => {
    const payload = { nickname: CANARY, part: { size: 1, label: CANARY }, parts: [{ label: CANARY }] };
    expect(recordable(payload, Example)).toEqual({
      nickname: MASK,
      part: { size: 1, label: MASK },
      parts: [{ label: MASK }],
    });
  });

  it('is not what it does not know: neither names nor values, only how many', () => {
    const payload = {
      name: 'n',
      [CANARY]: CANARY,
      constructor: 1,
      part: { [CANARY]: 1 },
      parts: [CANARY, null],
    };
    const copy = recordable(payload, Example);
    expect(copy).toEqual({ name: 'n', [DROPPED]: 2, part: { [DROPPED]: 1 }, parts: [MASK, null] });
    expect(JSON.stringify(copy)).not.toContain(CANARY);
  });

  it.each([
    ['nothing', null, null],
    ['nothing at all', undefined, null],
    ['a text', CANARY, MASK],
    ['a list', [CANARY], MASK],
    ['an object', { a: CANARY, b: CANARY }, { [DROPPED]: 2 }],
  ])('of an unknown action is nothing: %s', (_what, payload, expected) => {
    expect(recordable(payload, undefined)).toEqual(expected);
  });
});

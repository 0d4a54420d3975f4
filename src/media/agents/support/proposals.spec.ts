import fc from 'fast-check';
import { AgentError, type AgentRun } from '../agent';
import { momentSelector } from '../moment-selector.agent';
import { MAX_MOMENTS, momentsIn, proposalsFor, type ProposedMoment } from './proposals';
import type { MomentSelectorOutput } from './outputs';

const header = { schema_version: 1 as const, engine: 'test', params: {} };

/** What a step of type http leaves behind. */
function stepThat(...moments: [start_s: number, end_s: number, score?: number, reason?: string][]): object {
  const answer = {
    moments: moments.map(([start_s, end_s, score = 1, reason]) => ({ start_s, end_s, score, reason })),
  };
  return { ...header, answer, moments: momentsIn(JSON.parse(JSON.stringify(answer)) as typeof answer) };
}

async function select(
  durationS: number,
  steps: Record<string, object>,
  { settings = {}, fps = 25 }: { settings?: object; fps?: number } = {},
): Promise<MomentSelectorOutput> {
  const proxy = { width: 320, height: 180, fps, frames: Math.round(durationS * fps) };
  const run = {
    settings,
    inputs: { normaliser: { ...header, proxy, duration_s: durationS }, ...steps },
    progress: () => undefined,
    signal: new AbortController().signal,
  } as unknown as AgentRun;
  const result = await momentSelector.run(run);
  return (result as { output: MomentSelectorOutput }).output;
}

const reasonOf = ({ clips }: MomentSelectorOutput) =>
  clips[0]?.reasons.find(({ name }) => name === 'proposed');

describe('the moments of an answer', () => {
  const refusal = (answer: unknown) => {
    try {
      return momentsIn(answer as Record<string, unknown>);
    } catch (error) {
      expect(error).toBeInstanceOf(AgentError);
      expect(error).toMatchObject({ code: 'HTTP_BAD_ANSWER', options: { retryable: false } });
      return (error as AgentError).message;
    }
  };

  it('are taken as they are, a reason being optional, and are none where it has none', () => {
    const moments = [
      { start_s: 0, end_s: 4.5, score: 0.25, reason: ' Goal 👨‍👩‍👧 ' },
      { start_s: 2, end_s: 3, score: 1 },
    ];
    expect(momentsIn({ moments, model: 'v3' })).toEqual([
      { start_s: 0, end_s: 4.5, score: 0.25, reason: 'Goal 👨‍👩‍👧' },
      { start_s: 2, end_s: 3, score: 1, reason: null },
    ]);
    expect(momentsIn({ moments: [] })).toEqual([]);
    expect(momentsIn({ highlights: 1 })).toBeNull();
  });

  const good = { start_s: 1, end_s: 2, score: 0.5 };
  it.each<[string, string, unknown]>([
    ['no list', 'moments must be a list', { 0: good, length: 1 }],
    ['null', 'moments must be a list', null],
    ['100,000 of them', 'a list of at most 1000', Array<unknown>(100_000).fill(good)],
    ['a number in the list', 'moments[1] must be an object', [good, 7]],
    ['null in the list', 'moments[0] must be an object', [null]],
    ['a list in the list', 'moments[0] must be an object', [[1, 2, 0.5]]],
    ['a key of its own', 'nothing but start_s', [{ ...good, label: 'x' }]],
    ['a prototype', 'nothing but start_s', [JSON.parse('{"start_s":1,"end_s":2,"score":1,"__proto__":{}}')]],
    ['no start', 'moments[0].start_s', [{ end_s: 2, score: 1 }]],
    ['a start before the video', 'moments[0].start_s', [{ ...good, start_s: -0.1 }]],
    ['a start that is no number', 'moments[0].start_s', [{ ...good, start_s: NaN }]],
    ['a text for a start', 'moments[0].start_s', [{ ...good, start_s: '1' }]],
    ['an end that is no number', 'moments[0].end_s', [{ ...good, end_s: NaN }]],
    ['an endless one', 'moments[0].end_s', [JSON.parse('{"start_s":1,"end_s":1e999,"score":1}')]],
    ['one that is empty', 'moments[0].end_s', [{ ...good, end_s: 1 }]],
    ['one that is backwards', 'moments[0].end_s', [{ ...good, end_s: 0.5 }]],
    ['milliseconds since 1970', 'moments[0].start_s', [{ ...good, start_s: 1.7e12, end_s: 1.8e12 }]],
    ['no score', 'moments[0].score', [{ start_s: 1, end_s: 2 }]],
    ['a score of percents', 'moments[0].score', [{ ...good, score: 50 }]],
    ['a score that is no number', 'moments[0].score', [{ ...good, score: NaN }]],
    ['an empty reason', 'moments[0].reason', [{ ...good, reason: ' ' }]],
    ['a long reason', 'moments[0].reason', [{ ...good, reason: 'x'.repeat(201) }]],
    ['a reason with a NUL', 'moments[0].reason', [{ ...good, reason: 'a\0' }]],
    ['a reason of two lines', 'moments[0].reason', [{ ...good, reason: 'a\u2028b' }]],
    ['a reason that turns text round', 'moments[0].reason', [{ ...good, reason: 'a\u202eb' }]],
    ['half a character', 'moments[0].reason', [{ ...good, reason: '\ud83d' }]],
    ['an object for a reason', 'moments[0].reason', [{ ...good, reason: {} }]],
  ])('are refused over %s', (_what, said, moments) => {
    expect(refusal({ moments })).toContain(said);
  });

  it('are refused or whole, whatever comes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (moments) => {
        const found = refusal({ moments });
        if (typeof found === 'string') expect(found).toMatch(/^In the answer of the service moments.*\.$/);
        else for (const { start_s, end_s } of found ?? []) expect(end_s).toBeGreaterThan(start_s);
      }),
    );
  });
});

describe('what steps propose', () => {
  it('is held to the video, in the same order however the steps ended, and the best of too many', () => {
    const inputs = {
      b: stepThat([1, 2, 0.5], [60, 70]),
      a: stepThat([50, 999, 0.5]),
      other: { ...header, moments: 'none' },
      none: null,
    };
    const found = proposalsFor({ inputs } as unknown as AgentRun, 60);
    expect(found).toEqual({
      proposals: [
        { agent: 'a', start_s: 50, end_s: 60, score: 0.5, reason: null },
        { agent: 'b', start_s: 1, end_s: 2, score: 0.5, reason: null },
      ],
      outside: 1,
    });
    const many = (score: number): ProposedMoment[] =>
      Array.from({ length: MAX_MOMENTS }, (_, n) => ({ start_s: n, end_s: n + 1, score, reason: null }));
    const two = { poor: { ...header, moments: many(0.1) }, good: { ...header, moments: many(0.9) } };
    const best = proposalsFor({ inputs: two } as unknown as AgentRun, 10_000).proposals;
    expect([best.length, new Set(best.map(({ agent }) => agent))]).toEqual([MAX_MOMENTS, new Set(['good'])]);
  });

  it('becomes the clip, to the frame, with its reason', async () => {
    const found = await select(
      120,
      { goals: stepThat([61.6, 74, 0.8, 'A goal']) },
      { settings: { count: 1 } },
    );
    expect(found.clips[0]).toMatchObject({ start_s: 61.6, end_s: 74 });
    expect(reasonOf(found)).toEqual({
      name: 'proposed',
      value: 0.8,
      weight: 0.833,
      sentence: 'Proposed by the step goals, which names 61.6 s to 74.0 s: “A goal”.',
    });
  });

  it('is within a clip that is no longer than it must be, when it is shorter than a clip may be', async () => {
    const found = await select(120, { goals: stepThat([80, 81]) }, { settings: { count: 1 } });
    const [clip] = found.clips;
    expect(clip?.start_s).toBeLessThanOrEqual(80);
    expect(clip?.end_s).toBeGreaterThanOrEqual(81);
    expect((clip?.end_s ?? 0) - (clip?.start_s ?? 0)).toBeLessThan(14);
    expect(reasonOf(found)?.sentence).toBe('Proposed by the step goals, which names 80.0 s to 81.0 s.');
  });

  it('fills a clip when it is longer than a clip may be', async () => {
    const found = await select(600, { goals: stepThat([100, 400]) }, { settings: { count: 1 } });
    expect(found.clips[0]?.start_s).toBeGreaterThanOrEqual(100);
    expect(found.clips[0]?.end_s).toBeLessThanOrEqual(400);
    expect(reasonOf(found)?.value).toBeGreaterThan(0.3);
  });

  it('gives the better of those that overlap, and no clips that do', async () => {
    const found = await select(300, {
      a: stepThat([100, 120, 0.6], [110, 130, 0.9]),
      b: stepThat([112, 128, 0.7]),
    });
    expect(found.clips[0]).toMatchObject({ start_s: 110, end_s: 130 });
    const ordered = [...found.clips].sort((one, other) => one.start_s - other.start_s);
    ordered.forEach((clip, index) =>
      expect(clip.start_s).toBeGreaterThanOrEqual(ordered[index - 1]?.end_s ?? 0),
    );
  });

  it('is told of where it lies beyond the end, and counts as much as it is given weight', async () => {
    const beyond = await select(100, { goals: stepThat([100, 110], [200, 210]) });
    expect(beyond.note).toBe('Proposed moments that begin after the end of the video: 2.');
    expect(reasonOf(beyond)).toBeUndefined();
    const settings = { count: 1, weights: { proposed: 0 } };
    const ignored = await select(120, { goals: stepThat([61.6, 74]) }, { settings });
    expect(reasonOf(ignored)?.weight).toBe(0);
  });

  it('always leads to clips that fit, whatever is proposed', async () => {
    const some = fc.array(
      fc.tuple(
        fc.double({ min: 0, max: 500, noNaN: true }),
        fc.double({ min: 1e-6, max: 500, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
      ),
      { maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(some, fc.constantFrom(10, 23.976, 30), async (moments, fps) => {
        const step = stepThat(
          ...moments
            .map(([start, length, score]): [number, number, number] => [start, start + length, score])
            .filter(([start, end]) => end > start),
        );
        const { clips } = await select(180, { step }, { fps });
        expect(clips.length).toBeGreaterThan(0);
        for (const { start_s, end_s, score } of clips) {
          expect(start_s).toBeGreaterThanOrEqual(0);
          expect(end_s).toBeLessThanOrEqual(180 + 1e-5);
          expect(end_s - start_s).toBeGreaterThan(8 - 2 / fps);
          expect(end_s - start_s).toBeLessThan(60 + 2 / fps);
          expect(score).toBeGreaterThanOrEqual(0);
          expect(score).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 100 },
    );
  });
});

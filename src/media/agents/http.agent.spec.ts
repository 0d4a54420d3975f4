import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentRun } from './agent';
import { httpAgent } from './http.agent';
import { SCHEMA_VERSION } from './support/outputs';

describe('the http agent', () => {
  let workDir: string;
  let sent: { artifacts: { artifact_id: string }[]; inputs: unknown };
  let answer: unknown;
  beforeEach(() => {
    workDir = mkdtempSync(join(tmpdir(), 'http-agent-'));
    answer = {};
  });
  afterEach(() => rmSync(workDir, { recursive: true }));

  const agent = httpAgent({
    outbound: {
      postJson: ({ body }) => {
        sent = body as typeof sent;
        return Promise.resolve(answer);
      },
    },
    links: { to: (id) => ({ url: `https://files.example/${id}`, expiresAt: new Date() }) },
    tokens: {},
  });
  const run = (inputs: Record<string, unknown> = {}) =>
    agent.run({
      jobId: 'job',
      stepId: 'step',
      attempt: 1,
      settings: { ...agent.defaults, url: 'https://models.example/' },
      source: { path: '/nowhere', filename: 'a.mp4', size: 1, sha256: null },
      inputs,
      workDir,
      signal: new AbortController().signal,
      publish: () => Promise.resolve(fileOf('answer')),
    } as unknown as AgentRun);
  const fileOf = (id: string) => ({ artifact_id: id, name: `${id}.json`, size: 1, sha256: '00' });

  it('takes an answer with more numbers than a call can have arguments', async () => {
    answer = { scores: new Array<number>(500_000).fill(0) };
    expect(await run()).toMatchObject({ status: 'completed', output: { answer } });
  });

  it.each([
    [32, 'completed'],
    [33, 'HTTP_BAD_ANSWER'],
  ])('takes lists in lists up to a depth: %d', async (depth, outcome) => {
    answer = Array.from({ length: depth - 1 }).reduce<unknown>((inner) => [0, inner], 0);
    answer = { answer };
    const end = await run().then(
      ({ status }) => status,
      ({ code }: { code: string }) => code,
    );
    expect(end).toBe(outcome);
  });

  it('links the files of earlier steps, and none that a user or another system names', async () => {
    const other = {
      schema_version: SCHEMA_VERSION,
      params: { parameters: { mine: fileOf('of-somebody-else') } },
      answer: { found: [fileOf('of-yet-another')] },
      file: fileOf('of-this-job'),
    };
    await run({ other, normaliser: { proxy: fileOf('proxy'), audio: null } });
    expect(sent.artifacts.map(({ artifact_id }) => artifact_id)).toEqual(['of-this-job', 'proxy']);
    expect(sent.inputs).toMatchObject({ other });
  });
});

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentError, type AgentErrorCode } from '../../src/media/agents/agent';
import { createMediaTools, type MediaTools } from '../../src/media/tools/media-tools';
import { KeptLog, runChain, type ChainOptions } from '../support/media/agent-chain';
import { sameNoise, Specimens } from '../support/media/specimens';

/** A bad file must be refused within this time, in milliseconds, however hostile it is. */
const SOON_MS = 15_000;

let dir: string;
let tools: MediaTools;
let specimens: Specimens;
let server: Server;
let hits: string[];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'refusals-int-'));
  tools = await createMediaTools({
    ffmpegPath: process.env.FFMPEG_PATH,
    ffprobePath: process.env.FFPROBE_PATH,
    allowBundled: true,
    pidDir: join(dir, 'pids'),
    log: new KeptLog(),
  });
  specimens = new Specimens(tools.capabilities.ffmpeg.path, dir);
  hits = [];
  server = createServer((request, response) => {
    hits.push(request.url ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.close();
  await rm(dir, { recursive: true, force: true });
});

const url = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;

/** Runs the inspector on a file that it must refuse. */
async function refusal(path: string, settings: ChainOptions['settings'] = {}): Promise<AgentError> {
  const started = Date.now();
  const error = await runChain(path, { tools, dir, until: 'inspector', settings }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(Date.now() - started).toBeLessThan(SOON_MS);
  if (error instanceof AgentError) return error;
  throw new Error(`Not refused with a reason: ${String(error)}`);
}

type Row = [what: string, code: AgentErrorCode, make: () => Promise<string>, sentence: RegExp];

const BAD: Row[] = [
  ['nothing', 'NOT_MEDIA', () => specimens.bytes('zero.mp4', ''), /empty/],
  [
    'noise',
    'NOT_MEDIA',
    () => specimens.bytes('noise.mp4', Buffer.from('\x01\x02noise'.repeat(20_000))),
    /not a video/,
  ],
  [
    'random bytes',
    'NOT_MEDIA',
    () => specimens.bytes('random.mp4', Buffer.concat([Buffer.alloc(8), sameNoise(200_000)])),
    /not a video/,
  ],
  [
    'a video cut off before its index',
    'TRUNCATED',
    async () => specimens.cut(await specimens.good('late.mp4', []), 'no-index.mp4', 0.75),
    /end is missing/,
  ],
  [
    'a video cut in half behind its index',
    'DAMAGED',
    async () => specimens.cut(await specimens.good(), 'half.mp4', 0.5),
    /only 4.* s of 8 s can be decoded.*accept_partial/,
  ],
  [
    'a rotten video',
    'DAMAGED',
    async () => specimens.rot(await specimens.good(), 'rotten.mp4', 150, 400),
    /damaged/,
  ],
  ['sound alone', 'NO_VIDEO', () => specimens.audioOnly('sound.m4a'), /sound/],
  ['sound alone, called a video', 'NO_VIDEO', () => specimens.audioOnly('sound.mp4'), /no video stream/],
  ['sound with a cover picture', 'NO_VIDEO', () => specimens.audioWithCover(), /no video stream/],
  [
    'a picture, called a video',
    'UNSUPPORTED_FORMAT',
    async () => specimens.copy(await specimens.still(), 'png.mp4'),
    /PNG image/,
  ],
  ['a single frame', 'TOO_SHORT', () => specimens.singleFrame(), /lasts 0\.04 s; at least 3 s/],
  ['two seconds', 'TOO_SHORT', () => specimens.seconds('two.mp4', 2), /lasts 2 s/],
  ['nine streams', 'TOO_MANY_STREAMS', () => specimens.manyStreams(9), /9 streams; at most 8/],
  ['ten hours in a few kilobytes', 'TOO_LONG', () => specimens.tenHours(), /lasts 10 h; at most 4 h/],
  ['a picture bomb', 'TOO_LARGE_DIMENSIONS', () => specimens.hugePicture(), /larger/],
  ['a picture bomb in disguise', 'TOO_LARGE_DIMENSIONS', () => specimens.hugeInDisguise(), /larger/],
];

describe('bad input', () => {
  it.each(BAD)('%s is refused with %s', async (_what, code, make, sentence) => {
    const error = await refusal(await make());

    expect(error.code).toBe(code);
    expect(error.message).toMatch(sentence);
    expect(error.message).not.toContain(dir);
    expect(error.options.retryable).toBe(false);
  });

  it('that is longer than it says is refused once that shows', async () => {
    const error = await refusal(await specimens.noDuration(), { inspector: { max_duration_s: 4 } });

    expect(error).toMatchObject({
      code: 'TOO_LONG',
      message: expect.stringContaining('longer than 4 s') as string,
    });
  });
});

describe('hostile input', () => {
  const playlist = (target: string) =>
    `#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:8\n#EXTINF:8,\n${target}\n#EXT-X-ENDLIST\n`;
  const dash = (target: string) =>
    `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>${target}</BaseURL></MPD>`;

  const attacks: [string, () => Promise<string>][] = [
    [
      'a playlist of a local file',
      async () => specimens.bytes('local.mp4', playlist(await specimens.good('secret.ts', []))),
    ],
    ['a playlist of a URL', () => specimens.bytes('remote.mp4', playlist(url('/hls.ts')))],
    [
      'a concat script of a local file',
      () => specimens.bytes('concat.mp4', `ffconcat version 1.0\nfile ${specimens.at('secret.ts')}\n`),
    ],
    [
      'a concat script of a URL',
      () => specimens.bytes('concat-url.mp4', `ffconcat version 1.0\nfile ${url('/concat.ts')}\n`),
    ],
    ['a DASH manifest of a URL', () => specimens.bytes('dash.mp4', dash(url('/dash.mp4')))],
    [
      'an SVG of a local file',
      () => specimens.bytes('svg.mp4', '<svg xmlns="x"><image href="file:///etc/passwd"/></svg>'),
    ],
  ];

  it.each(attacks)('%s is refused by its first bytes', async (_what, make) => {
    const error = await refusal(await make());

    expect(error.code).toBe('UNSUPPORTED_FORMAT');
    expect(error.options.retryable).toBe(false);
  });

  it.each(attacks)('%s would not be opened by the tools either', async (_what, make) => {
    const path = await make();
    const where = { cwd: dir, signal: AbortSignal.timeout(20_000) };

    expect((await tools.probe(path, where)).probe).toBeUndefined();
    const exit = await tools.tryFfmpeg({
      ...where,
      inputs: [{ path, maxDurationS: 10 }],
      output: ['-f', 'null', '-'],
      durationS: 10,
    });
    expect(exit.code).not.toBe(0);
    expect(exit.last?.frame ?? 0).toBe(0);
  });

  it('reaches no server', () => {
    expect(hits).toEqual([]);
  });

  it('leaves no tool behind', async () => {
    expect(await readdir(join(dir, 'pids'))).toEqual([]);
  });
});

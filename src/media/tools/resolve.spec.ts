import { AgentError } from '../agents/agent-error';
import { parseFilters, parseVersion } from './capabilities';
import { chooseTool, type Candidate } from './resolve';

const tool = (source: Candidate['source'], major: number | null): Candidate => ({
  path: `/${source}/ffmpeg`,
  source,
  found: major === null ? undefined : { version: `${major}.0`, major },
});

function refusal(candidates: Candidate[], allowBundled: boolean): string {
  try {
    chooseTool('ffmpeg', candidates, allowBundled);
  } catch (error) {
    if (error instanceof AgentError && error.code === 'TOOL_UNAVAILABLE') return error.message;
  }
  throw new Error('nothing was refused');
}

describe('chooseTool', () => {
  it('takes what was configured, even when it is old', () => {
    const all = [tool('configured', 4), tool('path', 7), tool('bundled', 4)];

    expect(chooseTool('ffmpeg', all, true).source).toBe('configured');
  });

  it('never falls back from a configured path that does not work', () => {
    expect(refusal([tool('configured', null), tool('path', 7)], true)).toContain('FFMPEG_PATH');
  });

  it('takes a recent one on PATH before the bundled one', () => {
    expect(chooseTool('ffmpeg', [tool('path', 5), tool('bundled', 4)], true).source).toBe('path');
  });

  it('leaves an old one on PATH alone', () => {
    expect(chooseTool('ffmpeg', [tool('path', 4), tool('bundled', 4)], true).source).toBe('bundled');
  });

  it('refuses the bundled one where it is not allowed, and says what to do', () => {
    expect(refusal([tool('bundled', 4)], false)).toContain('ALLOW_BUNDLED_FFMPEG=1');
  });

  it('says so when there is none', () => {
    expect(refusal([], true)).toContain('install ffmpeg');
  });
});

describe('parseVersion', () => {
  it.each([
    ['ffmpeg version 5.1.9-0+deb12u1 Copyright', '5.1.9-0+deb12u1', 5],
    ['ffmpeg version n7.1 Copyright', 'n7.1', 7],
    [
      'ffmpeg version N-47683-g0e8eb07980-static https://x\nlibavutil      56. 24.101 / 56. 24.101',
      'N-47683-g0e8eb07980-static',
      4,
    ],
    [
      'ffprobe version N-66595-gc2b38619c0-static\nlibavutil      58.  3.100 / 58.  3.100',
      'N-66595-gc2b38619c0-static',
      6,
    ],
  ])('reads %p', (text, version, major) => {
    expect(parseVersion(text)).toEqual({ version, major });
  });

  it('does not take another program for ffmpeg', () => {
    expect(parseVersion('GNU bash, version 5.2')).toBeUndefined();
  });
});

describe('parseFilters', () => {
  it('reads the list of old builds and new ones', () => {
    const text =
      'Filters:\n  T.. = Timeline support\n ... scdet             V->V       Detect video scene change\n' +
      ' ..C zscale            V->V       Apply\n T.. tonemap           V->V       Conversion\n TSC subtitles V->V Render\n' +
      ' ... ebur128           A->N       EBU\n ... unheard           A->A       Nothing';

    expect(parseFilters(text)).toEqual(['scdet', 'ebur128', 'zscale', 'tonemap', 'subtitles']);
  });
});

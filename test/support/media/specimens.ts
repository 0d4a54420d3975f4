import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const X264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '25'];
/** Three seconds of real speech; SPEECH.md tells where it is from. */
const SPEECH = join(__dirname, 'speech.m4a');
const SMALL = 'testsrc2=size=160x90:rate=25';
const TONE = ['-f', 'lavfi', '-i', 'sine=f=440:r=48000:d=8'];
const AAC = ['-c:a', 'aac', '-b:a', '64k'];

/** Bytes without a pattern, but the same in every run. */
export function sameNoise(size: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(size / 32) }, (_, index) =>
    createHash('sha256').update(`noise ${index}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, size);
}

/** Makes good, odd, broken and hostile files in a folder, with the ffmpeg under test. */
export class Specimens {
  constructor(
    private readonly ffmpeg: string,
    readonly dir: string,
  ) {}

  at(name: string): string {
    return join(this.dir, name);
  }

  private async make(name: string, args: readonly string[]): Promise<string> {
    const path = this.at(name);
    await run(this.ffmpeg, ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...args, path], {
      cwd: this.dir,
    });
    return path;
  }

  /** Any bytes. */
  async bytes(name: string, content: Buffer | string): Promise<string> {
    await writeFile(this.at(name), content);
    return this.at(name);
  }

  /**
   * 24 s, 320x180 at 25 frames a second. Cuts at 5, 9, 12, 14, 18; black 12-14; frozen 21-24; silent 6-8 and 15-18.
   */
  truth(): Promise<string> {
    const size = 'size=320x180:rate=25';
    const inputs = [5, 4, 3].map((d) => `testsrc2=${size}:d=${d}`);
    inputs.push(
      `color=black:${size}:d=2`,
      `testsrc2=${size}:d=4`,
      `testsrc2=${size}:d=3`,
      'sine=f=440:r=48000:d=24',
    );
    const graph =
      '[1]negate,vflip[b];[2]hflip[c];[4]negate,vflip[e];[5]hflip,tpad=stop_mode=clone:stop_duration=3[f];' +
      '[0][b][c][3][e][f]concat=n=6:v=1:a=0,format=yuv420p[v];' +
      "[6]volume=0.5,volume=enable='between(t,6,8)+between(t,15,18)':volume=0[a]";
    return this.make('truth.mp4', [
      ...inputs.flatMap((input) => ['-f', 'lavfi', '-i', input]),
      ...['-filter_complex', graph, '-map', '[v]', '-map', '[a]', '-t', '24'],
      ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '23', '-g', '50', '-c:a', 'aac', '-b:a', '96k'],
      ...['-movflags', '+faststart'],
    ]);
  }

  /** 8 s of MPEG-TS whose sound is quiet but for a short beat each second: no constant gain brings that to a loudness. */
  beats(): Promise<string> {
    const beat = "volume='if(lt(mod(t,1),0.05),1,0.05)':eval=frame";
    return this.make('beats.ts', [
      '-f',
      'lavfi',
      '-i',
      `${SMALL}:d=8`,
      ...TONE,
      '-af',
      beat,
      ...X264,
      ...AAC,
    ]);
  }

  /** 8 s with sound, index first. The base of most others. */
  good(name = 'good.mp4', output: readonly string[] = ['-movflags', '+faststart']): Promise<string> {
    return this.make(name, ['-f', 'lavfi', '-i', `${SMALL}:d=8`, ...TONE, ...X264, ...AAC, ...output]);
  }

  /**
   * 20 s in faint noise: somebody speaks from 2 to 5 and from 14 to 17, a tone sounds from 7 to 12. A moving pattern
   * for 10 s, then a grey plane; black bars above and below, an eighth of the height each.
   */
  spoken(): Promise<string> {
    const inputs = [
      ...['-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25:d=10'],
      ...['-f', 'lavfi', '-i', 'color=gray:size=320x180:rate=25:d=10'],
      ...['-f', 'lavfi', '-i', 'anoisesrc=c=pink:r=16000:a=0.01:d=20:seed=7', '-i', SPEECH],
      ...['-f', 'lavfi', '-i', 'sine=f=440:r=16000:d=5'],
    ];
    const graph =
      '[0][1]concat=n=2,crop=320:136,pad=320:180:0:22,format=yuv420p[v];[3]asplit[s1][s2];' +
      '[s1]adelay=2000[a];[s2]adelay=14000[b];[4]volume=0.3,adelay=7000[t];' +
      '[2][a][b][t]amix=inputs=4:duration=first,volume=4[s]';
    const maps = ['-filter_complex', graph, '-map', '[v]', '-map', '[s]', '-t', '20'];
    return this.make('spoken.mp4', [...inputs, ...maps, ...X264, ...AAC]);
  }

  /** 6 s without a sound, but with a sound track. */
  silent(): Promise<string> {
    const source = ['-f', 'lavfi', '-i', `${SMALL}:d=6`, '-f', 'lavfi', '-i', 'anullsrc=r=16000:cl=mono'];
    return this.make('silent.mp4', [...source, '-t', '6', ...X264, ...AAC]);
  }

  noAudio(): Promise<string> {
    return this.make('no-audio.mp4', ['-f', 'lavfi', '-i', `${SMALL}:d=8`, ...X264]);
  }

  audioOnly(name: string): Promise<string> {
    return this.make(name, [...TONE, ...AAC]);
  }

  /** A song with its cover: the cover is a video stream, but no video. */
  async audioWithCover(): Promise<string> {
    const still = await this.still();
    const picture = ['-i', still, '-map', '0:a', '-map', '1:v', '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p'];
    return this.make('cover.mp4', [...TONE, ...picture, ...AAC, '-disposition:v:0', 'attached_pic']);
  }

  still(): Promise<string> {
    return this.make('still.png', ['-f', 'lavfi', '-i', `${SMALL}:d=1`, '-frames:v', '1']);
  }

  seconds(name: string, duration: number): Promise<string> {
    return this.make(name, ['-f', 'lavfi', '-i', `${SMALL}:d=${duration}`, ...X264]);
  }

  singleFrame(): Promise<string> {
    return this.make('single.mp4', ['-f', 'lavfi', '-i', `${SMALL}:d=1`, '-frames:v', '1', ...X264]);
  }

  /** Two thirds of each second are missing; the time stamps tell. */
  variableRate(): Promise<string> {
    const drop = "select='not(between(mod(n,30),5,20))'";
    const source = ['-f', 'lavfi', '-i', 'testsrc2=size=160x90:rate=30:d=8', ...TONE];
    return this.make('vfr.mp4', [...source, '-vf', drop, '-vsync', 'vfr', ...X264, ...AAC]);
  }

  /** Held upright: stored lying, with a note to turn it by 90 degrees. */
  async rotated(): Promise<string> {
    const lying = await this.good('lying.mp4');
    try {
      return await this.make('rotated.mp4', ['-display_rotation', '90', '-i', lying, '-c', 'copy']);
    } catch {
      // The option is of release 6; older builds turn the old tag into the display matrix.
      return this.make('rotated.mp4', ['-i', lying, '-c', 'copy', '-metadata:s:v:0', 'rotate=90']);
    }
  }

  oddSize(): Promise<string> {
    const source = [
      '-f',
      'lavfi',
      '-i',
      'testsrc2=size=214x122:rate=25:d=6',
      '-vf',
      'format=yuv444p,crop=213:121:0:0',
    ];
    return this.make('odd.mp4', [
      ...source,
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-pix_fmt',
      'yuv444p',
    ]);
  }

  /** Pixels that are not square: 160x90 stored, shown twice as wide. */
  anamorphic(): Promise<string> {
    return this.make('anamorphic.mp4', ['-f', 'lavfi', '-i', `${SMALL}:d=6`, '-vf', 'setsar=2', ...X264]);
  }

  hdr(): Promise<string> {
    const colours = 'colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:log-level=none';
    return this.make('hdr.mp4', [
      ...[
        '-f',
        'lavfi',
        '-i',
        `${SMALL}:d=4`,
        '-c:v',
        'libx265',
        '-preset',
        'ultrafast',
        '-pix_fmt',
        'yuv420p10le',
      ],
      ...[
        '-color_primaries',
        'bt2020',
        '-color_trc',
        'smpte2084',
        '-colorspace',
        'bt2020nc',
        '-tag:v',
        'hvc1',
      ],
      ...['-x265-params', colours],
    ]);
  }

  /** As a browser records it: no duration in the header. */
  async noDuration(): Promise<string> {
    const path = this.at('live.webm');
    const args = [
      '-f',
      'lavfi',
      '-i',
      `${SMALL}:d=6`,
      '-c:v',
      'libvpx',
      '-deadline',
      'realtime',
      '-f',
      'webm',
      '-live',
      '1',
    ];
    const { stdout } = await run(this.ffmpeg, ['-v', 'error', '-nostdin', ...args, 'pipe:1'], {
      encoding: 'buffer',
      maxBuffer: 1e8,
    });
    await writeFile(path, stdout);
    return path;
  }

  manyStreams(count: number): Promise<string> {
    const maps = Array.from({ length: count - 1 }, () => ['-map', '1:a']).flat();
    return this.make('streams.mp4', [
      '-f',
      'lavfi',
      '-i',
      `${SMALL}:d=4`,
      ...TONE,
      '-map',
      '0:v',
      ...maps,
      ...X264,
      ...AAC,
      '-t',
      '4',
    ]);
  }

  /** Ten hours in a few kilobytes. */
  tenHours(): Promise<string> {
    return this.make('ten-hours.mp4', [
      '-f',
      'lavfi',
      '-i',
      'color=black:size=16x16:rate=1/20:d=36000',
      ...X264,
    ]);
  }

  /** One picture of 16000 x 16000 that lasts for five seconds. */
  hugePicture(): Promise<string> {
    const source = ['-f', 'lavfi', '-i', 'color=black:size=16000x16000:rate=1/5:d=5'];
    return this.make('huge.avi', [...source, '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p', '-frames:v', '1']);
  }

  /** The same, in a container that claims 320 x 180. */
  async hugeInDisguise(): Promise<string> {
    const content = await readFile(await this.hugePicture());
    const limit = Math.min(content.length, 4096);
    for (let at = 0; at + 8 <= limit; at += 1) {
      if (content.readUInt32LE(at) !== 16000 || content.readUInt32LE(at + 4) !== 16000) continue;
      content.writeUInt32LE(320, at);
      content.writeUInt32LE(180, at + 4);
    }
    return this.bytes('disguise.avi', content);
  }

  /** The first part of a file. */
  async cut(path: string, name: string, share: number): Promise<string> {
    const content = await readFile(path);
    return this.bytes(name, content.subarray(0, Math.floor(content.length * share)));
  }

  /** The file with some stretches of its media data overwritten; the index stays whole. */
  async rot(path: string, name: string, holes: number, size: number): Promise<string> {
    const content = await readFile(path);
    const from = content.indexOf('mdat') + 64;
    const noise = sameNoise(size);
    for (let hole = 0; hole < holes; hole += 1)
      noise.copy(content, from + Math.floor(((content.length - size - from) * (hole + 0.5)) / holes));
    return this.bytes(name, content);
  }

  async copy(path: string, name: string): Promise<string> {
    await copyFile(path, this.at(name));
    return this.at(name);
  }
}

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, renameSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { mediaTools } from './media-tools';

const run = promisify(execFile);

/**
 * What is in the sample: 24 s, 320x180 at 25 frames per second; cuts at 5, 9, 12, 14 and 18 s, black from 12 to
 * 14, a still picture from 21 on, silence from 6 to 8 and from 15 to 18.
 */
export const SAMPLE = { durationS: 24, frameRate: 25, cuts: [5, 9, 12, 14, 18] } as const;

const SIZE = 'size=320x180:rate=25';
const VIDEO = [
  `testsrc2=${SIZE}:d=5`,
  `testsrc2=${SIZE}:d=4`,
  `testsrc2=${SIZE}:d=3`,
  `color=black:${SIZE}:d=2`,
  `testsrc2=${SIZE}:d=4`,
  `testsrc2=${SIZE}:d=3`,
  'sine=f=440:r=48000:d=24',
];
const GRAPH =
  '[1]negate,vflip[b];[2]hflip[c];[4]negate,vflip[e];[5]hflip,tpad=stop_mode=clone:stop_duration=3[f];' +
  '[0][b][c][3][e][f]concat=n=6:v=1:a=0,format=yuv420p[v];' +
  "[6]volume=0.5,volume=enable='between(t,6,8)+between(t,15,18)':volume=0[a]";

/** The path of the sample video, made once and kept for later runs. */
export async function sampleVideo(): Promise<string> {
  return made('sample', 'mp4', [
    ...VIDEO.flatMap((source) => ['-f', 'lavfi', '-i', source]),
    ...['-filter_complex', GRAPH, '-map', '[v]', '-map', '[a]', '-t', '24', '-c:v', 'libx264'],
    ...[
      '-preset',
      'veryfast',
      '-crf',
      '23',
      '-g',
      '50',
      '-c:a',
      'aac',
      '-b:a',
      '96k',
      '-movflags',
      '+faststart',
    ],
  ]);
}

/**
 * A small video of which a clip can be made, for jobs that only have to get through: `seconds` of 160x90. It is silent,
 * since it takes more to see to ten seconds of sound than to so small a picture.
 */
export async function shortVideo(seconds = 10): Promise<string> {
  return made('short', 'mp4', [
    ...['-f', 'lavfi', '-i', `testsrc2=size=160x90:rate=10:d=${seconds}`],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '20', '-pix_fmt', 'yuv420p'],
    ...['-movflags', '+faststart'],
  ]);
}

/** A video that keeps a worker busy for some seconds: `seconds` of a moving picture with a tone. */
export async function longVideo(seconds: number, size = '640x360'): Promise<string> {
  return made(`long-${seconds}-${size}`, 'mp4', [
    ...['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=30:d=${seconds}`],
    ...['-f', 'lavfi', '-i', `sine=f=330:r=48000:d=${seconds}`],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '60', '-pix_fmt', 'yuv420p', '-c:a', 'aac'],
    ...['-movflags', '+faststart'],
  ]);
}

/** Sound without a picture. */
export async function audioOnly(): Promise<string> {
  return made('audio-only', 'm4a', ['-f', 'lavfi', '-i', 'sine=f=440:d=10', '-c:a', 'aac']);
}

/** One frame that calls itself a video. */
export async function oneFrame(): Promise<string> {
  const source = ['-f', 'lavfi', '-i', 'color=black:size=320x180:rate=30:d=0.04'];
  return made('one-frame', 'mp4', [...source, '-frames:v', '1', '-c:v', 'libx264', '-pix_fmt', 'yuv420p']);
}

/** A PNG picture. */
export async function stillPicture(): Promise<string> {
  return made('still', 'png', ['-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=1:d=1', '-frames:v', '1']);
}

/** An MP4 whose index (moov) stands at the end and was cut off, as when a recording or an upload broke off. */
export async function unfinishedVideo(): Promise<string> {
  const whole = await made('moov-last', 'mp4', ['-i', await sampleVideo(), '-t', '10', '-c', 'copy']);
  const path = whole.replace('.mp4', '.cut.mp4');
  const bytes = await readFile(whole);
  await writeFile(path, bytes.subarray(0, Math.floor(bytes.length / 2)));
  return path;
}

async function made(name: string, extension: string, args: string[]): Promise<string> {
  const key = createHash('sha256').update(JSON.stringify(args)).digest('hex').slice(0, 12);
  const path = join(tmpdir(), `agentos-test-${name}-${key}.${extension}`);
  if (existsSync(path)) return path;
  const { ffmpeg } = await mediaTools();
  const partial = join(tmpdir(), `agentos-test-${name}-${key}.${process.pid}.part.${extension}`);
  await run(ffmpeg, ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...args, partial]);
  renameSync(partial, path);
  return path;
}

/** What ffprobe says about a file, with every video frame counted. */
export interface Probe {
  durationS: number;
  video: {
    codec: string;
    width: number;
    height: number;
    frames: number;
    pixelFormat: string;
    frameRate: number;
  };
  audio: { codec: string } | undefined;
}

interface RawProbe {
  format: { duration: string };
  streams: Record<string, string>[];
}

/** Reads a file with ffprobe, decoding all of it to count the frames. */
export async function probe(path: string): Promise<Probe> {
  const { ffprobe } = await mediaTools();
  const args = ['-v', 'error', '-count_frames', '-show_format', '-show_streams', '-of', 'json', path];
  const { stdout } = await run(ffprobe, args);
  const { format, streams } = JSON.parse(stdout) as RawProbe;
  const video = streams.find((stream) => stream['codec_type'] === 'video');
  const audio = streams.find((stream) => stream['codec_type'] === 'audio');
  if (!video) throw new Error(`${path} has no video stream`);
  const [count = 0, per = 1] = (video['r_frame_rate'] ?? '').split('/').map(Number);
  return {
    durationS: Number(format.duration),
    video: {
      codec: String(video['codec_name']),
      width: Number(video['width']),
      height: Number(video['height']),
      frames: Number(video['nb_read_frames']),
      pixelFormat: String(video['pix_fmt']),
      frameRate: count / per,
    },
    audio: audio && { codec: String(audio['codec_name']) },
  };
}

/** The names of an MP4 file's top-level boxes, in the order of the file. */
export async function topLevelBoxes(path: string): Promise<string[]> {
  const bytes = await readFile(path);
  const names: string[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const size = bytes.readUInt32BE(at);
    names.push(bytes.toString('latin1', at + 4, at + 8));
    if (size === 0) break; // the box goes on to the end of the file
    at += size === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : size;
  }
  return names;
}

import { resolveTools } from '../../src/media/tools/resolve';

let tools: Promise<{ ffmpeg: string; ffprobe: string }> | undefined;

/** The paths of the ffmpeg and ffprobe that the product would use on this machine. */
export function mediaTools(): Promise<{ ffmpeg: string; ffprobe: string }> {
  tools ??= resolveTools({
    ffmpegPath: process.env['FFMPEG_PATH'],
    ffprobePath: process.env['FFPROBE_PATH'],
    allowBundled: true,
    searchPath: process.env['PATH'],
  }).then(({ ffmpeg, ffprobe }) => ({ ffmpeg: ffmpeg.path, ffprobe: ffprobe.path }));
  return tools;
}

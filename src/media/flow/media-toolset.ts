import { join } from 'node:path';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { ENV, type Env } from '../../platform/settings/env';
import { hasSpeechEngine } from '../agents/speech/silero';
import { cleanLeftovers } from '../tools/leftovers';
import { createMediaTools, type MediaTools } from '../tools/media-tools';

/** The media tools of this process, found when first asked for. */
@Injectable()
export class MediaToolset {
  private readonly log = new Logger(MediaToolset.name);
  private tools?: Promise<MediaTools>;

  constructor(@Inject(ENV) private readonly env: Env) {}

  /** @throws AgentError TOOL_UNAVAILABLE with a sentence that says what to install or set */
  get(): Promise<MediaTools> {
    if (this.tools) return this.tools;
    const tools = createMediaTools({
      ffmpegPath: this.env.ffmpegPath,
      ffprobePath: this.env.ffprobePath,
      allowBundled: this.env.allowBundledFfmpeg,
      searchPath: this.env.searchPath,
      asrCommand: this.env.asrCommand,
      pidDir: this.pidDir,
      log: this.log,
    });
    this.tools = tools;
    // Looked for again the next time: somebody may have installed what was missing.
    tools.catch(() => (this.tools = undefined));
    return tools;
  }

  /** What the tools of this host can do, for those who look at its worker. */
  async capabilities(): Promise<object> {
    const { ffmpeg, ffprobe, filters, speechToText } = (await this.get()).capabilities;
    const tool = ({ version, source }: { version: string; source: string }) => ({ version, source });
    return {
      ffmpeg: tool(ffmpeg),
      ffprobe: tool(ffprobe),
      filters,
      speech_detection: hasSpeechEngine(),
      speech_to_text: speechToText.command ? 'command' : speechToText.pocketsphinx ? 'pocketsphinx' : null,
      face_detection: false,
    };
  }

  /** Ends the tools and removes the work dirs of processes on this host that died. */
  async cleanUp(): Promise<void> {
    const { killed, removedDirs } = await cleanLeftovers(this.env.workDir, this.pidDir);
    if (killed + removedDirs > 0)
      this.log.log(`Cleared what a dead worker left: ${killed} processes, ${removedDirs} work dirs`);
  }

  private get pidDir(): string {
    return join(this.env.workDir, 'pids');
  }
}

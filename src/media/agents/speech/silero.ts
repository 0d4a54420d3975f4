import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { AgentError } from '../agent-error';

/** The model and its runtime, for an agent's output. */
export const SPEECH_ENGINE = 'silero-vad 6, onnxruntime-node 1.30.0';
/** Seconds of sound that one probability stands for: 512 samples at 16 kHz. */
export const FRAME_S = 0.032;

const THREAD = join(__dirname, 'silero-thread.cjs');
const MODEL = join(__dirname, 'silero_vad_v6.onnx');
/** How long a thread has to end by itself when it is told to, in milliseconds. */
const GRACE_MS = 3000;

/** What the thread says. */
type Message =
  | { kind: 'frames'; values: number[] }
  | { kind: 'done' }
  /** The runtime cannot be loaded on this host. */
  | { kind: 'unavailable'; reason: string };

/** Whether the runtime has a binary for this platform. It may still not load: see {@link speechProbabilities}. */
export function hasSpeechEngine(
  platform: string = process.platform,
  processor: string = process.arch,
): boolean {
  try {
    const home = dirname(dirname(require.resolve('onnxruntime-node')));
    return existsSync(join(home, 'bin/napi-v6', platform, processor, 'onnxruntime_binding.node'));
  } catch {
    return false; // the package was left out of this installation
  }
}

/** One run of the model over a sound file. */
export interface SpeechCall {
  /** Absolute path of a WAV file: mono, 16 kHz, 16 bit. */
  path: string;
  durationS: number;
  signal: AbortSignal;
  /** Upper limit in milliseconds of real time. */
  wallMs: number;
  /** Finished share, 0..1. */
  onProgress: (fraction: number) => void;
}

/**
 * The probability of speech in each frame of a sound file, worked out in a thread of its own, so that this one goes on
 * with its heartbeats. Settles only when the thread has ended.
 *
 * @returns a reason in words when the runtime cannot be loaded here
 * @throws AgentError ABORTED, TOOL_TIMEOUT, TOOL_FAILED
 */
export async function speechProbabilities(call: SpeechCall): Promise<number[] | { unavailable: string }> {
  if (call.signal.aborted) throw new AgentError('ABORTED');
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const thread = new Worker(THREAD, {
    workerData: { model: MODEL, sound: call.path, stop: stop.buffer },
    resourceLimits: { maxOldGenerationSizeMb: 128 },
    env: {},
  });
  let stopped: 'ABORTED' | 'TOOL_TIMEOUT' | undefined;
  let force: NodeJS.Timeout | undefined;
  const end = (why: 'ABORTED' | 'TOOL_TIMEOUT') => {
    if (stopped) return;
    stopped = why;
    Atomics.store(stop, 0, 1);
    force = setTimeout(() => void thread.terminate(), GRACE_MS);
  };
  const onAbort = () => end('ABORTED');
  call.signal.addEventListener('abort', onAbort, { once: true });
  const wall = setTimeout(() => end('TOOL_TIMEOUT'), call.wallMs);
  try {
    const values: number[] = [];
    const outcome = await listen(thread, (frames) => {
      values.push(...frames);
      if (!stopped) call.onProgress(Math.min(1, (values.length * FRAME_S) / call.durationS));
    });
    if (stopped) throw new AgentError(stopped);
    return outcome ?? values;
  } finally {
    clearTimeout(wall);
    clearTimeout(force);
    call.signal.removeEventListener('abort', onAbort);
  }
}

/** Waits for the end of the thread. @returns undefined when it did its work */
function listen(
  thread: Worker,
  onFrames: (values: number[]) => void,
): Promise<{ unavailable: string } | undefined> {
  return new Promise((resolve, reject) => {
    let done = false;
    let missing: string | undefined;
    let failure: Error | undefined;
    thread.on('message', (message: Message) => {
      if (message.kind === 'frames') onFrames(message.values);
      else if (message.kind === 'done') done = true;
      else missing = message.reason;
    });
    thread.on('error', (error) => (failure = error));
    thread.on('exit', (code) => {
      if (missing !== undefined) resolve({ unavailable: missing });
      else if (done) resolve(undefined);
      else
        reject(
          new AgentError('TOOL_FAILED', undefined, {
            retryable: true,
            detail: failure?.stack ?? `The thread ended with ${code}`,
          }),
        );
    });
  });
}

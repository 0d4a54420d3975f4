'use strict';
// A worker thread that runs the model over a sound file. Plain JavaScript, so that the thread starts from this very
// file in the build and in tests alike. Spoken to by silero.ts, which has the types of what goes to and fro.
const { closeSync, openSync, readSync } = require('node:fs');
const { parentPort, workerData } = require('node:worker_threads');

const FRAME = 512;
const CONTEXT = 64;
/** Frames between two reports: about four seconds of sound. */
const REPORT = 128;

/** Reads the header of a WAV file up to its samples. Answers where they begin; they are known to be 16 bit. */
function samplesAt(file) {
  const header = Buffer.alloc(8);
  for (let at = 12; readSync(file, header, 0, 8, at) === 8;) {
    if (header.toString('latin1', 0, 4) === 'data') return at + 8;
    const size = header.readUInt32LE(4);
    at += 8 + size + (size % 2);
  }
  throw new Error('The sound file has no samples.');
}

/** Loads the runtime; there is none for some platforms, and then the answer is undefined. */
async function load() {
  try {
    const ort = require('onnxruntime-node');
    const session = await ort.InferenceSession.create(workerData.model, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
    });
    return { ort, session };
  } catch (error) {
    parentPort.postMessage({ kind: 'unavailable', reason: String(error && error.message) });
    return undefined;
  }
}

async function main() {
  const loaded = await load();
  if (!loaded) return;
  const { ort, session } = loaded;
  const stop = new Int32Array(workerData.stop);
  const file = openSync(workerData.sound, 'r');
  try {
    let at = samplesAt(file);
    const bytes = Buffer.alloc(FRAME * 2);
    const window = new Float32Array(CONTEXT + FRAME);
    const sr = new ort.Tensor('int64', BigInt64Array.of(16000n), []);
    let state = new ort.Tensor('float32', new Float32Array(2 * 128), [2, 1, 128]);
    let found = [];
    while (Atomics.load(stop, 0) === 0) {
      const read = readSync(file, bytes, 0, bytes.length, at);
      if (read < 2) break;
      at += read;
      window.copyWithin(0, FRAME);
      for (let i = 0; i < FRAME; i += 1)
        window[CONTEXT + i] = i * 2 + 1 < read ? bytes.readInt16LE(i * 2) / 32768 : 0;
      const input = new ort.Tensor('float32', window, [1, CONTEXT + FRAME]);
      const result = await session.run({ input, state, sr });
      state = result.stateN;
      found.push(result.output.data[0]);
      if (found.length === REPORT) {
        parentPort.postMessage({ kind: 'frames', values: found });
        found = [];
      }
    }
    parentPort.postMessage({ kind: 'frames', values: found });
    parentPort.postMessage({ kind: 'done' });
  } finally {
    closeSync(file);
    await session.release();
  }
}

void main();

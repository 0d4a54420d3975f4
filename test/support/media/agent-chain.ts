import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { AGENTS } from '../../../src/media/agents';
import type {
  AgentId,
  AgentResult,
  AgentRun,
  ArtifactFile,
  PublishedArtifact,
} from '../../../src/media/agents/agent';
import type { AgentOutputs } from '../../../src/media/agents/support/outputs';
import type { MediaTools } from '../../../src/media/tools/media-tools';

/** A log that is kept, so that a test can look at it. */
export class KeptLog {
  readonly lines: string[] = [];
  log = (line: string) => void this.lines.push(line);
  warn = (line: string) => void this.lines.push(line);
}

/** What running agents on one file left behind. */
export interface Chain {
  results: Partial<Record<AgentId, AgentResult>>;
  /** Every published file, by artifact id. */
  published: Map<string, ArtifactFile & PublishedArtifact & { agent: AgentId }>;
  /** The fractions that each agent reported. */
  progress: Partial<Record<AgentId, number[]>>;
  log: KeptLog;
}

export interface ChainOptions {
  tools: MediaTools;
  /** A folder that the test owns. */
  dir: string;
  settings?: Partial<Record<AgentId, Record<string, unknown>>>;
  /** Stop after this agent; all of them unless told. */
  until?: AgentId;
  /** Take the results of the agents before `since` from an earlier run on the same file, instead of running them. */
  base?: Chain;
  since?: AgentId;
  /** A file with subtitles that comes with the job. */
  captions?: string;
  signal?: AbortSignal;
  onProgress?: (agent: AgentId, fraction: number) => void;
}

/** Runs the agents one after the other on a file, with real files in a folder instead of a blob store. */
export async function runChain(source: string, options: ChainOptions): Promise<Chain> {
  const chain: Chain = { results: {}, published: new Map(), progress: {}, log: new KeptLog() };
  const inputs: Record<string, unknown> = {};
  const content = await readFile(source);
  const sourceFacts = {
    path: source,
    filename: 'a user\'s name "of it".mp4',
    size: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
  };
  const jobId = uuidv7();
  for (const [id, file] of options.base?.published ?? []) chain.published.set(id, file);
  const first = options.since ? AGENTS.findIndex(({ id }) => id === options.since) : 0;
  for (const { id } of AGENTS.slice(0, first)) {
    const result = options.base?.results[id];
    if (!result) continue;
    chain.results[id] = result;
    if (result.output) inputs[id] = JSON.parse(JSON.stringify(result.output));
  }
  for (const agent of AGENTS.slice(first)) {
    const workDir = await mkdtemp(join(options.dir, `${agent.id}-`));
    const run: AgentRun = {
      jobId,
      stepId: uuidv7(),
      attempt: 1,
      settings: { ...agent.defaults, ...options.settings?.[agent.id] },
      source: sourceFacts,
      captions: options.captions
        ? { path: options.captions, filename: 'subtitles.srt', size: 1, sha256: null }
        : null,
      inputs: { ...inputs },
      workDir,
      signal: options.signal ?? new AbortController().signal,
      progress: (fraction) => {
        (chain.progress[agent.id] ??= []).push(fraction);
        options.onProgress?.(agent.id, fraction);
      },
      publish: (file) => publish(chain, agent.id, options.dir, file),
      open: (id) => Promise.resolve(pathOf(chain, id)),
      log: chain.log,
      tools: options.tools,
    };
    const result = await agent.run(run);
    // What goes through the database is JSON: outputs must survive it.
    if (result.output) inputs[agent.id] = JSON.parse(JSON.stringify(result.output));
    chain.results[agent.id] = result;
    await rm(workDir, { recursive: true });
    if (agent.id === options.until) break;
  }
  return chain;
}

async function publish(
  chain: Chain,
  agent: AgentId,
  dir: string,
  file: ArtifactFile,
): Promise<PublishedArtifact> {
  const id = uuidv7();
  const folder = join(dir, 'published', agent);
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${id}-${file.name}`);
  await rename(file.path, path);
  const artifact = {
    artifact_id: id,
    name: file.name,
    size: (await stat(path)).size,
    sha256: createHash('sha256')
      .update(await readFile(path))
      .digest('hex'),
  };
  chain.published.set(id, { ...file, ...artifact, path, agent });
  return artifact;
}

function pathOf(chain: Chain, artifactId: string): string {
  const file = chain.published.get(artifactId);
  if (!file) throw new Error(`No artifact ${artifactId} was published.`);
  return file.path;
}

/** The output of a completed step. */
export function outputOf<K extends keyof AgentOutputs>(chain: Chain, agent: K): AgentOutputs[K] {
  const result = chain.results[agent];
  if (result?.status !== 'completed') throw new Error(`${agent} did not complete.`);
  return result.output as AgentOutputs[K];
}

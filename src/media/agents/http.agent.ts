import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OutboundHttp } from '../../platform/outbound/outbound-http';
import { OutboundError, type OutboundErrorKind } from '../../platform/outbound/outbound-error';
import type { DownloadLinks } from '../../platform/storage/download-links';
import type { Agent, AgentResult, AgentRun, PublishedArtifact } from './agent';
import { AgentError, type AgentErrorCode } from './agent-error';
import { finishAndPublish, partName } from './support/files';
import { SCHEMA_VERSION, type OutputHeader } from './support/outputs';
import { momentsIn, type ProposedMoment } from './support/proposals';
import { agentSettings, invalid, numberSetting } from './support/settings';
import { beginning } from '../../platform/text/cut';

const VERSION = '1.1.0';
const ANSWER = 'answer.json';
/** The longest reason to be skipped, in characters. */
const MAX_REASON = 200;
/** The parts of an output that others have written. */
const NOT_OURS = ['params', 'answer'];
/** The deepest that an answer may be nested. */
const MAX_DEPTH = 32;

const DEFAULTS = {
  /** Where it is asked; its host must be among outbound.hosts. */
  url: '',
  /** Under which name HTTP_AGENT_TOKENS has what it is asked with; empty = nothing. */
  account: '',
  /** How long an answer may take, in seconds. */
  timeout_s: 60,
  /** How long a step waits for a service that is left alone because it kept failing, in seconds. */
  wait_s: 3_600,
  /** Handed on as they are; a job may bring its own. */
  parameters: {},
};

interface Checked {
  url: string;
  account: string;
  timeoutS: number;
  waitS: number;
  parameters: Record<string, unknown>;
}

function checked(settings: Record<string, unknown>): Checked {
  const { url, account } = settings;
  const parameters = objectOf(settings['parameters']);
  if (typeof url !== 'string' || !/^https?:\/\//.test(url) || !URL.canParse(url))
    throw invalid('url', 'a URL that begins with https://');
  if (typeof account !== 'string' || !/^[a-z0-9-]{0,64}$/.test(account))
    throw invalid('account', 'the name of an entry of HTTP_AGENT_TOKENS');
  if (!parameters) throw invalid('parameters', 'an object');
  const timeoutS = numberSetting(settings, 'timeout_s', 1, 3600);
  return { url, account, parameters, timeoutS, waitS: numberSetting(settings, 'wait_s', 0, 86_400) };
}

const SETTINGS = agentSettings(DEFAULTS, checked);

const FAILURES: Record<OutboundErrorKind, AgentErrorCode> = {
  refused: 'HTTP_REFUSED',
  unavailable: 'HTTP_UNAVAILABLE',
  resting: 'HTTP_UNAVAILABLE',
  answer: 'HTTP_BAD_ANSWER',
};

/** What another system left behind. */
export interface HttpOutput extends OutputHeader {
  /** What it answered, as it is. */
  answer: Record<string, unknown>;
  /** What it proposes for clips, for a moment-selector after it; null if it does not. */
  moments: ProposedMoment[] | null;
  /** The answer as a file. */
  file: PublishedArtifact;
}

/** What the agent needs besides what comes with each run. */
export interface HttpAgentDeps {
  outbound: Pick<OutboundHttp, 'postJson'>;
  links: Pick<DownloadLinks, 'to'>;
  /** By account. */
  tokens: Readonly<Record<string, string>>;
}

/**
 * A step that another system does: it is sent what earlier steps found out, with links to the files that they made,
 * and what it answers is the output. An answer `{"skipped": "<reason>"}` skips the step; one with `moments` proposes
 * stretches for clips.
 *
 * A service that fails is asked again with back-off, each time at the price of one of the step's attempts. One that kept
 * failing is left alone for a while (see OutboundHttp). A step that comes upon it then has asked nothing: it is queued
 * again for when the service is tried next, at no price, so that a service which is down for some minutes costs no job.
 * That ends after `wait_s` altogether; then the step fails for good with HTTP_UNAVAILABLE, and says how long it waited.
 */
export function httpAgent({ outbound, links, tokens }: HttpAgentDeps): Agent<'http'> {
  return {
    id: 'http',
    version: VERSION,
    title: 'HTTP service',
    needs: [],
    defaults: SETTINGS.defaults,
    reserved: ['url', 'account', 'timeout_s', 'wait_s'],
    timeoutS: 3600,
    maxAttempts: 3,
    weight: 3,
    check: SETTINGS.check,

    async run(run: AgentRun): Promise<AgentResult> {
      const { rules } = SETTINGS.of(run);
      const { url, account, timeoutS, waitS, parameters } = rules;
      // As it is, whatever keys it has: only the defaults' own would be let through otherwise.
      const given = objectOf(run.settings['parameters']) ?? parameters;
      const token = account === '' ? undefined : tokenOf(tokens, account);
      const post = {
        url,
        body: requestOf(run, given, links),
        headers: {
          'idempotency-key': `${run.stepId}-${run.attempt}`,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        timeoutMs: timeoutS * 1_000,
        signal: run.signal,
      };
      const answer = await ask(outbound, post, waitS);
      if (typeof answer['skipped'] === 'string')
        return { status: 'skipped', reason: beginning(answer['skipped'], MAX_REASON).toWellFormed() };
      const moments = momentsIn(answer);
      await writeFile(join(run.workDir, partName(ANSWER, run.attempt)), JSON.stringify(answer));
      const file = await finishAndPublish(run, ANSWER, 'data', 'application/json');
      const output: HttpOutput = {
        schema_version: SCHEMA_VERSION,
        engine: `http ${VERSION}`,
        params: { parameters: given },
        answer,
        moments,
        file,
      };
      return { status: 'completed', output };
    },
  };
}

function tokenOf(tokens: HttpAgentDeps['tokens'], account: string): string {
  const token = Object.hasOwn(tokens, account) ? tokens[account] : undefined;
  if (token === undefined)
    throw new AgentError('INVALID_SETTING', `HTTP_AGENT_TOKENS of this worker has no entry ${account}.`, {
      retryable: false,
    });
  return token;
}

async function ask(
  outbound: HttpAgentDeps['outbound'],
  post: Parameters<OutboundHttp['postJson']>[0],
  waitS: number,
): Promise<Record<string, unknown>> {
  let answer: unknown;
  try {
    answer = await outbound.postJson(post);
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    const retryable = FAILURES[error.kind] === 'HTTP_UNAVAILABLE';
    const cause = error.cause instanceof Error ? error.cause.message : undefined;
    throw new AgentError(FAILURES[error.kind], `The service of this step: ${error.message}`, {
      retryable,
      detail: cause,
      ...(error.kind === 'resting' && { later: { inMs: error.againInMs ?? 0, withinS: waitS } }),
    });
  }
  const object = objectOf(answer);
  if (object && depthOf(object) <= MAX_DEPTH) return object;
  throw new AgentError('HTTP_BAD_ANSWER');
}

/** What the service is sent. */
function requestOf(run: AgentRun, parameters: object, links: HttpAgentDeps['links']): object {
  const { filename, size, sha256 } = run.source;
  return {
    schema_version: SCHEMA_VERSION,
    job: { job_id: run.jobId },
    step: { step_id: run.stepId, attempt: run.attempt },
    source: { filename, size, sha256 },
    parameters,
    inputs: run.inputs,
    artifacts: filesOf(run.inputs).map((file) => {
      const { url, expiresAt } = links.to(file.artifact_id);
      return { ...file, url, expires_at: expiresAt.toISOString() };
    }),
  };
}

/**
 * The files of the steps whose outputs these are, each once. What a user chose and what another system answered is no
 * word of ours: it could name the file of somebody else, and a link would open it.
 */
function filesOf(inputs: AgentRun['inputs']): PublishedArtifact[] {
  const found = new Map<string, PublishedArtifact>();
  for (const output of Object.values(inputs))
    for (const [name, value] of Object.entries(objectOf(output) ?? {}))
      if (!NOT_OURS.includes(name)) filesIn(value, found);
  return [...found.values()];
}

/** Adds the files that a value tells of. */
function filesIn(value: unknown, found: Map<string, PublishedArtifact>): void {
  if (typeof value !== 'object' || value === null) return;
  const { artifact_id, name, size, sha256 } = value as Partial<PublishedArtifact>;
  if (artifact_id && name !== undefined && size !== undefined && sha256 !== undefined)
    found.set(artifact_id, { artifact_id, name, size, sha256 });
  for (const part of Object.values(value)) filesIn(part, found);
}

function objectOf(value: unknown): Record<string, unknown> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : undefined;
}

/** How deep a value is nested, as far as it matters. */
function depthOf(value: unknown, depth = 0): number {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return depth;
  let deepest = depth;
  // One by one: a list may be longer than a call can have arguments.
  for (const part of Object.values(value)) deepest = Math.max(deepest, depthOf(part, depth + 1));
  return deepest;
}

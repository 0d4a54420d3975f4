import { AgentError, type AgentRun } from '../agent';
import { SCHEMA_VERSION, type Span } from './outputs';
import { firstFrom, type LengthRules } from './windows';

/** The most moments that one answer may propose, and that are weighed for a video in all. */
export const MAX_MOMENTS = 1_000;
/** The longest reason, in characters. */
const MAX_REASON = 200;
/** No time of a video is later, in seconds; of an answer that counts in something else it is seen here. */
const MAX_TIME_S = 1_000_000;
const FIELDS = ['start_s', 'end_s', 'score', 'reason'];
/** Characters that are not shown, or change how others are shown; the joiner within emoji is none of them. */
const UNSHOWN = /(?!\u200d)[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u;

/** A stretch that another system proposes for a clip; in seconds of the source, `score` 0..1. */
export interface ProposedMoment extends Span {
  score: number;
  /** For people; null if it did not say. */
  reason: string | null;
}

/** One of the moments that the steps before the selector propose. */
export interface Proposal extends ProposedMoment {
  /** The agent whose step proposes it. */
  agent: string;
}

/**
 * The moments that an answer proposes, as they are; null if it proposes none.
 *
 * @throws AgentError HTTP_BAD_ANSWER, naming the place of the first thing that is wrong but nothing of what is there
 */
export function momentsIn(answer: Readonly<Record<string, unknown>>): ProposedMoment[] | null {
  if (!Object.hasOwn(answer, 'moments')) return null;
  const { moments } = answer;
  if (!Array.isArray(moments)) throw wrong('moments', 'a list');
  if (moments.length > MAX_MOMENTS) throw wrong('moments', `a list of at most ${MAX_MOMENTS}`);
  return moments.map((moment, index) => momentOf(moment, `moments[${index}]`));
}

function momentOf(moment: unknown, at: string): ProposedMoment {
  if (typeof moment !== 'object' || moment === null || Array.isArray(moment)) throw wrong(at, 'an object');
  if (Object.keys(moment).some((key) => !FIELDS.includes(key)))
    throw wrong(at, `an object with nothing but ${FIELDS.join(', ')}`);
  const { start_s, end_s, score, reason = null } = moment as Record<string, unknown>;
  if (!isWithin(start_s, 0, MAX_TIME_S)) throw wrong(`${at}.start_s`, 'a number of seconds from 0');
  if (!isWithin(end_s, 0, MAX_TIME_S) || end_s <= start_s)
    throw wrong(`${at}.end_s`, 'a number of seconds above start_s');
  if (!isWithin(score, 0, 1)) throw wrong(`${at}.score`, 'a number from 0 to 1');
  if (reason === null) return { start_s, end_s, score, reason };
  if (
    typeof reason !== 'string' ||
    reason.trim() === '' ||
    reason.length > MAX_REASON ||
    UNSHOWN.test(reason)
  )
    throw wrong(`${at}.reason`, `a text of 1 to ${MAX_REASON} characters that can be shown`);
  return { start_s, end_s, score, reason: reason.trim() };
}

function isWithin(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && value >= min && value <= max;
}

function wrong(place: string, wanted: string): AgentError {
  return new AgentError('HTTP_BAD_ANSWER', `In the answer of the service ${place} must be ${wanted}.`);
}

/**
 * The moments that the earlier steps propose, held to the video, the best {@link MAX_MOMENTS} of them; `outside`: how
 * many lie beyond its end.
 */
export function proposalsFor(run: AgentRun, durationS: number): { proposals: Proposal[]; outside: number } {
  const all = Object.entries(run.inputs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([agent, output]) => proposedBy(output).map((moment): Proposal => ({ ...moment, agent })));
  const inside = all.filter(({ start_s }) => start_s < durationS);
  const proposals = inside
    .sort((a, b) => b.score - a.score)
    .slice(0, MAX_MOMENTS)
    .map((proposal) => ({ ...proposal, end_s: Math.min(proposal.end_s, durationS) }));
  return { proposals, outside: all.length - inside.length };
}

function proposedBy(output: unknown): readonly ProposedMoment[] {
  const { schema_version, moments } = (output ?? {}) as { schema_version?: unknown; moments?: unknown };
  return schema_version === SCHEMA_VERSION && Array.isArray(moments) ? (moments as ProposedMoment[]) : [];
}

/** How much justice a stretch does to what is proposed. */
export class Proposals {
  private readonly ordered: readonly Proposal[];
  private readonly longestS: number;

  constructor(
    proposals: readonly Proposal[],
    private readonly lengths: Pick<LengthRules, 'minS' | 'maxS'>,
  ) {
    this.ordered = [...proposals].sort((a, b) => a.start_s - b.start_s);
    this.longestS = Math.max(0, ...proposals.map(({ start_s, end_s }) => end_s - start_s));
  }

  /**
   * The proposal that a stretch does most justice to, and how much, 0..1: its score for a stretch that has all of it
   * and is not longer than that takes, given how long clips may be; less in proportion.
   */
  best(startS: number, endS: number): { value: number; proposal?: Proposal } {
    let best: { value: number; proposal?: Proposal } = { value: 0 };
    const first = firstFrom(this.ordered, startS - this.longestS, ({ start_s }) => start_s);
    for (let index = first; index < this.ordered.length; index += 1) {
      const proposal = this.ordered[index];
      if (!proposal || proposal.start_s >= endS) break;
      const value = this.justice(proposal, startS, endS);
      if (value > best.value) best = { value, proposal };
    }
    return best;
  }

  private justice({ start_s, end_s, score }: Proposal, startS: number, endS: number): number {
    const overlap = Math.min(end_s, endS) - Math.max(start_s, startS);
    if (overlap <= 0) return 0;
    const { minS, maxS } = this.lengths;
    const there = Math.min(1, overlap / Math.min(end_s - start_s, maxS));
    const enough = Math.min(maxS, Math.max(minS, end_s - start_s));
    return score * there * Math.min(1, enough / (endS - startS));
  }
}

/** What is said of it to people. */
export function sentenceFor(proposal?: Proposal): string {
  if (!proposal) return 'No step proposes anything of it.';
  const { agent, start_s, end_s, reason } = proposal;
  const stretch = `${start_s.toFixed(1)} s to ${end_s.toFixed(1)} s`;
  return `Proposed by the step ${agent}, which names ${stretch}${reason === null ? '' : `: “${reason}”`}.`;
}

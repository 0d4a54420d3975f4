/**
 * Every way in which an agent can fail, with the sentence that a person reads and whether trying again can help.
 * Closed: the console, the API and the retry policy read this list. Bad input is never retryable.
 */
export const AGENT_ERRORS = {
  NOT_MEDIA: { retryable: false, sentence: 'This file is not a video that we can recognise.' },
  UNSUPPORTED_FORMAT: {
    retryable: false,
    sentence:
      'This kind of file is not supported. Upload an MP4, MOV, MKV, WebM, AVI, MPEG, FLV or OGG video.',
  },
  TRUNCATED: { retryable: false, sentence: 'The file is incomplete: its end is missing. Upload it again.' },
  DAMAGED: { retryable: false, sentence: 'The file is damaged: too much of the video cannot be decoded.' },
  NO_VIDEO: { retryable: false, sentence: 'The file has no video stream, only sound or data.' },
  TOO_SHORT: { retryable: false, sentence: 'The video is too short to cut clips from it.' },
  TOO_LONG: { retryable: false, sentence: 'The video is longer than this installation allows.' },
  TOO_LARGE_DIMENSIONS: {
    retryable: false,
    sentence: 'The picture of this video is larger than this installation allows.',
  },
  TOO_MANY_STREAMS: {
    retryable: false,
    sentence: 'The file holds more streams than this installation allows.',
  },
  INVALID_SETTING: { retryable: false, sentence: 'A setting of this agent has a value that it cannot use.' },
  MISSING_INPUT: {
    retryable: false,
    sentence: 'The result of an earlier step is missing, so this step cannot run.',
  },
  HTTP_REFUSED: {
    retryable: false,
    sentence: 'The service of this step may not be called, or does not take what it is sent.',
  },
  HTTP_UNAVAILABLE: { retryable: true, sentence: 'The service of this step does not answer at the moment.' },
  HTTP_BAD_ANSWER: {
    retryable: false,
    sentence: 'The service of this step answered with something that is no JSON object, or is too long.',
  },
  TOOL_UNAVAILABLE: { retryable: true, sentence: 'The media tools cannot be started on this worker.' },
  TOOL_FAILED: { retryable: true, sentence: 'The media tool stopped with an error.' },
  TOOL_TIMEOUT: { retryable: true, sentence: 'The media tool took longer than its limit and was stopped.' },
  TOOL_STALLED: { retryable: true, sentence: 'The media tool made no progress any more and was stopped.' },
  OUTPUT_INVALID: { retryable: true, sentence: 'A produced file did not pass its check.' },
  OUT_OF_DISK: { retryable: true, sentence: 'There is not enough disk space left to process this video.' },
  ABORTED: { retryable: false, sentence: 'The step was stopped on request.' },
} as const satisfies Record<string, { retryable: boolean; sentence: string }>;

/** A code of {@link AGENT_ERRORS}. */
export type AgentErrorCode = keyof typeof AGENT_ERRORS;

/** What an agent needs cannot be had at the moment, and nothing was tried: the step waits, which is no failure. */
export interface Later {
  /** After how long it is worth another look at the earliest, in milliseconds. */
  readonly inMs: number;
  /** How long the step may wait like that altogether, in seconds; then it has failed for good. */
  readonly withinS: number;
}

/** What else is known of a failure. */
export interface AgentErrorOptions {
  readonly retryable: boolean;
  /** The raw output of a tool, for the log view. */
  readonly detail?: string;
  readonly later?: Later;
  /** Of INVALID_SETTING: which, from the outside in. */
  readonly setting?: readonly string[];
}

/**
 * A failure that a person can read. `message` is a sentence without paths or tool output;
 * `options.detail` holds the raw tool output for the log view.
 */
export class AgentError extends Error {
  constructor(
    readonly code: AgentErrorCode,
    message: string = AGENT_ERRORS[code].sentence,
    readonly options: AgentErrorOptions = { retryable: AGENT_ERRORS[code].retryable },
  ) {
    super(message);
    this.name = 'AgentError';
  }
}

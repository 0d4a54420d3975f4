import type { AgentErrorCode } from '../../media/agents/agent-error';
import type { FlowErrorCode } from '../../media/flow/step-failure';

const AGAIN = 'retry the job';
const LATER = 'new jobs are given it, those that exist keep what they were made with';

/** What can be done about a job that has failed with a code, once it is not tried again by itself. */
export const JOB_ERROR_ADVICE: Readonly<Record<AgentErrorCode | FlowErrorCode, string>> = {
  ABORTED: `Nothing; or ${AGAIN}.`,
  DAMAGED:
    'Make the file anew and upload that; or set accept_partial of the inspector, to use what is readable.',
  HTTP_BAD_ANSWER: `Have the service answer as docs/agents.md says, then ${AGAIN}.`,
  HTTP_REFUSED: `See in the message whether the host is missing in outbound.hosts or what the service said; then ${AGAIN}.`,
  HTTP_UNAVAILABLE: `See to the service, then ${AGAIN}.`,
  INVALID_SETTING:
    'Mend the setting that the message names, with config.configure_agent or in the request, and make a new job.',
  MISSING_INPUT: 'Retry the job with from = start.',
  NOT_MEDIA: 'Upload a video.',
  NO_VIDEO: 'Upload a file that has a picture.',
  OUTPUT_INVALID: `Look at the log of the worker, then ${AGAIN}.`,
  OUT_OF_DISK: `Make space where WORK_DIR of the workers is, then ${AGAIN}.`,
  SOURCE_MISSING: 'Upload the video again and make a new job.',
  STEP_CRASHED: `${sentence(AGAIN)}; if it stays, report it with the log lines of the job's trace_id.`,
  STEP_TIMEOUT: `Give the agent more time (timeout_s of config.configure_agent, jobs.step_timeout_s): ${LATER}.`,
  STORAGE_FULL: `Make space where STORAGE_DIR is, then ${AGAIN}.`,
  STORAGE_REFUSED: `See to the key of the bucket and what it may do, then ${AGAIN}.`,
  TOOL_FAILED: `${sentence(AGAIN)}; if it stays, steps.error_detail in Postgres has what the tool said.`,
  TOOL_STALLED: `See whether the worker has CPU and disk left, then ${AGAIN}.`,
  TOOL_TIMEOUT: `See whether the worker has CPU left, then ${AGAIN}.`,
  TOOL_UNAVAILABLE: `Install ffmpeg 5 or newer where the worker runs, or set FFMPEG_PATH and FFPROBE_PATH; then ${AGAIN}.`,
  TOO_LARGE_DIMENSIONS: 'Scale it down: 8192 pixels on a side and 35 million in all are the most.',
  TOO_LONG: `Cut it, or raise jobs.max_duration_s: ${LATER}.`,
  TOO_MANY_STREAMS: `Leave out the streams that are not needed, or raise max_streams of the inspector: ${LATER}.`,
  TOO_SHORT: `Upload a longer one, or lower min_duration_s of the inspector: ${LATER}.`,
  TRUNCATED: 'Upload the whole file.',
  UNSUPPORTED_FORMAT: 'Convert it, to MP4 for instance, and upload that.',
  WORKER_LOST: `See why the worker ended, often for want of memory; then ${AGAIN}.`,
};

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

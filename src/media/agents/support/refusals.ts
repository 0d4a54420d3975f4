import { AgentError } from '../agent-error';
import type { Sniffed } from '../../tools/sniff';

const refuse = (
  code: 'NOT_MEDIA' | 'NO_VIDEO' | 'UNSUPPORTED_FORMAT' | 'TRUNCATED' | 'TOO_LARGE_DIMENSIONS',
  message?: string,
  detail?: string,
) => new AgentError(code, message, { retryable: false, ...(detail ? { detail } : {}) });

/** Refuses by what the first bytes say, before any decoder sees the file. @throws AgentError */
export function refuseUnsupported({ kind, title }: Sniffed): void {
  switch (kind) {
    case 'video':
      return;
    case 'empty':
      throw refuse('NOT_MEDIA', 'The file is empty.');
    case 'audio':
      throw refuse('NO_VIDEO', `This is ${title}: it has no video.`);
    case 'image':
    case 'playlist':
    case 'other':
      throw refuse('UNSUPPORTED_FORMAT', `This is ${title}, not a video file.`);
    case 'unknown':
      throw refuse('NOT_MEDIA');
  }
}

/** Whether a decoder refused to allocate the picture: the stream is larger than its container says. */
export function isTooLarge(stderr: string): boolean {
  return /max_pixels|max pixel|Picture size .* is invalid/i.test(stderr);
}

/** Why ffprobe could not open a file that began like a video. */
export function refuseUnreadable(stderr: string): AgentError {
  if (/moov atom not found|End of file|Truncat/i.test(stderr)) return refuse('TRUNCATED', undefined, stderr);
  if (/not on whitelist|Invalid argument/i.test(stderr))
    return refuse('UNSUPPORTED_FORMAT', undefined, stderr);
  if (isTooLarge(stderr)) return refuse('TOO_LARGE_DIMENSIONS', undefined, stderr);
  return refuse('NOT_MEDIA', undefined, stderr);
}

import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors/app-error';

/** More header fields than this are an attack, not a request. */
const MAX_HEADERS = 100;

/**
 * What is wrong with the head of a request that node's parser lets pass, so that no proxy before us can have
 * understood it differently (RFC 9112, sections 3.2 and 6.1); undefined if nothing is. The connection must end.
 */
export function headFault(request: IncomingMessage): AppError | undefined {
  const { rawHeaders, headers, httpVersion } = request;
  if (rawHeaders.length > 2 * MAX_HEADERS) return new AppError('HEADERS_TOO_LARGE');
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    return malformed('The version of HTTP is not one of 1.0 and 1.1.');
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    return malformed('The only transfer coding that is understood is chunked.');
  const hosts = hostHeaders(rawHeaders);
  if (hosts > 1 || (hosts === 0 && httpVersion !== '1.0')) return malformed('A request names its host once.');
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    return new AppError('UNSUPPORTED_MEDIA_TYPE', 'Send the body without a content coding.');
  return undefined;
}

/** How often Host is given: node's own view of the headers keeps the first one only. */
function hostHeaders(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count;
}

function malformed(message: string): AppError {
  return new AppError('VALIDATION_ERROR', message);
}

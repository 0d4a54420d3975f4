/** Bytes that a close frame has room for beside its code (RFC 6455 5.5). */
const MAX_BYTES = 123;

/** As much of a text as may stand in a close frame, in whole characters; a socket refuses to close with more. */
export function closeReason(text: string): string {
  const bytes = new TextEncoder().encode(text);
  // A decoder that expects more leaves out a character that is cut in two.
  return new TextDecoder().decode(bytes.subarray(0, MAX_BYTES), { stream: true });
}

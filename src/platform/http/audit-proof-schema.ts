/** In an answer of an action that was recorded: what proves later that the audit holds the intent. */
export const AUDIT_PROOF = {
  type: 'object',
  description: 'The audit entry of the intent: its number, and its leaf in the Merkle tree that is sealed.',
  required: ['seq', 'leaf'],
  properties: {
    seq: { type: 'integer' },
    leaf: { type: 'string', pattern: '^[0-9a-f]{64}$', description: 'SHA-256 in hexadecimal.' },
  },
};

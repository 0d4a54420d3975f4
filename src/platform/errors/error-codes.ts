/** What a code means: its HTTP status, a sentence on what it says, and one on what the caller can do. */
export interface ErrorCodeInfo {
  readonly status: number;
  readonly meaning: string;
  readonly advice: string;
}

/**
 * Every error code that the API answers with. The list is closed: clients switch on it, OpenAPI and
 * docs/errors.md are made from it. Codes of media that cannot be processed are in media/agents.
 */
export const ERROR_CODES = {
  ACCOUNT_LOCKED: info(
    429,
    'Too many wrong passwords for this account from this address.',
    'Wait as long as Retry-After says, or have an operator end the lock with config.unlock_user.',
  ),
  AGENT_EXISTS: info(
    409,
    'There is an agent of this name in the graph.',
    'Choose another name, or use config.configure_agent.',
  ),
  AGENT_IN_USE: info(
    409,
    'Jobs under way or other agents need this agent.',
    'Wait for those jobs, or switch the agent off for new ones with config.configure_agent.',
  ),
  AGENT_NOT_FOUND: info(
    404,
    'There is no such agent in the graph.',
    'GET /api/agents/status names all of them.',
  ),
  ALREADY_DRAINING: info(
    409,
    'The queue drains already, or is drained.',
    'Resume it first with queue.resume, if it is to begin anew.',
  ),
  API_VERSION_UNKNOWN: info(
    400,
    'The API does not have the version that API-Version asks for.',
    'Ask for one of those that the answer names, or for none to get the newest.',
  ),
  AUDIT_UNAVAILABLE: info(
    503,
    'The audit could not be written, so nothing was done.',
    'Try again when Postgres is back; GET /health/ready tells.',
  ),
  CHECKSUM_MISMATCH: info(400, 'The bytes received do not match the checksum given.', 'Send them again.'),
  CHUNK_CONFLICT: info(
    409,
    'This chunk was received before with other bytes.',
    'Start a new upload, or send the bytes of the first time.',
  ),
  CIRCUIT_OPEN: info(
    503,
    'Something that this needs has failed too often and is given a rest.',
    'Wait as long as Retry-After says, then try again. Operators see which with GET /api/admin/action/status.',
  ),
  CLIP_NOT_FOUND: info(404, 'There is no such clip, or it is not yours.', 'Check the id.'),
  CONFIG_VERSION_CONFLICT: info(
    409,
    'The settings have been changed since the version that you expected.',
    'Decide anew, and send the number that the error names; system.settings_version of GET /api/admin/ssot is the same.',
  ),
  CONFIRMATION_REQUIRED: info(
    400,
    'A critical action needs options.confirm (its name) and options.reason.',
    'Send both.',
  ),
  CONFLICT: info(409, 'The state has changed meanwhile.', 'Read it again and decide anew.'),
  EXECUTION_FINISHED: info(
    409,
    'The execution has ended already.',
    'Read what it came to with GET /api/admin/action/status.',
  ),
  EXECUTION_NOT_FOUND: info(404, 'There is no such execution, or it is not yours to see.', 'Check the id.'),
  EXPECTATION_FAILED: info(
    417,
    'The header Expect asks for something that is not offered.',
    'Send the request without it, or with 100-continue.',
  ),
  FORBIDDEN: info(403, 'Your role does not allow this.', 'Ask an administrator.'),
  HEADERS_TOO_LARGE: info(
    431,
    'The headers are larger or more than a request may have.',
    'Send at most 100 header fields and 16 KiB.',
  ),
  IDEMPOTENCY_IN_PROGRESS: info(
    409,
    'An action with this idempotency key is still running.',
    'Wait as long as Retry-After says, then ask again with the same key.',
  ),
  IDEMPOTENCY_KEY_INVALID: info(
    400,
    'The idempotency key is malformed, doubled or contradicts another.',
    'Send one X-Idempotency-Key of 1 to 255 letters, digits and ._~+/=-, such as a new UUID, and nothing secret.',
  ),
  IDEMPOTENCY_KEY_REQUIRED: info(
    400,
    'This action needs an idempotency key.',
    'Send the header X-Idempotency-Key with a new UUID.',
  ),
  IDEMPOTENCY_MISMATCH: info(422, 'This idempotency key was used for something else.', 'Use a new key.'),
  INTERNAL_ERROR: info(
    500,
    'Something went wrong on our side.',
    'Try again; if it stays, report the trace_id, by which operators find it in the log.',
  ),
  INVALID_CREDENTIALS: info(401, 'E-mail address or password is wrong.', 'Check both.'),
  INVALID_JOB_STATE: info(
    409,
    'The job is not in a state that allows this.',
    'Read the job and see its status.',
  ),
  IP_NOT_ALLOWED: info(
    403,
    'This address may not use the admin side.',
    'Come from an allowed network, or have ADMIN_IP_ALLOWLIST extended; of a single action, access.action_networks of the settings.',
  ),
  JOB_NOT_FOUND: info(404, 'There is no such job, or it is not yours.', 'Check the id.'),
  LAST_ADMIN: info(
    409,
    'Nobody would be left who can administer the system.',
    'Make somebody else an enabled admin with a password first.',
  ),
  LINK_EXPIRED: info(
    403,
    'The link has expired or was changed.',
    'Read the clip again for a new one; export again.',
  ),
  MAINTENANCE: info(503, 'The system is in maintenance.', 'Try again later, as Retry-After says.'),
  METHOD_NOT_ALLOWED: info(405, 'This path does not answer this method.', 'See the Allow header.'),
  NOT_ABORTABLE: info(409, 'Only operations can be stopped, and not every one of them.', 'Wait for its end.'),
  NOT_FOUND: info(404, 'There is nothing at this path.', 'Check the path against /docs.'),
  OPERATION_ABORTED: info(
    409,
    'The operation was stopped on request before all was done.',
    'Read with GET /api/admin/action/status what was done and what was not.',
  ),
  PAYLOAD_TOO_LARGE: info(413, 'The body is larger than this endpoint takes.', 'Send less, or in chunks.'),
  PIPELINE_CYCLE: info(
    400,
    'Agents would wait for each other in a circle.',
    'Name other agents in after or before.',
  ),
  POOL_EXISTS: info(409, 'There is a pool of this name already.', 'Use worker.configure, or another name.'),
  POOL_LIMIT_REACHED: info(
    409,
    'The pool would have more workers than its most, or fewer than its fewest.',
    'Ask for another number, or change its bounds with worker.configure.',
  ),
  POOL_NOT_FOUND: info(
    404,
    'There is no such pool of workers.',
    'agents_workers of GET /api/admin/ssot names those that have workers; default always exists.',
  ),
  PREVIEW_INVALID: info(
    400,
    'The preview token is forged, expired, or belongs to another action, payload or person.',
    'Make a new preview with options.dry_run.',
  ),
  QUEUE_NOT_FOUND: info(
    404,
    'There is no such queue.',
    'Use the name of an agent; queue.pause and queue.resume also take all.',
  ),
  QUOTA_EXCEEDED: info(
    429,
    'Your quota is used up.',
    'Finish open uploads, or let them expire. The file of an upload counts until no job has used it for a week (uploads.unused_kept_s): have jobs deleted that are no longer needed, or the limit raised (uploads.max_bytes_per_user).',
  ),
  RANGE_NOT_SATISFIABLE: info(
    416,
    'The file has no bytes in this range.',
    'Ask within the size that Content-Range tells.',
  ),
  RATE_LIMITED: info(429, 'Too many requests.', 'Wait as long as Retry-After says.'),
  REQUEST_TIMEOUT: info(408, 'The request did not arrive in time.', 'Send it again.'),
  RUNTIME_UNAVAILABLE: info(
    503,
    'What starts and stops the processes of this installation does not answer.',
    'See in the error whether somebody else is at it, and wait; else see to it that npm start or the Swarm runs.',
  ),
  SERVICE_NOT_MANAGED: info(
    409,
    'This installation does not start and stop that by itself.',
    'Start or stop it by whatever runs it.',
  ),
  SERVICE_UNAVAILABLE: info(
    503,
    'Something that this needs is not available at the moment.',
    'Try again in a moment. Operators see what it is with GET /health/ready and system.health_check.',
  ),
  STORAGE_FULL: info(
    507,
    'There is no space left for files.',
    'Try again when an operator has made space where STORAGE_DIR is; what was received is kept.',
  ),
  STORAGE_REFUSED: info(
    503,
    'The store of files does not let this installation in.',
    'An operator looks at the key and the secret of the bucket, and at what they may do.',
  ),
  TIMEOUT: info(
    504,
    'It took longer than it may.',
    'See with the execution_id whether it took effect before trying again.',
  ),
  TOPIC_LIMIT: info(
    429,
    'A connection to the gateway follows as many topics as it may.',
    'Unsubscribe from others first, or open a second connection.',
  ),
  UNAUTHORIZED: info(401, 'A valid access token is needed.', 'Sign in, or refresh the token.'),
  UNKNOWN_TOPIC: info(404, 'There is no such topic.', 'See docs/asyncapi.yaml.'),
  UNSUPPORTED_MEDIA_TYPE: info(
    415,
    'The body is of a type that this endpoint does not read.',
    'Send application/json in UTF-8, or what /docs says.',
  ),
  UPLOAD_EXPIRED: info(
    410,
    'The upload was not finished in time, or no job has used it for long (uploads.unused_kept_s, a week), and its bytes are gone.',
    'Upload the file again.',
  ),
  UPLOAD_INCOMPLETE: info(
    409,
    'Chunks of the upload are missing.',
    'Send those that details name, then finalize again.',
  ),
  UPLOAD_NOT_FINALIZED: info(409, 'The upload is not finalized.', 'Finalize it first.'),
  UPLOAD_NOT_FOUND: info(
    404,
    'There is no such upload, or it is not yours.',
    'Check the id; an upload that nobody finishes expires.',
  ),
  UPLOAD_NOT_OPEN: info(
    409,
    'The upload takes no more chunks: it is finalized, or about to be.',
    'Make a job of it, or start a new upload.',
  ),
  USER_EXISTS: info(409, 'There is an account with this e-mail address.', 'Use config.update_user instead.'),
  USER_NOT_FOUND: info(404, 'There is no such account.', 'Check the id; config.list_users has all of them.'),
  VALIDATION_ERROR: info(400, 'The request is malformed.', 'Mend what details name.'),
  WORKER_EXISTS: info(409, 'A process of this name runs already.', 'Choose another name.'),
} as const satisfies Record<string, ErrorCodeInfo>;

/** A code of the closed list. */
export type ErrorCode = keyof typeof ERROR_CODES;

function info(status: number, meaning: string, advice: string): ErrorCodeInfo {
  return { status, meaning, advice };
}

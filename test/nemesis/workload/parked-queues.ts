/** The queue in which jobs wait to be cancelled. */
export const CANCEL_QUEUE = 'parked-to-cancel';
/** The queue that one client fills and clears. */
export const CLEAR_QUEUE = 'parked-to-clear';

/** Queues that stay paused, so that no worker takes what waits there. */
export const PARKED_QUEUES: readonly string[] = [CANCEL_QUEUE, CLEAR_QUEUE];

/** Makes the agents that these queues are of: no job gets a step of them, so that jobs of users get past. */
export const PARKED_AGENTS = {
  agents: Object.fromEntries(PARKED_QUEUES.map((name) => [name, { type: 'captioner', enabled: false }])),
};

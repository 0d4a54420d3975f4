/**
 * The name of the mark that the dispatcher leaves in Redis once it has compared all that waits with it. Where it is
 * missing (after a flush, or because somebody took it away) or unfinished the dispatcher does so again in one go.
 */
export const SWEPT = ['flow', 'swept'] as const;
/** What the mark says when all has been compared. */
export const SWEPT_WHOLE = 'whole';

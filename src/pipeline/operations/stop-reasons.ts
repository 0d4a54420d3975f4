/** The process stops: the operation is given back, not failed. */
export class ProcessStops extends Error {
  override name = 'ProcessStops';
}

/** Somebody wants the operation to stop. */
export class AbortRequested extends Error {
  override name = 'AbortRequested';
}

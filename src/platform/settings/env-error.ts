/** A value of the environment is missing or wrong; the message names which and why. */
export class EnvError extends Error {
  override name = 'EnvError';
}

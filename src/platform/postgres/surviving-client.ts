import { Client } from 'pg';

/**
 * A connection whose loss does not end the process. The pool listens for it only while nobody has the connection, and
 * whoever gets it begins to listen a moment later: what comes in between, such as the end of the session in the same
 * packet as the answer to the last statement, would be an error event that nobody handles. Nothing is lost by that:
 * the next statement on the connection fails, and tells.
 */
export class SurvivingClient extends Client {
  constructor(...args: ConstructorParameters<typeof Client>) {
    super(...args);
    this.on('error', () => undefined);
  }
}

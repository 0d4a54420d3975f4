import type { Query } from '../../nemesis/arena/patiently';

/** An end of a job. */
export interface Ending {
  job_id: string;
  attempt: number;
  status: string;
}

/**
 * The soak's own record of how jobs ended: a trigger writes it within the transaction of the change. Nothing of the
 * product reads or writes it.
 */
const LEDGER = `
CREATE TABLE soak_endings (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id uuid NOT NULL,
  attempt integer NOT NULL,
  status text NOT NULL
);

CREATE FUNCTION soak_record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO soak_endings (job_id, attempt, status) VALUES (NEW.id, NEW.attempt, NEW.status);
  RETURN NULL;
END $$;

CREATE TRIGGER soak_ended AFTER UPDATE ON jobs FOR EACH ROW
  WHEN (OLD.status <> NEW.status AND NEW.status IN ('completed', 'failed', 'cancelled'))
  EXECUTE FUNCTION soak_record();
`;

/** Begins to record. */
export async function openJobLedger(query: Query): Promise<void> {
  await query(LEDGER);
}

/** The ends of a user's jobs, in their order. */
export function readEndings(query: Query, ownerId: string): Promise<Ending[]> {
  return query<Ending>(
    `SELECT job_id, e.attempt, e.status FROM soak_endings e JOIN jobs j ON j.id = job_id WHERE user_id = $1 ORDER BY seq`,
    [ownerId],
  );
}

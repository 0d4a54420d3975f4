import type { Query } from './arena/patiently';
import type { Effect } from './history';

/**
 * The test's own record of what changed: triggers write it within the transaction of the change, so that it is
 * there if and only if the change is. Nothing of the product reads or writes it.
 */
const LEDGER = `
CREATE TABLE nemesis_ledger (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  what text NOT NULL,
  target text NOT NULL
);

CREATE FUNCTION nemesis_record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO nemesis_ledger (what, target) VALUES (
    CASE TG_ARGV[0] WHEN 'queue' THEN CASE WHEN (to_jsonb(NEW) ->> 'paused')::boolean THEN 'paused' ELSE 'running' END ELSE TG_ARGV[0] END,
    to_jsonb(NEW) ->> TG_ARGV[1]);
  RETURN NULL;
END $$;

CREATE TRIGGER nemesis_attempt AFTER UPDATE ON jobs FOR EACH ROW
  WHEN (OLD.attempt <> NEW.attempt) EXECUTE FUNCTION nemesis_record('attempt', 'id');
CREATE TRIGGER nemesis_cancelled AFTER UPDATE ON jobs FOR EACH ROW
  WHEN (OLD.status <> NEW.status AND NEW.status = 'cancelled') EXECUTE FUNCTION nemesis_record('cancelled', 'id');
CREATE TRIGGER nemesis_queue_new AFTER INSERT ON queues FOR EACH ROW
  WHEN (NEW.paused) EXECUTE FUNCTION nemesis_record('queue', 'name');
CREATE TRIGGER nemesis_queue AFTER UPDATE ON queues FOR EACH ROW
  WHEN (OLD.paused <> NEW.paused) EXECUTE FUNCTION nemesis_record('queue', 'name');
CREATE TRIGGER nemesis_settings AFTER INSERT ON settings_versions FOR EACH ROW
  EXECUTE FUNCTION nemesis_record('settings', 'comment');
CREATE TRIGGER nemesis_exported AFTER INSERT ON artifacts FOR EACH ROW
  WHEN (NEW.kind = 'export') EXECUTE FUNCTION nemesis_record('exported', 'execution_id');
`;

/** Begins to record. */
export async function openLedger(query: Query): Promise<void> {
  await query(LEDGER);
}

/** All that changed since, in the order in which it did. */
export async function readLedger(query: Query): Promise<Effect[]> {
  return query<Effect>(
    'SELECT what, target, extract(epoch FROM at)::float8 * 1000 AS at FROM nemesis_ledger ORDER BY seq',
  );
}

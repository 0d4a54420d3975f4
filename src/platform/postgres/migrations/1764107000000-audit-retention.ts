import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Retention of the audit. A tombstone says, signed, that the seals of a range and their entries are over; a day later
 * they may be removed, by one function and by nothing else. All conditions are checked by the server, whoever writes
 * the tombstone: it covers whole seals in a row from where the one before ended, none younger than thirty days, and
 * the chain goes on from its last one.
 */
export class AuditRetention1764107000000 implements MigrationInterface {
  name = 'AuditRetention1764107000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [TOMBSTONES, REMOVAL, GRANTS]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(UNDO);
  }
}

const TOMBSTONES = `
CREATE TABLE audit_tombstones (
  to_seal bigint PRIMARY KEY,
  from_seal bigint NOT NULL UNIQUE,
  from_seq bigint NOT NULL,
  to_seq bigint NOT NULL UNIQUE,
  entries bigint NOT NULL,
  -- The hash of the seal before from_seal; zeros for the first.
  prev bytea NOT NULL,
  -- The hash of to_seal, from which the chain goes on.
  hash bytea NOT NULL,
  -- What was set then.
  keep_days integer NOT NULL CHECK (keep_days >= 30),
  retired_at timestamptz NOT NULL,
  key_id text NOT NULL,
  -- Ed25519.
  signature bytea NOT NULL
);
CREATE TRIGGER audit_tombstones_no_change BEFORE UPDATE OR DELETE ON audit_tombstones
  FOR EACH ROW EXECUTE FUNCTION audit_entries_refuse_change();
CREATE TRIGGER audit_tombstones_no_truncate BEFORE TRUNCATE ON audit_tombstones
  FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_refuse_change();

CREATE FUNCTION audit_tombstones_check() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before public.audit_tombstones;
  last public.audit_seals;
  seals bigint;
  entries bigint;
BEGIN
  SELECT * INTO before FROM public.audit_tombstones ORDER BY to_seal DESC LIMIT 1;
  IF NEW.from_seal <> coalesce(before.to_seal, 0) + 1 OR NEW.from_seq <> coalesce(before.to_seq, 0) + 1
     OR NEW.prev <> coalesce(before.hash, decode(repeat('00', 32), 'hex')) THEN
    RAISE EXCEPTION 'The tombstone does not go on where the one before ended';
  END IF;
  SELECT * INTO last FROM public.audit_seals WHERE number = NEW.to_seal;
  SELECT count(*), sum(s.count) INTO seals, entries
    FROM public.audit_seals s WHERE s.number BETWEEN NEW.from_seal AND NEW.to_seal;
  IF last.number IS NULL OR NEW.to_seq <> last.to_seq OR seals <> NEW.to_seal - NEW.from_seal + 1
     OR NEW.entries <> entries THEN
    RAISE EXCEPTION 'The tombstone does not cover whole seals';
  END IF;
  -- Nothing is sealed with a time to come, and the order of seals is that of their times.
  IF last.sealed_at >= now() - make_interval(days => NEW.keep_days) THEN
    RAISE EXCEPTION 'The tombstone covers what is to be kept';
  END IF;
  IF NOT EXISTS (SELECT FROM public.audit_seals s WHERE s.number = NEW.to_seal + 1 AND s.prev = NEW.hash) THEN
    RAISE EXCEPTION 'The chain does not go on from the tombstone';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER audit_tombstones_check BEFORE INSERT ON audit_tombstones
  FOR EACH ROW EXECUTE FUNCTION audit_tombstones_check();
`;

const REMOVAL = `
-- The last seal that may be removed with its entries. A day passes before anything is gone: time to notice, to copy,
-- and for whoever has begun to read before the tombstone was there.
CREATE FUNCTION audit_retired_seal() RETURNS bigint LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(max(to_seal), 0) FROM public.audit_tombstones WHERE retired_at < now() - interval '1 day'
$$;
CREATE FUNCTION audit_entries_refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.seq <= (SELECT t.to_seq FROM public.audit_tombstones t WHERE t.to_seal = public.audit_retired_seal()) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE FUNCTION audit_seals_refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.number <= public.audit_retired_seal() THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;

DROP TRIGGER audit_entries_no_change ON audit_entries;
CREATE TRIGGER audit_entries_no_change BEFORE UPDATE ON audit_entries
  FOR EACH ROW EXECUTE FUNCTION audit_entries_refuse_change();
CREATE TRIGGER audit_entries_no_removal BEFORE DELETE ON audit_entries
  FOR EACH ROW EXECUTE FUNCTION audit_entries_refuse_removal();
DROP TRIGGER audit_seals_no_change ON audit_seals;
CREATE TRIGGER audit_seals_no_change BEFORE UPDATE ON audit_seals
  FOR EACH ROW EXECUTE FUNCTION audit_entries_refuse_change();
CREATE TRIGGER audit_seals_no_removal BEFORE DELETE ON audit_seals
  FOR EACH ROW EXECUTE FUNCTION audit_seals_refuse_removal();

-- Removes retired seals with their entries, oldest first and each as a whole, until so many entries are gone. Runs as
-- the owner: the application has no right to delete. Returns the number of entries and seals that are gone.
CREATE FUNCTION audit_remove_retired(most integer) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  seal record;
  removed integer := 0;
  entries integer;
BEGIN
  FOR seal IN SELECT number, from_seq, to_seq FROM public.audit_seals
               WHERE number <= public.audit_retired_seal() ORDER BY number LIMIT most FOR UPDATE SKIP LOCKED LOOP
    DELETE FROM public.audit_entries WHERE seq BETWEEN seal.from_seq AND seal.to_seq;
    GET DIAGNOSTICS entries = ROW_COUNT;
    DELETE FROM public.audit_seals WHERE number = seal.number;
    removed := removed + entries + 1;
    EXIT WHEN removed >= most;
  END LOOP;
  RETURN removed;
END $$;
REVOKE EXECUTE ON FUNCTION audit_remove_retired FROM PUBLIC;
`;

const GRANTS = `
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'agentos_app') AND current_user <> 'agentos_app' THEN
    GRANT SELECT, INSERT ON audit_tombstones TO agentos_app;
    GRANT EXECUTE ON FUNCTION audit_remove_retired TO agentos_app;
  END IF;
END $$;
`;

const UNDO = `
DROP FUNCTION audit_remove_retired;
DROP TRIGGER audit_entries_no_removal ON audit_entries;
DROP TRIGGER audit_seals_no_removal ON audit_seals;
DROP FUNCTION audit_entries_refuse_removal, audit_seals_refuse_removal;
DROP TRIGGER audit_entries_no_change ON audit_entries;
CREATE TRIGGER audit_entries_no_change BEFORE UPDATE OR DELETE ON audit_entries
  FOR EACH ROW EXECUTE FUNCTION audit_entries_refuse_change();
DROP TRIGGER audit_seals_no_change ON audit_seals;
CREATE TRIGGER audit_seals_no_change BEFORE UPDATE OR DELETE ON audit_seals
  FOR EACH ROW EXECUTE FUNCTION audit_entries_refuse_change();
DROP FUNCTION audit_retired_seal;
DROP TABLE audit_tombstones;
DROP FUNCTION audit_tombstones_check;
`;

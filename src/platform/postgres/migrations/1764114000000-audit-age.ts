import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The age of what a tombstone covers is judged by times that only the server gives. Seals and tombstones are written by
 * the application, which can put any time into them; into an entry of the audit the server stamps when it came. The
 * last entry must be there: with a number that is yet to be given, a tombstone would cover what is yet to come.
 */
export class AuditAge1764114000000 implements MigrationInterface {
  name = 'AuditAge1764114000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(tombstonesCheck(STAMPED));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(tombstonesCheck(SAID));
  }
}

const STAMPED = `
  -- Entries are numbered as they come, so none before it is younger.
  SELECT e.at INTO newest FROM public.audit_entries e WHERE e.seq = NEW.to_seq;
  IF newest IS NULL OR newest >= now() - make_interval(days => NEW.keep_days) THEN
    RAISE EXCEPTION 'The tombstone covers what is to be kept';
  END IF;
  -- From it on the day is counted until the removal. The clock, not now(): a transaction may have begun long ago.
  IF NEW.retired_at NOT BETWEEN clock_timestamp() - interval '5 minutes' AND clock_timestamp() + interval '5 minutes' THEN
    RAISE EXCEPTION 'The time of the tombstone is not that of the server';
  END IF;`;

const SAID = `
  -- Nothing is sealed with a time to come, and the order of seals is that of their times.
  newest := last.sealed_at;
  IF newest >= now() - make_interval(days => NEW.keep_days) THEN
    RAISE EXCEPTION 'The tombstone covers what is to be kept';
  END IF;`;

/** @param age SQL that puts the time of the newest thing covered into `newest` and refuses what is too young */
function tombstonesCheck(age: string): string {
  return `
CREATE OR REPLACE FUNCTION audit_tombstones_check() RETURNS trigger
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before public.audit_tombstones;
  last public.audit_seals;
  seals bigint;
  entries bigint;
  newest timestamptz;
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
  END IF;${age}
  IF NOT EXISTS (SELECT FROM public.audit_seals s WHERE s.number = NEW.to_seal + 1 AND s.prev = NEW.hash) THEN
    RAISE EXCEPTION 'The chain does not go on from the tombstone';
  END IF;
  RETURN NEW;
END $$;
`;
}

import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Seals of the audit, append-only like the audit itself, and numbers of entries that nobody but the server gives.
 *
 * The number comes from a trigger rather than from an identity column, for two reasons. `OVERRIDING SYSTEM VALUE`
 * lets a writer choose an identity, and so slip an entry in behind what has been sealed. And the transaction gets its
 * own number before the entry gets one: only so can the sealer know that of all entries up to a number none is
 * still to come.
 */
export class AuditSeals1764070000000 implements MigrationInterface {
  name = 'AuditSeals1764070000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [NUMBERS, SEALS, GRANTS]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(UNDO);
  }
}

const NUMBERS = `
ALTER TABLE audit_entries ALTER COLUMN seq DROP IDENTITY;
CREATE SEQUENCE audit_entries_number OWNED BY audit_entries.seq;
SELECT setval('audit_entries_number', coalesce(max(seq), 0) + 1, false) FROM audit_entries;

-- Runs as the owner, so that the application needs no right to the sequence. Every name is qualified: a temporary
-- sequence of the caller would be found before this one.
CREATE OR REPLACE FUNCTION audit_entries_stamp() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM pg_catalog.pg_current_xact_id();
  NEW.seq := pg_catalog.nextval('public.audit_entries_number'::pg_catalog.regclass);
  NEW.at := pg_catalog.clock_timestamp();
  RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION audit_entries_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;

-- An investigation begins with the trace id that a caller was given.
CREATE INDEX audit_entries_trace_idx ON audit_entries (trace_id);
`;

const SEALS = `
CREATE TABLE audit_seals (
  number bigint PRIMARY KEY,
  from_seq bigint NOT NULL,
  to_seq bigint NOT NULL UNIQUE,
  count integer NOT NULL,
  -- Ranges of numbers that no entry has: [[from, to], ...], both inclusive.
  gaps jsonb NOT NULL,
  -- The SHA-256 leaf of each entry, in order, 32 bytes each.
  leaves bytea NOT NULL,
  root bytea NOT NULL,
  -- The hash of the seal before; zeros for the first.
  prev bytea NOT NULL,
  key_id text NOT NULL,
  -- Ed25519.
  signature bytea NOT NULL,
  -- Signed too, so the sealer says it.
  sealed_at timestamptz NOT NULL
);
CREATE TRIGGER audit_seals_no_change BEFORE UPDATE OR DELETE ON audit_seals
  FOR EACH ROW EXECUTE FUNCTION audit_entries_refuse_change();
CREATE TRIGGER audit_seals_no_truncate BEFORE TRUNCATE ON audit_seals
  FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_refuse_change();
`;

const GRANTS = `
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'agentos_app') AND current_user <> 'agentos_app' THEN
    GRANT SELECT, INSERT ON audit_seals TO agentos_app;
    REVOKE ALL ON SEQUENCE audit_entries_number FROM agentos_app;
    GRANT SELECT ON SEQUENCE audit_entries_number TO agentos_app;
  END IF;
END $$;
`;

const UNDO = `
DROP TABLE audit_seals;
DROP INDEX audit_entries_trace_idx;
CREATE OR REPLACE FUNCTION audit_entries_stamp() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
  NEW.at := clock_timestamp();
  RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION audit_entries_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_entries is append-only';
END $$;
DROP SEQUENCE audit_entries_number;
ALTER TABLE audit_entries ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY;
SELECT setval(pg_get_serial_sequence('audit_entries', 'seq'), coalesce(max(seq), 0) + 1, false) FROM audit_entries;
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'agentos_app') AND current_user <> 'agentos_app' THEN
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO agentos_app;
  END IF;
END $$;
`;

import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The versions of the graph of agents, and what kind of agent a step is for. */
export class AgentGraph1764100000000 implements MigrationInterface {
  name = 'AgentGraph1764100000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE graph_versions (
        version integer PRIMARY KEY,
        -- SHA-256 of the canonical form of agents: equal graphs are one version.
        fingerprint bytea NOT NULL UNIQUE,
        agents jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      );
      -- The type of the agent; null where that is the agent's own name, as it always was.
      ALTER TABLE steps ADD COLUMN type text;
      -- Of an agent's log, the newest lines first.
      CREATE INDEX system_events_agent_idx ON system_events ((data->>'agent'), id DESC) WHERE data->>'agent' IS NOT NULL;
    `);
    await runner.query(GRANTS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX system_events_agent_idx;
      ALTER TABLE steps DROP COLUMN type;
      DROP TABLE graph_versions;
    `);
  }
}

const GRANTS = `
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'agentos_app') AND current_user <> 'agentos_app' THEN
    GRANT SELECT, INSERT ON graph_versions TO agentos_app;
  END IF;
END $$;
`;

import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Nobody looks for a line of the log by its id alone, so that its key can serve those who read by time: one index less. */
export class EventKeys1764113100000 implements MigrationInterface {
  name = 'EventKeys1764113100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE system_events DROP CONSTRAINT system_events_pkey, ADD PRIMARY KEY (at, id);
      DROP INDEX system_events_at_idx;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE system_events DROP CONSTRAINT system_events_pkey, ADD PRIMARY KEY (id, at);
      CREATE INDEX system_events_at_idx ON system_events (at DESC, id DESC);
    `);
  }
}

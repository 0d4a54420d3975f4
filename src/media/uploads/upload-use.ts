import type { Tx } from '../../platform/postgres/db';

/**
 * A job uses these uploads from now on: their files stay until no job does. The caller has locked their rows, so
 * that the sweeper has not expired them meanwhile.
 */
export async function useUploads(tx: Tx, uploadIds: readonly string[]): Promise<void> {
  await tx.execute('UPDATE uploads SET unused_since = NULL WHERE id = ANY($1) AND unused_since IS NOT NULL', [
    uploadIds,
  ]);
}

/** After jobs were removed: those of their uploads that no other job uses are kept for a while, then expire. */
export async function releaseUploads(tx: Tx, uploadIds: readonly string[]): Promise<void> {
  // Of two who remove the last two jobs of an upload, the second must see that the first one's is gone.
  await tx.query('SELECT FROM uploads WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE', [uploadIds]);
  await tx.execute(
    `UPDATE uploads u SET unused_since = now() WHERE id = ANY($1) AND status = 'finalized'
       AND NOT EXISTS (SELECT FROM jobs WHERE upload_id = u.id)
       AND NOT EXISTS (SELECT FROM jobs WHERE captions_upload_id = u.id)`,
    [uploadIds],
  );
}

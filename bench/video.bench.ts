import { readdirSync, readFileSync } from 'node:fs';
import { Cluster } from '../test/support/cluster';
import { longVideo } from '../test/support/media';
import { createJob, settled, upload } from '../test/support/video-way';
import { report } from './load';

const MINUTES = 1;
/** Often enough for a share of some percent of a minute. */
const SAMPLE_MS = 50;

describe(`a video of ${MINUTES} min`, () => {
  // A small one, and one as phones make them.
  it.each(['640x360', '1920x1080'])(
    'at %s: time and memory per minute',
    async (size) => {
      const started = Date.now();
      const cluster = await Cluster.start({ apis: 1, variables: { LOG_LEVEL: 'warn' } });
      const readyS = (Date.now() - started) / 1_000;
      const { client } = await cluster.user('user');
      const uploadId = await upload([client], await longVideo(MINUTES * 60, size));
      const worker = cluster.workers[0]?.pid ?? 0;
      let most = 0;
      let samples = 0;
      let withoutTool = 0;
      const timer = setInterval(() => {
        const { rss, children } = treeOf(worker);
        most = Math.max(most, rss);
        samples += 1;
        if (children === 0) withoutTool += 1;
      }, SAMPLE_MS);
      const begun = Date.now();
      const jobId = await createJob(client, uploadId);
      const job = await settled(client, jobId, 600_000);
      clearInterval(timer);
      expect(job.status).toBe('completed');
      report('one installation', { 's to ready (api, worker, manager)': readyS });
      report(`a job, ${size}`, {
        's per minute of video': (Date.now() - begun) / 1_000 / MINUTES,
        'MB most, worker and its tools': most / 1_048_576,
        '% of the time in which no tool ran (wanted 5)': (100 * withoutTool) / samples,
      });
      await cluster.stop();
    },
    1_000_000,
  );
});

/** Resident bytes of a process and everything below it, and how many processes there are below it. */
function treeOf(root: number): { rss: number; children: number } {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const parents = new Map(processes.map((pid) => [pid, statOf(pid)]));
  const tree = { rss: 0, children: 0 };
  for (const [pid, stat] of parents) {
    for (let at: number | undefined = pid; at; at = parents.get(at)?.parent) {
      if (at !== root) continue;
      tree.rss += stat?.rss ?? 0;
      if (pid !== root) tree.children += 1;
      break;
    }
  }
  return tree;
}

function statOf(pid: number): { parent: number; rss: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), rss: Number(fields[21]) * 4_096 };
  } catch {
    return undefined; // it ended meanwhile
  }
}

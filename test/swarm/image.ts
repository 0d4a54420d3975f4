import { execFileSync, spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import type Docker from 'dockerode';

/** The name of the image that the services of these tests run. */
export const IMAGE = 'agentos-test-node:1';

/**
 * Makes the image from what is here, pulling nothing: this machine's node, as /usr/bin/node, and the libraries
 * that it is linked with.
 */
export async function importNodeImage(docker: Docker): Promise<void> {
  const node = realpathSync(process.execPath);
  const libraries = execFileSync('ldd', [node], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => /(\/\S+) \(0x/.exec(line)?.[1] ?? []);
  const transform = `--transform=s,^${node.slice(1)}$,usr/bin/node,`;
  const tar = spawn(
    'tar',
    ['-ch', transform, '-C', '/', ...[node, ...libraries].map((path) => path.slice(1))],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const [repo, tag] = IMAGE.split(':');
  const answer = await docker.importImage(tar.stdout, { repo, tag });
  await new Promise((resolve, reject) => answer.on('end', resolve).on('error', reject).resume());
}

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transformFileSync } from '@swc/core';

describe('exitWithParent', () => {
  let folder: string;
  let child: ChildProcess | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'exit-with-parent-'));
    const source = join(__dirname, 'exit-with-parent.ts');
    writeFileSync(join(folder, 'lib.js'), transformFileSync(source, { module: { type: 'commonjs' } }).code);
  });

  afterEach(() => {
    child?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  async function run(body: string): Promise<ChildProcess> {
    const script = join(folder, 'child.js');
    writeFileSync(script, `require('./lib.js').exitWithParent();\n${body}\nprocess.send('up');`);
    child = fork(script, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    await once(child, 'message');
    return child;
  }

  it('stops the process gracefully when the channel to its parent closes', async () => {
    const running = await run(`setInterval(() => {}, 1000); process.on('SIGTERM', () => process.exit(7));`);
    running.disconnect();
    expect(await once(running, 'exit')).toEqual([7, null]);
  });

  it('does not keep a process alive that has nothing left to do', async () => {
    const running = await run('');
    expect(await once(running, 'exit')).toEqual([0, null]);
  });
});

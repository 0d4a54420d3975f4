import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RotatingLog } from './rotating-log';

describe('RotatingLog', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'log-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('keeps so many files of so many bytes, and reads the newest lines over all of them', () => {
    const path = join(folder, 'worker-1.log');
    const log = new RotatingLog(path, { maxBytes: 100, keep: 2 });
    for (let index = 100; index < 200; index++) log.write(`line ${index}`);
    expect(readdirSync(folder).sort()).toEqual(['worker-1.log', 'worker-1.log.1', 'worker-1.log.2']);
    for (const name of readdirSync(folder))
      expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(100);
    expect(log.tail(3)).toEqual(['line 197', 'line 198', 'line 199']);
    expect(log.tail(15)).toEqual(Array.from({ length: 15 }, (_, index) => `line ${185 + index}`));
    log.close();
  });

  it('loses lines, and nothing else, while there is no place for them', () => {
    const path = join(folder, 'logs', 'api-1.log');
    mkdirSync(join(folder, 'logs'));
    const log = new RotatingLog(path, { maxBytes: 20, keep: 2 });
    log.write('in the first file');
    rmSync(join(folder, 'logs'), { recursive: true });
    writeFileSync(join(folder, 'logs'), 'no folder');
    log.write('lost, as it needs a new file');
    log.write('lost, as there is none');
    rmSync(join(folder, 'logs'));
    log.write('in a new folder');
    log.write('in a second file');
    expect(log.tail(5)).toEqual(['in a new folder', 'in a second file']);
    log.close();
    log.write('after the end');
    expect(log.tail(5)).toEqual(['in a new folder', 'in a second file']);
  });

  it('goes on in the file that an earlier start left', () => {
    const path = join(folder, 'api-1.log');
    for (const line of ['first', 'second']) {
      const log = new RotatingLog(path);
      log.write(line);
      log.close();
    }
    const log = new RotatingLog(path);
    expect(log.tail(10)).toEqual(['first', 'second']);
    log.close();
  });
});

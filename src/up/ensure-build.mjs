// Builds dist/ if it is missing or older than src/: without a type check, so that a first start is quick.
// `npm run build` is the full build; `--force` builds in any case.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const source = join(root, 'src');
const target = join(root, 'dist');
const ENTRY = 'up/main.js';
const STAMP = '.built';

/** All entries below a folder, folders included: removing a file changes its folder. */
function walk(folder) {
  const entries = readdirSync(folder, { withFileTypes: true });
  return [
    folder,
    ...entries.flatMap((e) => (e.isDirectory() ? walk(join(folder, e.name)) : join(folder, e.name))),
  ];
}

/** When dist/ was built, in epoch milliseconds; 0 if it is not whole. */
function builtAt() {
  const times = [STAMP, ENTRY].map(
    (name) => statSync(join(target, name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  );
  return times[1] === 0 ? 0 : Math.max(...times);
}

async function build(files) {
  const { transformFile } = await import('@swc/core');
  // Built aside and put in place whole: what runs from dist/ never sees half of it.
  const draft = `${target}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  await Promise.all(
    files.map(async (file) => {
      const path = join(draft, relative(source, file));
      if (extname(file) !== '.ts') {
        mkdirSync(dirname(path), { recursive: true });
        return copyFileSync(file, path);
      }
      const js = path.replace(/\.ts$/, '.js');
      const sourceFileName = relative(join(target, relative(draft, dirname(js))), file);
      const { code, map } = await transformFile(file, {
        cwd: root,
        swcrc: true,
        sourceMaps: true,
        sourceFileName,
      });
      mkdirSync(dirname(js), { recursive: true });
      writeFileSync(js, `${code}\n//# sourceMappingURL=${js.split('/').pop()}.map\n`);
      if (map) writeFileSync(`${js}.map`, map);
    }),
  );
  writeFileSync(join(draft, STAMP), '');
  const old = `${draft}.old`;
  if (existsSync(target)) renameSync(target, old);
  renameSync(draft, target);
  rmSync(old, { recursive: true, force: true });
}

if (existsSync(source)) {
  const entries = walk(source).filter((path) => !/\.spec\.ts$|\/metadata\.ts$/.test(path));
  const newest = Math.max(...entries.map((path) => statSync(path).mtimeMs));
  if (process.argv.includes('--force') || newest > builtAt()) {
    const files = walk(source).filter(
      (path) => statSync(path).isFile() && !/\.spec\.ts$|\.mjs$|\.d\.ts$/.test(path),
    );
    const begin = Date.now();
    try {
      await build(files);
      process.stdout.write(
        `built dist/ from ${files.length} files in ${((Date.now() - begin) / 1000).toFixed(1)} s\n`,
      );
    } catch (error) {
      rmSync(`${target}.${process.pid}`, { recursive: true, force: true });
      if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
      process.stderr.write('The build tools are missing; install them with: npm ci --include=dev\n');
      process.exitCode = builtAt() > 0 ? 0 : 1;
    }
  }
}

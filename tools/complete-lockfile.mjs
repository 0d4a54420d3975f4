// Adds to package-lock.json the optional packages of other platforms that npm left out.
//
// npm drops an optional package from the lock file when the registry that it talks to does not carry it, as
// mirrors that hold one platform's binaries do. `npm ci` then refuses the lock file on every machine. Run this
// after `npm install` behind such a mirror: `node tools/complete-lockfile.mjs`.
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = new URL('../package-lock.json', import.meta.url);
const SYSTEMS = [
  'android',
  'darwin',
  'freebsd',
  'linux',
  'openharmony',
  'openbsd',
  'netbsd',
  'sunos',
  'aix',
  'win32',
];
const PROCESSORS = [
  'arm64',
  'x64',
  'arm',
  'ia32',
  'ppc64',
  's390x',
  'riscv64',
  'loong64',
  'mips64el',
  'wasm32',
];

const lock = JSON.parse(readFileSync(FILE, 'utf8'));
const packages = lock.packages;
const added = [];
for (const [path, entry] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (found(path, name) || !/^\d/.test(version)) continue;
    packages[`node_modules/${name}`] = missing(name, version, entry);
    added.push(`${name}@${version}`);
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${added.length} packages added ${added.join(' ')}\n`);

/** Whether Node would find the package from `path`. */
function found(path, name) {
  for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (packages[`${folder ? `${folder}/` : ''}node_modules/${name}`]) return true;
    if (!folder) return false;
    if (!folder.includes('/node_modules/')) return packages[`node_modules/${name}`] !== undefined;
  }
}

function missing(name, version, parent) {
  const words = name.split(/[^a-z0-9]+/i);
  const pick = (known, aliases = {}) =>
    known.filter((one) => words.some((word) => (aliases[word] ?? word) === one));
  const cpu = pick(PROCESSORS, { armhf: 'arm', gnueabihf: 'arm', eabi: 'arm', musleabihf: 'arm' });
  const os = pick(SYSTEMS);
  return {
    version,
    ...(cpu.length > 0 ? { cpu } : {}),
    ...(parent.dev ? { dev: true } : {}),
    optional: true,
    ...(os.length > 0 ? { os } : {}),
  };
}

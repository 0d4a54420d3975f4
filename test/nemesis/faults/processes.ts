import type { Supervised } from '../arena/supervised';
import type { Random } from '../random';
import { type Fault, pause } from './fault';

/** One of those that run, if there is one. */
function victimOf(places: readonly Supervised[], random: Random): Supervised | undefined {
  const up = places.filter((place) => place.up);
  return up.length > 0 ? random.pick(up) : undefined;
}

async function kill(places: readonly Supervised[], random: Random): Promise<string | undefined> {
  const victim = victimOf(places, random);
  await victim?.kill();
  return victim?.name;
}

async function restart(places: readonly Supervised[], random: Random): Promise<string | undefined> {
  const victim = victimOf(places, random);
  await victim?.restart();
  return victim?.name;
}

/** An api stands still until others have taken its work for abandoned, and then goes on as if nothing had been. */
const FREEZE: Fault = {
  kind: 'SIGSTOP of an api past its lease',
  weight: 2,
  strike: async ({ apis, leaseS }, random) => {
    const victim = victimOf(apis, random);
    if (!victim) return undefined;
    victim.freeze();
    const ms = await pause(random, leaseS * 1_000 + 500, leaseS * 1_000 + 4_000);
    victim.thaw();
    return `${victim.name} for ${ms} ms`;
  },
};

/** What is done to processes. Whoever ends is started again. */
export const PROCESS_FAULTS: readonly Fault[] = [
  { kind: 'kill -9 of an api', weight: 5, strike: ({ apis }, random) => kill(apis, random) },
  { kind: 'kill -9 of a manager', weight: 3, strike: ({ managers }, random) => kill(managers, random) },
  { kind: 'orderly restart of an api', weight: 1, strike: ({ apis }, random) => restart(apis, random) },
  {
    kind: 'orderly restart of a manager',
    weight: 2,
    strike: ({ managers }, random) => restart(managers, random),
  },
  FREEZE,
];

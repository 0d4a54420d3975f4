import { isClone, numberIn, realigned } from './clones';
import type { DockerEngine, SwarmService } from './docker-engine';
import { label, LABELS, nameOf } from './swarm-service';
import type { SwarmServices } from './swarm-services';

/** An update that is over and went well; a service that was never updated has no state at all. */
const WELL: readonly (string | undefined)[] = [undefined, 'completed'];
/** An update that did not go well, and that nobody works on any more. */
const FAILED: readonly (string | undefined)[] = ['paused', 'rollback_paused', 'rollback_completed'];

/**
 * Makes the workers that the driver added follow the service of the stack that they were made like: a deploy
 * gives a new image to that one only. They follow when it has come up well, and one after the other.
 */
export class SwarmAlignment {
  constructor(
    private readonly engine: DockerEngine,
    private readonly services: SwarmServices,
  ) {}

  /**
   * Updates the next one that is behind; whether there was one.
   *
   * @throws Error naming one that was behind and could not follow; restarting it makes it try again
   */
  async run(): Promise<boolean> {
    const all = (await this.services.listed()).map(({ service }) => service);
    const clones = all.filter(isClone).sort((a, b) => numberIn(nameOf(a)) - numberIn(nameOf(b)));
    if (clones.some((clone) => isUnderWay(clone))) return false;
    const failed: string[] = [];
    for (const clone of clones) {
      const pattern = all.find(({ Spec }) => Spec.Name === label(clone, LABELS.cloneOf));
      if (!pattern || !WELL.includes(pattern.UpdateStatus?.State)) continue;
      const spec = realigned(clone, pattern);
      if (!spec) continue;
      if (!FAILED.includes(clone.UpdateStatus?.State)) {
        await this.engine.update(clone, spec);
        return true;
      }
      failed.push(nameOf(clone));
    }
    if (failed.length > 0) throw new Error(`could not follow the stack: ${failed.join(', ')}`);
    return false;
  }
}

function isUnderWay({ UpdateStatus: status }: SwarmService): boolean {
  return !WELL.includes(status?.State) && !FAILED.includes(status?.State);
}

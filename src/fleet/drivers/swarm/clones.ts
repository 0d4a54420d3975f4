import { isDeepStrictEqual } from 'node:util';
import type { ContainerSpec, ServiceSpec } from 'dockerode';
import type { SwarmService } from './docker-engine';
import { label, LABELS, poolOf, replicasOf, revised } from './swarm-service';

/** What a number stands at the end of: worker-12. */
const NUMBER = /-(\d+)$/;

/** The number in a name such as `worker-2`; 0 if it has none. */
export function numberIn(name: string): number {
  return Number(NUMBER.exec(name)?.[1] ?? 0);
}

/** Whether the driver made it, rather than `docker stack deploy`. */
export function isClone(service: SwarmService): boolean {
  return label(service, LABELS.cloneOf) !== undefined;
}

/**
 * The specification of one more worker that is like `pattern` in all but its name and pool. It counts as the stack's,
 * so that `docker stack rm` removes it too.
 */
export function cloneSpec(pattern: SwarmService, name: string, pool: string): ServiceSpec {
  const { Spec: spec } = pattern;
  const stack = label(pattern, LABELS.stack) ?? '';
  const template = spec.TaskTemplate;
  return {
    ...revised(spec, 1, {
      [LABELS.name]: name,
      [LABELS.pool]: pool,
      [LABELS.cloneOf]: spec.Name ?? pattern.ID,
      [LABELS.replicas]: undefined,
      [LABELS.retired]: undefined,
    }),
    Name: `${stack}_${name}`,
    ...(template && {
      TaskTemplate: {
        ...template,
        ...('ContainerSpec' in template && { ContainerSpec: inPool(template.ContainerSpec, pool) }),
        // Others find it on the network by its own name.
        Networks: template.Networks?.map((network) => ({ ...network, Aliases: [name] })),
        ForceUpdate: 0,
      },
    }),
  };
}

/**
 * What a clone must be given to be like its pattern again, keeping its own replicas and labels; undefined if it
 * is already.
 */
export function realigned(clone: SwarmService, pattern: SwarmService): ServiceSpec | undefined {
  const { Labels, TaskTemplate } = clone.Spec;
  const wanted = cloneSpec(pattern, label(clone, LABELS.name) ?? '', poolOf(clone));
  const next = revised({ ...wanted, Name: clone.Spec.Name }, replicasOf(clone), {
    [LABELS.replicas]: Labels?.[LABELS.replicas],
  });
  // How often it was restarted is each one's own.
  if (next.TaskTemplate) next.TaskTemplate.ForceUpdate = TaskTemplate?.ForceUpdate;
  return isDeepStrictEqual(plain(next), plain(clone.Spec)) ? undefined : next;
}

/** The process learns its pool from its environment. */
function inPool(spec: ContainerSpec | undefined, pool: string): ContainerSpec {
  const others = (spec?.Env ?? []).filter((entry) => !entry.startsWith('WORKER_POOL='));
  return { ...spec, Env: [...others, `WORKER_POOL=${pool}`] };
}

/** As it goes over the wire: without what is undefined. */
function plain(spec: ServiceSpec): unknown {
  return JSON.parse(JSON.stringify(spec));
}

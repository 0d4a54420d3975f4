import { Injectable } from '@nestjs/common';
import { Db, type Tx } from '../../platform/postgres/db';
import { fingerprint } from '../../platform/security/canonical-json';
import type { AgentGraph } from './agent-registry';

/** An agent of a saved graph: all that a job of that version was made with. */
export interface SavedAgent {
  agent: string;
  type: string;
  /** Of the code. */
  type_version: string;
  needs: readonly string[];
  enabled: boolean;
  timeout_s: number;
  max_attempts: number;
  settings: Record<string, unknown>;
}

const FIND = 'SELECT version FROM graph_versions WHERE fingerprint = $1';

/** The versions of the graph that there have been. Equal graphs are one version, whatever made them. */
@Injectable()
export class GraphVersions {
  private readonly known = new WeakMap<AgentGraph, number>();

  constructor(private readonly db: Db) {}

  /** The version of this graph, saved within the transaction if it is a new one. */
  async of(graph: AgentGraph, tx: Tx = this.db): Promise<number> {
    const found = await this.find(graph, tx);
    if (found !== undefined) return found;
    const agents = savedAgents(graph);
    const print = fingerprint(agents);
    // Not remembered here: the transaction may come to nothing.
    await tx.query('SELECT pg_advisory_xact_lock(hashtext($1))', ['graph_versions']);
    const [made] = await tx.query<{ version: number }>(
      `INSERT INTO graph_versions (version, fingerprint, agents)
       SELECT coalesce(max(version), 0) + 1, $1, $2 FROM graph_versions
       ON CONFLICT (fingerprint) DO NOTHING RETURNING version`,
      [print, JSON.stringify(agents)],
    );
    // Another process may have saved it meanwhile.
    const version = made?.version ?? (await this.find(graph, tx));
    if (version === undefined) throw new Error('The version of the graph could not be saved');
    return version;
  }

  /** The version of this graph, if it was saved. */
  async find(graph: AgentGraph, tx: Tx = this.db): Promise<number | undefined> {
    const known = this.known.get(graph);
    if (known !== undefined) return known;
    const [row] = await tx.query<{ version: number }>(FIND, [fingerprint(savedAgents(graph))]);
    if (row) this.known.set(graph, row.version);
    return row?.version;
  }
}

/** The graph as it is saved: what is gone is not a part of it. */
export function savedAgents(graph: AgentGraph): SavedAgent[] {
  return graph.nodes.map(({ id, type, needs, enabled, timeoutS, maxAttempts }) => ({
    agent: id,
    type: type.id,
    type_version: type.version,
    needs,
    enabled,
    timeout_s: timeoutS,
    max_attempts: maxAttempts,
    settings: { ...type.defaults, ...graph.settings.agents[id] },
  }));
}

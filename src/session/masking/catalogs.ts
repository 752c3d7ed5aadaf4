/**
 * The catalogs of the servers as this worker knows them: one per hostgroup and reading account, from every server of the
 * hostgroup, read when needed, kept for sluice-masking_catalog_interval and made old by DDL. Unknown is unknown: who
 * asks has to wait or refuse.
 */
import { isDeepStrictEqual } from 'node:util';
import type { BackendUser, Connect } from '../../hostgroup/connector.ts';
import type { HostgroupManager } from '../../hostgroup/hostgroup-manager.ts';
import { catalogOf } from '../../masking/catalog.ts';
import { Judge } from '../../masking/judge.ts';
import type { Logger } from '../../observe/logger.ts';
import type { Clock } from '../../util/clock.ts';
import type { WorkerRuntime } from '../context.ts';
import { loadCatalog, type ServerCatalog } from './load-catalog.ts';
import type { MaskingRuntime } from './masking-runtime.ts';

/** One kind of server within a hostgroup; usually there is one. */
export interface JudgeOfServer {
  readonly judge: Judge;
  /** Of a fresh connection. */
  readonly sqlMode: string;
}

export interface Judges {
  /** Another number whenever a verdict may be another. */
  readonly generation: number;
  /** Another text whenever what masking makes of an answer may be another. */
  readonly key: string;
  /** More than one: the servers of the hostgroup differ, and what they agree upon counts. */
  readonly list: readonly JudgeOfServer[];
}

interface Entry {
  catalogs: readonly ServerCatalog[];
  loadedAtMs: number;
  loading: Promise<void> | undefined;
  judges: Judges | undefined;
  /** The generation of the masking the judges are for. */
  maskingGeneration: number;
}

export interface CatalogsOptions {
  readonly hostgroups: HostgroupManager;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connect: Connect;
}

/** Of a catalog that was never read, or is no longer true. */
const NEVER = Number.NEGATIVE_INFINITY;

let generations = 0;

export class Catalogs {
  readonly #options: CatalogsOptions;
  /** By hostgroup and by the user who reads. */
  readonly #entries = new Map<number, Map<string, Entry>>();

  constructor(options: CatalogsOptions) {
    this.#options = options;
  }

  /** The judges for a hostgroup, when its catalog is known and new enough; else undefined: ask `load`. */
  current(runtime: WorkerRuntime, hostgroup: number, user: BackendUser): Judges | undefined {
    const entry = this.#entries.get(hostgroup)?.get(readerOf(runtime.masking, user).username);
    if (entry === undefined || entry.catalogs.length === 0 || entry.loadedAtMs === NEVER) return undefined;
    const age = this.#options.clock.nowMs() - entry.loadedAtMs;
    const interval = runtime.sluice.maskingCatalogInterval;
    if (age > 2 * interval) return undefined;
    // A little old: it is read anew while it still serves.
    if (age > interval) void this.#loading(runtime, hostgroup, user).catch(() => undefined);
    return judgesOf(entry, runtime.masking);
  }

  /** Reads the catalog of a hostgroup, together with all others who ask for it. Rejects when no server tells. */
  async load(runtime: WorkerRuntime, hostgroup: number, user: BackendUser): Promise<Judges> {
    await this.#loading(runtime, hostgroup, user);
    const entry = this.#entries.get(hostgroup)?.get(readerOf(runtime.masking, user).username);
    if (entry === undefined || entry.catalogs.length === 0) throw new Error('the catalog could not be read');
    return judgesOf(entry, runtime.masking);
  }

  /** DDL went to a server: what is known of catalogs is old. */
  outdated(): void {
    for (const byReader of this.#entries.values()) {
      for (const entry of byReader.values()) {
        entry.loadedAtMs = NEVER;
        entry.loading = undefined;
      }
    }
  }

  #loading(runtime: WorkerRuntime, hostgroup: number, user: BackendUser): Promise<void> {
    const reader = readerOf(runtime.masking, user);
    let byReader = this.#entries.get(hostgroup);
    if (byReader === undefined) {
      byReader = new Map();
      this.#entries.set(hostgroup, byReader);
    }
    let entry = byReader.get(reader.username);
    if (entry === undefined) {
      entry = { catalogs: [], loadedAtMs: NEVER, loading: undefined, judges: undefined, maskingGeneration: 0 };
      byReader.set(reader.username, entry);
    }
    if (entry.loading !== undefined) return entry.loading;
    const at = entry;
    const loading = this.#read(runtime, hostgroup, reader).then(
      (catalogs) => {
        // DDL came while it was read: it tells of before.
        if (at.loading !== loading) return this.#loading(runtime, hostgroup, user);
        at.loading = undefined;
        at.loadedAtMs = this.#options.clock.nowMs();
        if (isDeepStrictEqual(catalogs, at.catalogs)) return undefined;
        at.catalogs = catalogs;
        at.judges = undefined;
        return undefined;
      },
      (error: unknown) => {
        if (at.loading === loading) at.loading = undefined;
        throw error;
      },
    );
    entry.loading = loading;
    return loading;
  }

  async #read(runtime: WorkerRuntime, hostgroup: number, reader: BackendUser): Promise<readonly ServerCatalog[]> {
    const { hostgroups, connect, logger } = this.#options;
    const servers = hostgroups.serversOf(hostgroup);
    if (servers.length === 0) throw new Error('no server');
    const read = servers.map((server) =>
      loadCatalog(server, reader, connect, runtime.variables).catch((err: unknown) => {
        const { hostname, port } = server;
        logger.warn({ err, server: `${hostname}:${port}`, user: reader.username }, 'catalog for masking not read');
        return undefined;
      }),
    );
    const catalogs: ServerCatalog[] = [];
    for (const catalog of await Promise.all(read)) {
      if (catalog !== undefined && !catalogs.some((known) => isDeepStrictEqual(known, catalog))) catalogs.push(catalog);
    }
    if (catalogs.length === 0) throw new Error('the catalog could not be read from any server');
    return catalogs;
  }
}

function judgesOf(entry: Entry, masking: MaskingRuntime): Judges {
  if (entry.judges !== undefined && entry.maskingGeneration === masking.generation) return entry.judges;
  generations += 1;
  entry.maskingGeneration = masking.generation;
  entry.judges = {
    generation: generations,
    key: `${masking.generation}.${generations}`,
    list: entry.catalogs.map(({ facts, kind, sqlMode }) => ({
      judge: new Judge(masking.policy, catalogOf(facts), kind),
      sqlMode,
    })),
  };
  return entry.judges;
}

/** The account the catalog is read with: one for all when it is configured, else the session's own. */
function readerOf(masking: MaskingRuntime, user: BackendUser): BackendUser {
  const { catalogUser } = masking;
  if (catalogUser === undefined) return user;
  return { username: catalogUser.username, secret: { clear: catalogUser.password } };
}

/**
 * runtime_checksums_values: one row a module, counted up with every LOAD … TO RUNTIME. A checksum is worked out when
 * somebody asks for it, from what the LOAD had read: a LOAD of a hundred thousand users does not wait for it.
 */
import { SpookyHash } from '../../src/sql/spooky-hash.ts';
import { longText, uint64 } from './raw-checksum.ts';

/** In the order in which the global checksum takes them. */
export const CHECKSUM_NAMES = [
  'admin_variables',
  'mysql_query_rules',
  'mysql_servers',
  'mysql_servers_v2',
  'mysql_users',
  'mysql_variables',
  'proxysql_servers',
] as const;
/** Modules of ours: no peer knows them, and the global checksum is without them. */
const OWN_NAMES = ['mysql_masking'] as const;
export type ChecksumName = (typeof CHECKSUM_NAMES)[number] | (typeof OWN_NAMES)[number];

/** Works a checksum out, piece by piece. */
export type Compute = () => Promise<bigint>;

export interface ChecksumRow {
  readonly name: ChecksumName;
  readonly version: number;
  /** Unix seconds of the last LOAD. */
  readonly epoch: number;
  readonly checksum: string;
}

interface Entry {
  readonly version: number;
  readonly epoch: number;
  readonly checksum: Promise<bigint> | undefined;
  readonly compute: Compute;
}

const NEVER_LOADED: Entry = { version: 0, epoch: 0, checksum: Promise.resolve(0n), compute: () => Promise.resolve(0n) };

export class RuntimeChecksums {
  readonly #entries = new Map<ChecksumName, Entry>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  /** A module was loaded, whether anything changed or not. */
  loaded(name: ChecksumName, compute: Compute): void {
    const version = (this.#entries.get(name)?.version ?? 0) + 1;
    this.#entries.set(name, { version, epoch: Math.floor(this.#nowMs() / 1000), checksum: undefined, compute });
  }

  /** How often the module was loaded. */
  versionOf(name: ChecksumName): number {
    return this.#entries.get(name)?.version ?? 0;
  }

  /** ProxySQL's rows, always; then those of our own modules that hold anything. */
  async rows(): Promise<readonly ChecksumRow[]> {
    const own = await this.#rowsOf(OWN_NAMES);
    return [...(await this.#rowsOf(CHECKSUM_NAMES)), ...own.filter(({ checksum }) => checksum !== longText(0n))];
  }

  #rowsOf(names: readonly ChecksumName[]): Promise<readonly ChecksumRow[]> {
    return Promise.all(names.map((name) => this.#row(name)));
  }

  /** What peers look at first: one number for all modules and their versions. Source: generate_global_checksum. */
  async global(): Promise<bigint> {
    const hash = new SpookyHash(9n, 5n);
    for (const { version, checksum } of await this.#rowsOf(CHECKSUM_NAMES)) {
      if (version === 0) continue;
      hash.update(Buffer.from(checksum));
      hash.update(uint64(BigInt(version)));
    }
    // Halved, so that it fits a signed number.
    return hash.final()[0] / 2n;
  }

  async #row(name: ChecksumName): Promise<ChecksumRow> {
    const entry = this.#entries.get(name) ?? NEVER_LOADED;
    const checksum = entry.checksum ?? entry.compute();
    // What the computation held on to is let go; a later LOAD may have put another entry in place.
    if (this.#entries.get(name) === entry)
      this.#entries.set(name, { ...entry, checksum, compute: NEVER_LOADED.compute });
    return { name, version: entry.version, epoch: entry.epoch, checksum: longText(await checksum) };
  }
}

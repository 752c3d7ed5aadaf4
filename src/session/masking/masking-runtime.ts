/**
 * Masking as a worker uses it: the configured columns compiled, their masks parsed, and what holds for a user. Built once
 * per LOAD; sessions look a user up once per command. It judges and masks nothing.
 */
import type { MaskingColumnEntry, MaskingPolicy, MaskingUserEntry } from '../../../runtime/masking.ts';
import type { SluiceVariables } from '../../../runtime/variables.ts';
import type { BackendUser } from '../../hostgroup/connector.ts';
import { type CompiledPolicy, compilePolicy } from '../../masking/policy.ts';
import type { HidesIndexes } from '../../masking/row-order.ts';
import { type MaskSpec, parseMask } from '../../masks/mask-spec.ts';
import type { MaskSecrets } from '../../masks/mask-text.ts';

/** What holds for a user who is not exempt. */
export interface MaskingView {
  readonly masking: MaskingRuntime;
  readonly policy: Exclude<MaskingPolicy, 'exempt'>;
  readonly dryRun: boolean;
}

export interface MaskingSettings {
  readonly columns: readonly MaskingColumnEntry[];
  readonly users: readonly MaskingUserEntry[];
  readonly sluice: SluiceVariables;
}

let builds = 0;

export class MaskingRuntime {
  /** Another number after every change of what is configured. */
  readonly generation = ++builds;
  readonly policy: CompiledPolicy;
  /** By the index of the row in `policy.columns`. */
  readonly masks: readonly MaskSpec[];
  /** How statistics and logs name the rows: `clinic.patients.phone`. */
  readonly names: readonly string[];
  readonly secrets: MaskSecrets;
  readonly hidesIndexes: HidesIndexes;
  /** Who reads catalogs for all; undefined: each session's own account. */
  readonly catalogReader: BackendUser | undefined;
  readonly #byUser: ReadonlyMap<string, MaskingView | undefined>;
  readonly #others: MaskingView | undefined;

  constructor({ columns, users, sluice }: MaskingSettings) {
    this.policy = compilePolicy(columns);
    this.masks = columns.map(({ mask, maskArgs }) => parseMask(mask, maskArgs).spec);
    this.names = columns.map(({ schema, table, column }) => `${schema}.${table}.${column}`);
    this.secrets = { hashKey: sluice.maskingHashKey };
    this.hidesIndexes = sluice.maskingHideIndexes as HidesIndexes;
    const { maskingCatalogUsername: username, maskingCatalogPassword: password } = sluice;
    this.catalogReader = username === '' ? undefined : { username, secret: { clear: password } };
    // Without a protected column there is nothing to protect from anybody.
    const view = (policy: MaskingPolicy, dryRun: boolean): MaskingView | undefined =>
      policy === 'exempt' || columns.length === 0 ? undefined : { masking: this, policy, dryRun };
    const everybody = users.find(({ username }) => username === '%');
    this.#others =
      everybody === undefined
        ? view(sluice.maskingDefaultPolicy as MaskingPolicy, false)
        : view(everybody.policy, everybody.dryRun);
    this.#byUser = new Map(users.map(({ username, policy, dryRun }) => [username, view(policy, dryRun)]));
  }

  /** Undefined: the user is exempt. */
  of(username: string): MaskingView | undefined {
    return this.#byUser.has(username) ? this.#byUser.get(username) : this.#others;
  }
}

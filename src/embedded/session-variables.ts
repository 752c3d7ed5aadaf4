/**
 * The variables of one session of an embedded server: defaults, what SET changed, and user variables. It does not parse
 * SET.
 */

export type Scalar = string | number | bigint | Buffer | null;

export interface ServerIdentity {
  readonly name: string;
  readonly serverVersion: string;
  readonly port: number;
  readonly readOnly: boolean;
}

/** Values drivers and tools ask for when they connect; numbers are shown as numbers. */
function defaults(identity: ServerIdentity): Record<string, Scalar> {
  return {
    auto_increment_increment: 1,
    auto_increment_offset: 1,
    autocommit: 1,
    character_set_client: 'utf8mb4',
    character_set_connection: 'utf8mb4',
    character_set_database: 'utf8mb4',
    character_set_results: 'utf8mb4',
    character_set_server: 'utf8mb4',
    collation_connection: 'utf8mb4_general_ci',
    collation_database: 'utf8mb4_general_ci',
    collation_server: 'utf8mb4_general_ci',
    hostname: identity.name,
    init_connect: '',
    interactive_timeout: 28_800,
    lower_case_table_names: 0,
    max_allowed_packet: 67_108_864,
    net_write_timeout: 60,
    performance_schema: 0,
    port: identity.port,
    read_only: identity.readOnly ? 1 : 0,
    server_id: identity.port,
    sql_mode: 'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES',
    sql_select_limit: '18446744073709551615',
    system_time_zone: 'UTC',
    time_zone: 'SYSTEM',
    transaction_isolation: 'REPEATABLE-READ',
    tx_isolation: 'REPEATABLE-READ',
    version: identity.serverVersion,
    version_comment: 'sluice embedded server (SQLite)',
    wait_timeout: 28_800,
  };
}

export class SessionVariables {
  readonly #identity: ServerIdentity;
  #system: Map<string, Scalar>;
  #user = new Map<string, Scalar>();

  constructor(identity: ServerIdentity) {
    this.#identity = identity;
    this.#system = new Map(Object.entries(defaults(identity)));
  }

  /** Value by lower-case name; undefined when MySQL would not know it either. */
  get(name: string): Scalar | undefined {
    return this.#system.get(name);
  }

  /** `undefined` goes back to the default. */
  set(name: string, value: Scalar | undefined): void {
    const initial = defaults(this.#identity)[name];
    const next = value ?? initial;
    if (next === undefined) this.#system.delete(name);
    else this.#system.set(name, normalise(next, initial));
  }

  getUser(name: string): Scalar {
    return this.#user.get(name) ?? null;
  }

  setUser(name: string, value: Scalar): void {
    this.#user.set(name, value);
  }

  /** COM_RESET_CONNECTION. */
  reset(): void {
    this.#system = new Map(Object.entries(defaults(this.#identity)));
    this.#user = new Map();
  }

  entries(): [name: string, value: Scalar][] {
    return [...this.#system].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  hasSqlMode(flag: string): boolean {
    const modes = String(this.#system.get('sql_mode')).toUpperCase().split(',');
    return modes.includes(flag) || (flag === 'ANSI_QUOTES' && modes.includes('ANSI'));
  }

  get autocommit(): boolean {
    return Number(this.#system.get('autocommit')) !== 0;
  }
}

const SWITCH: Readonly<Record<string, number>> = { on: 1, true: 1, off: 0, false: 0 };

/** ON and OFF of a variable that is a number are numbers. */
function normalise(value: Scalar, initial: Scalar | undefined): Scalar {
  if (typeof initial !== 'number' || typeof value !== 'string') return value;
  return SWITCH[value.toLowerCase()] ?? value;
}

/**
 * What a rule's `attributes` say: weighted flagOUTs, as in ProxySQL, and what sluice adds. It reads the JSON once, when
 * rules are compiled; match.ts acts on it.
 */

export interface FlagOut {
  readonly id: number;
  readonly weight: number;
}

export interface RuleAttributes {
  readonly flagOuts: { readonly total: number; readonly choices: readonly FlagOut[] } | undefined;
  /** The rule counts and logs its hits and does nothing else. */
  readonly dryRun: boolean;
  /** false: statements it matches share no connection with others while they run. Undefined says nothing of it. */
  readonly pipelining: boolean | undefined;
}

const NONE: RuleAttributes = { flagOuts: undefined, dryRun: false, pipelining: undefined };

/** Reads the column; `report` is told what cannot be done as it is written. */
export function readAttributes(text: string, report: (reason: string) => void): RuleAttributes {
  if (text === '') return NONE;
  const attributes = parseObject(text);
  if (attributes === undefined) {
    report('ignored: flagOUTs must be a list of {"id": n, "weight": n}');
    return NONE;
  }
  return {
    flagOuts: readFlagOuts(attributes, report),
    dryRun: readDryRun(attributes, report),
    pipelining: readPipelining(attributes, report),
  };
}

/** Other JSON than an object says nothing; undefined for what is no JSON. */
function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return undefined;
  }
}

function readFlagOuts(
  { flagOUTs }: Readonly<Record<string, unknown>>,
  report: (reason: string) => void,
): RuleAttributes['flagOuts'] {
  if (flagOUTs === undefined) return undefined;
  if (!Array.isArray(flagOUTs) || !flagOUTs.every(isFlagOut)) {
    report('ignored: flagOUTs must be a list of {"id": n, "weight": n}');
    return undefined;
  }
  const total = flagOUTs.reduce((sum, choice) => sum + choice.weight, 0);
  return total > 0 ? { total, choices: flagOUTs } : undefined;
}

function isFlagOut(value: unknown): value is FlagOut {
  if (typeof value !== 'object' || value === null || !('id' in value) || !('weight' in value)) return false;
  return [value.id, value.weight].every((n) => typeof n === 'number' && Number.isInteger(n) && n >= 0);
}

/** Who wrote it wrong meant to try the rule out: it must not act. */
function readDryRun({ dry_run: value }: Readonly<Record<string, unknown>>, report: (reason: string) => void): boolean {
  if (value === undefined || value === false) return false;
  if (value !== true) report('dry_run must be true or false; the rule does nothing, as with true');
  return true;
}

/** Written wrong it switches off: who names it at all is careful. */
function readPipelining(
  { pipelining: value }: Readonly<Record<string, unknown>>,
  report: (reason: string) => void,
): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  report('pipelining must be true or false; it is off, as with false');
  return false;
}

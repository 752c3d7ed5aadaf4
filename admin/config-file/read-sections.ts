/**
 * The tree of a config file to rows and variables, with everything that is wrong or odd about them and where it stands.
 * It writes to no database and does not look for files.
 */
import type { TableRow } from '../../runtime/build-snapshot.ts';
import type { VariablePrefix } from '../variables/spec.ts';
import {
  type Field,
  type IntField,
  SECTIONS,
  type Section,
  SQL_ONLY,
  type TextField,
  TOP_LEVEL,
  VARIABLE_GROUPS,
} from './sections.ts';
import { suggestion } from './suggest.ts';
import type { ConfigProblem, ConfigValue, Group, Position, Setting } from './syntax.ts';

/** A row of a section. */
export interface FileRow {
  readonly row: TableRow;
  readonly at: Position;
  /** Where the field of a column stands; columns left to their defaults are absent. */
  readonly fields: ReadonlyMap<string, Position>;
}

export interface FileVariable {
  /** With its prefix. */
  readonly name: string;
  readonly value: string;
  readonly at: Position;
  readonly valueAt: Position;
}

export interface ReadResult<Item> {
  readonly items: readonly Item[];
  readonly problems: readonly ConfigProblem[];
}

type Report = (at: Position, message: string, severity: ConfigProblem['severity']) => void;

function collector(): { readonly problems: ConfigProblem[]; readonly report: Report } {
  const problems: ConfigProblem[] = [];
  return { problems, report: (at, message, severity) => problems.push({ ...at, message, severity }) };
}

function findSetting(root: Group, name: string): Setting | undefined {
  return root.settings.find((setting) => setting.name === name);
}

/** The rows of one section; rows without a mandatory field are skipped and reported. */
export function readSection(root: Group, section: Section): ReadResult<FileRow> {
  const { problems, report } = collector();
  const items: FileRow[] = [];
  const setting = findSetting(root, section.name);
  if (setting === undefined) return { items, problems };
  if (setting.value.kind !== 'list') {
    report(setting.value.at, `${section.name} must be a list: ( { … }, { … } )`, 'error');
    return { items, problems };
  }
  const firstOf = new Map<string, Position>();
  for (const item of setting.value.items) {
    if (item.kind !== 'group') {
      report(item.at, `an entry of ${section.name} must be a group: { … }`, 'error');
      continue;
    }
    const fileRow = readRow(item, section, report);
    if (fileRow === undefined) continue;
    const key = JSON.stringify(section.key.map((column) => fileRow.row[column]));
    const first = firstOf.get(key);
    if (first === undefined) firstOf.set(key, fileRow.at);
    else report(fileRow.at, `same ${section.key.join(', ')} as in line ${first.line}; the later entry wins`, 'warning');
    items.push(fileRow);
  }
  return { items, problems };
}

function readRow(group: Group, section: Section, report: Report): FileRow | undefined {
  const row: Record<string, string | number | null> = {};
  const positions = new Map<string, Position>();
  let usable = true;
  for (const field of section.fields) {
    const setting = settingOf(group, field);
    if (setting === undefined) {
      row[field.column] = field.default;
      if (field.mandatory !== true) continue;
      report(group.at, `an entry of ${section.name} needs ${names(field).join(' or ')}; it is skipped`, 'error');
      usable = false;
      continue;
    }
    positions.set(field.column, setting.value.at);
    const value = readField(setting, field, report);
    if (value === undefined) usable = false;
    else row[field.column] = value;
  }
  reportUnknown(group, section, report);
  return usable ? { row, at: group.at, fields: positions } : undefined;
}

function names(field: Field): readonly string[] {
  return [field.column, ...(field.aliases ?? [])];
}

/** The alias comes first, as in ProxySQL: `address` wins over `hostname`. */
function settingOf(group: Group, field: Field): Setting | undefined {
  for (const name of [...(field.aliases ?? []), field.column]) {
    const setting = findSetting(group, name);
    if (setting !== undefined) return setting;
  }
  return undefined;
}

function reportUnknown(group: Group, section: Section, report: Report): void {
  const known = new Set(section.fields.flatMap((field) => names(field)));
  for (const setting of group.settings) {
    if (known.has(setting.name)) continue;
    if (section.notRead?.includes(setting.name)) {
      if (setting.value.kind === 'int' && setting.value.value === 1n) continue;
      report(setting.at, `${setting.name} cannot be set in a config file; it is 1`, 'warning');
    } else {
      report(setting.at, `${section.name} has no field ${setting.name}${suggestion(setting.name, known)}`, 'warning');
    }
  }
}

/** The value for the column; undefined when the row cannot be used. */
function readField(setting: Setting, field: Field, report: Report): string | number | null | undefined {
  return field.type === 'int' ? readInt(setting, field, report) : readText(setting, field, report);
}

/** ProxySQL leaves a value of the wrong type aside without a word; here it counts when its meaning is clear. */
function readInt({ name, value }: Setting, field: IntField, report: Report): number | null | undefined {
  const number = intOf(value);
  if (number === undefined) {
    report(
      value.at,
      `${name} must be a whole number; ${field.mandatory ? 'the entry is skipped' : 'the default is used'}`,
      'error',
    );
    return field.mandatory ? undefined : field.default;
  }
  if (value.kind !== 'int') report(value.at, `${name} should be a whole number; read as ${number}`, 'warning');
  if (number === -1 && field.default === null) return null;
  if (number < (field.min ?? number) || number > (field.max ?? number)) {
    report(value.at, `${name} must be within ${field.min}..${field.max}; the entry is skipped`, 'error');
    return undefined;
  }
  return number;
}

function intOf(value: ConfigValue): number | undefined {
  if (value.kind === 'int') return Number(value.value);
  if (value.kind === 'bool') return value.value ? 1 : 0;
  if (value.kind === 'string' && /^[-+]?\d+$/.test(value.value)) return Number(value.value);
  return undefined;
}

function readText({ name, value }: Setting, field: TextField, report: Report): string | null | undefined {
  const text = textOf(value);
  if (text === undefined) {
    report(
      value.at,
      `${name} must be a string; ${field.mandatory ? 'the entry is skipped' : 'the default is used'}`,
      'error',
    );
    return field.mandatory ? undefined : field.default;
  }
  if (value.kind !== 'string') report(value.at, `${name} should be a string in quotes`, 'warning');
  if (field.words !== undefined && !field.words.some((word) => word.toLowerCase() === text.toLowerCase())) {
    const hint = suggestion(text, field.words);
    report(value.at, `${name} must be one of ${field.words.join(', ')}; ${field.default} is used${hint}`, 'error');
    return field.default;
  }
  if (field.json === true && text !== '' && !isJson(text)) {
    report(value.at, `${name} must be JSON or empty; the entry is skipped`, 'error');
    return undefined;
  }
  if (field.mandatory === true && text === '') report(value.at, `${name} is empty`, 'warning');
  return text;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A scalar as text, as variables are kept; undefined for groups, lists and arrays. */
function textOf(value: ConfigValue): string | undefined {
  if (value.kind === 'group' || value.kind === 'list' || value.kind === 'array') return undefined;
  return String(value.value);
}

/** The settings of the group of one family, such as mysql_variables. Their values are not judged here. */
export function readVariableGroup(root: Group, prefix: VariablePrefix): ReadResult<FileVariable> {
  const { problems, report } = collector();
  const items: FileVariable[] = [];
  const name = Object.entries(VARIABLE_GROUPS).find(([, candidate]) => candidate === prefix)?.[0] ?? '';
  const setting = findSetting(root, name);
  if (setting === undefined) return { items, problems };
  if (setting.value.kind !== 'group') {
    report(setting.value.at, `${name} must be a group: { … }`, 'error');
    return { items, problems };
  }
  for (const variable of setting.value.settings) {
    const value = textOf(variable.value);
    if (value === undefined) report(variable.value.at, `${variable.name} must be a single value`, 'error');
    else items.push({ name: prefix + variable.name, value, at: variable.at, valueAt: variable.value.at });
  }
  return { items, problems };
}

/** What stands on the top level and should not, or is of the wrong type. */
export function checkTopLevel(root: Group): readonly ConfigProblem[] {
  const { problems, report } = collector();
  const known = [...Object.keys(TOP_LEVEL), ...Object.keys(VARIABLE_GROUPS), ...SECTIONS.map(({ name }) => name)];
  for (const { name, value, at } of root.settings) {
    const type = TOP_LEVEL[name];
    if (type !== undefined) {
      if (value.kind !== type) report(value.at, `${name} must be ${type === 'string' ? 'a string' : type}`, 'error');
    } else if (SQL_ONLY.includes(name))
      report(at, `${name} cannot be set in a config file and is ignored; use SQL`, 'warning');
    else if (!known.includes(name))
      report(at, `unknown section ${name} is ignored${suggestion(name, known)}`, 'warning');
  }
  return problems;
}

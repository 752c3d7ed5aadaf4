/**
 * Everything that is wrong with a config file, with line and column, without starting anything: `sluice check FILE`.
 * It goes on after the first problem and changes nothing.
 */
import { buildQueryRules, buildReplicationHostgroups, cellToInt, cellToText } from '../../runtime/build-snapshot.ts';
import type { Problem } from '../../runtime/problem.ts';
import { splitInterfaces } from '../../runtime/variables.ts';
import { parseMask } from '../../src/masks/mask-spec.ts';
import type { CheckRules } from '../modules/module.ts';
import { normalise } from '../variables/normalise.ts';
import { findVariable, type VariablePrefix, variablesOf } from '../variables/spec.ts';
import { parseConfigFile, sortProblems } from './config-file.ts';
import { checkTopLevel, type FileRow, type FileVariable, readSection, readVariableGroup } from './read-sections.ts';
import {
  MYSQL_MASKING_COLUMNS,
  MYSQL_QUERY_RULES,
  MYSQL_REPLICATION_HOSTGROUPS,
  MYSQL_SERVERS,
  MYSQL_USERS,
  SECTIONS,
} from './sections.ts';
import { suggestion } from './suggest.ts';
import type { ConfigProblem, Group, Position } from './syntax.ts';

/** All problems, by file, line and column. A file that cannot be read is one problem. Never throws. */
export function checkConfigFile(path: string, checkRules: CheckRules): readonly ConfigProblem[] {
  const { root, problems } = parseConfigFile(path);
  return sortProblems([...problems, ...checkTree(root, checkRules)]);
}

function checkTree(root: Group, checkRules: CheckRules): readonly ConfigProblem[] {
  const admin = readVariableGroup(root, 'admin-');
  const mysql = readVariableGroup(root, 'mysql-');
  const sluice = readVariableGroup(root, 'sluice-');
  const sections = new Map(SECTIONS.map((section) => [section.name, readSection(root, section)]));
  const rows = (name: string): readonly FileRow[] => sections.get(name)?.items ?? [];
  return [
    ...checkTopLevel(root),
    ...admin.problems,
    ...mysql.problems,
    ...sluice.problems,
    ...checkVariables(admin.items, 'admin-'),
    ...checkVariables(mysql.items, 'mysql-'),
    ...checkVariables(sluice.items, 'sluice-'),
    ...[...sections.values()].flatMap(({ problems }) => problems),
    ...checkUsers(rows(MYSQL_USERS.name)),
    ...checkServers(rows(MYSQL_SERVERS.name)),
    ...checkRows(rows(MYSQL_REPLICATION_HOSTGROUPS.name), 'writer_hostgroup', (cells) => [
      ...buildReplicationHostgroups(cells).problems,
    ]),
    ...checkQueryRules(rows(MYSQL_QUERY_RULES.name), mysql.items, checkRules),
    ...checkMasks(rows(MYSQL_MASKING_COLUMNS.name)),
  ];
}

function checkVariables(variables: readonly FileVariable[], prefix: VariablePrefix): readonly ConfigProblem[] {
  const known = variablesOf(prefix).map(({ shortName }) => shortName);
  const problems: ConfigProblem[] = [];
  for (const { name, value, at, valueAt } of variables) {
    const shortName = name.slice(prefix.length);
    const variable = findVariable(name);
    if (variable === undefined) {
      const message = `there is no variable ${shortName}${suggestion(shortName, known)}`;
      problems.push({ ...at, message, severity: 'error' });
      continue;
    }
    const judged = normalise(variable.spec, value, true);
    if ('problem' in judged)
      problems.push({ ...valueAt, message: `${shortName} ${judged.problem}`, severity: 'error' });
    else if (judged.note !== undefined) {
      problems.push({ ...valueAt, message: `${shortName} ${judged.note}`, severity: 'warning' });
    } else if (variable.spec.readOnly === true) {
      problems.push({ ...valueAt, message: `${shortName} cannot be changed and is ignored`, severity: 'warning' });
    }
    if (shortName === 'interfaces' || shortName === 'mysql_ifaces')
      problems.push(...checkInterfaces(shortName, value, valueAt));
    if (shortName.endsWith('_credentials')) problems.push(...checkCredentials(shortName, value, valueAt));
  }
  return problems;
}

/** `host:port`, `[v6]:port`, or the path of a socket. */
function checkInterfaces(name: string, value: string, at: Position): readonly ConfigProblem[] {
  return splitInterfaces(value)
    .filter((address) => {
      if (address.startsWith('/')) return false;
      const port = /^(?:\[[0-9a-fA-F:.]+\]|[^:[\]]+):(\d{1,5})$/.exec(address)?.[1];
      return port === undefined || Number(port) > 65_535;
    })
    .map((address) => ({
      ...at,
      message: `${name}: ${JSON.stringify(address)} is neither host:port nor the path of a socket`,
      severity: 'error' as const,
    }));
}

/** The values are secrets: only how many there are is said. */
function checkCredentials(name: string, value: string, at: Position): readonly ConfigProblem[] {
  const index = value.split(';').findIndex((pair) => pair.trim() !== '' && !/^[^:]+:/.test(pair));
  if (index === -1) return [];
  return [{ ...at, message: `${name}: entry ${index + 1} is not user:password`, severity: 'error' }];
}

function checkUsers(rows: readonly FileRow[]): readonly ConfigProblem[] {
  return rows
    .filter(({ row }) => /^\*(?![0-9a-fA-F]{40}$)/.test(cellToText(row.password)))
    .map((row) => ({
      ...positionOf(row, 'password'),
      message: 'a password that begins with * is a hash of 40 hexadecimal digits; with this one nobody can log in',
      severity: 'warning' as const,
    }));
}

function checkServers(rows: readonly FileRow[]): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const fileRow of rows) {
    const port = cellToInt(fileRow.row.port);
    const report = (column: string, message: string): void => {
      problems.push({ ...positionOf(fileRow, column), message, severity: 'error' });
    };
    if (port === 0 && !cellToText(fileRow.row.hostname).startsWith('/')) {
      report('port', 'port 0 is for Unix sockets, and the hostname is not the path of one');
    }
    if (port !== 0 && cellToInt(fileRow.row.gtid_port) === port) report('gtid_port', 'gtid_port is the same as port');
  }
  return problems;
}

function checkQueryRules(
  rows: readonly FileRow[],
  variables: readonly FileVariable[],
  checkRules: CheckRules,
): readonly ConfigProblem[] {
  const value = (name: string): number => cellToInt(variables.find((variable) => variable.name === name)?.value);
  return [
    ...rows
      .filter(({ row }) => row.replace_pattern !== null && row.match_pattern === null)
      .map((row) => ({
        ...positionOf(row, 'replace_pattern'),
        message: 'replace_pattern needs a match_pattern; the entry is skipped',
        severity: 'error' as const,
      })),
    ...checkRows(rows, 'rule_id', (cells) => {
      const { entries, problems } = buildQueryRules(cells);
      const broken = checkRules(entries, {
        iterations: value('mysql-query_processor_iterations'),
        regexEngine: value('mysql-query_processor_regex') === 2 ? 2 : 1,
      });
      return [
        ...problems,
        ...broken.map(({ ruleId, column, reason }) => ({
          key: String(ruleId),
          column,
          reason,
          severity: 'error' as const,
        })),
      ];
    }),
  ];
}

/** What LOAD MYSQL MASKING TO RUNTIME would warn of. */
function checkMasks(rows: readonly FileRow[]): readonly ConfigProblem[] {
  return rows.flatMap((fileRow) => {
    const { problem } = parseMask(cellToText(fileRow.row.mask), cellToText(fileRow.row.mask_args));
    if (problem === undefined) return [];
    const { column, reason } = problem;
    return [{ ...positionOf(fileRow, column), message: `${column}: ${reason}`, severity: 'warning' as const }];
  });
}

/** Checks rows the way LOAD … TO RUNTIME does and finds the place in the file for each problem. */
function checkRows(
  rows: readonly FileRow[],
  keyColumn: string,
  check: (rows: readonly FileRow['row'][]) => readonly Pick<Problem, 'key' | 'column' | 'reason' | 'severity'>[],
): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const { key, column, reason, severity } of check(rows.map(({ row }) => row))) {
    const fileRow = rows.findLast(({ row }) => cellToText(row[keyColumn]) === key);
    if (fileRow === undefined) continue;
    problems.push({ ...positionOf(fileRow, column), message: `${column}: ${reason}`, severity });
  }
  return problems;
}

function positionOf({ fields, at }: FileRow, column: string): Position {
  return fields.get(column) ?? at;
}

/**
 * SHOW DIFF [module], SHOW RUNTIME HISTORY [module], LOAD module FROM HISTORY version. Pure.
 */
import { MODULE_NAMES, type ModuleName } from '../modules/index.ts';
import type { AdminStatement, Pattern } from './statement.ts';

/** The modules a text names: one, or all when it is empty; undefined when it names none. */
function modulesOf(text: string | undefined): readonly ModuleName[] | undefined {
  if (text === undefined) return MODULE_NAMES;
  const name = MODULE_NAMES.find((candidate) => candidate === text.toUpperCase());
  return name === undefined ? undefined : [name];
}

const UNKNOWN_MODULE: AdminStatement = {
  kind: 'refuse',
  message: `The modules are ${MODULE_NAMES.join(', ')}`,
  code: 1105,
  sqlState: 'HY000',
};

function about(kind: 'show-diff' | 'show-runtime-history'): (match: RegExpExecArray) => AdminStatement {
  return ([, name]) => {
    const modules = modulesOf(name);
    return modules === undefined ? UNKNOWN_MODULE : { kind, modules };
  };
}

export const LOOK_PATTERNS: readonly Pattern[] = [
  { when: /^show diff(?: (.+))?$/i, is: about('show-diff'), adminOnly: true },
  { when: /^show runtime history(?: (.+))?$/i, is: about('show-runtime-history'), adminOnly: true },
  {
    when: /^load (.+) from history (\d{1,9})$/i,
    is: ([, name, version]) => {
      const [module] = modulesOf(name) ?? [];
      return module === undefined ? UNKNOWN_MODULE : { kind: 'load-from-history', module, version: Number(version) };
    },
    adminOnly: true,
  },
];

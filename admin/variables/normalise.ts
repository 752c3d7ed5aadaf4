/**
 * Judges one value of one variable the way ProxySQL does, and says what the runtime makes of it.
 * It looks at one variable at a time; rules between variables are in apply.ts.
 */
import type { IntSpec, TextRule, VariableSpec } from '../../runtime/variable-spec.ts';
import { readRoles } from '../roles/roles.ts';
import { charsetOfCollation, isCharset } from './charsets.ts';

/** `value` is what the runtime uses; `note` says what was made of a value that does not mean what it looks like. */
export type Normalised =
  | { readonly value: string; readonly note?: string }
  | { readonly problem: string /** ProxySQL leaves such a value in memory. */; readonly keepInMemory?: true };

/**
 * Integers are read like C's atoi, so `12abc` is 12 and `abc` is 0; both are accepted with a note when they are in
 * range. Booleans are true, false, 1 or 0 in any case.
 * @param strict sluice-strict; without it, what ProxySQL does not take is not taken
 */
export function normalise(spec: VariableSpec, text: string, strict: boolean): Normalised {
  if (spec.type === 'int') return normaliseInt(spec, text);
  if (spec.type === 'bool') return normaliseBool(text);
  return normaliseText(spec.accepts, spec.default, text, strict);
}

function normaliseInt(spec: IntSpec, text: string): Normalised {
  const digits = /^\s*([+-]?\d+)/.exec(text)?.[1];
  const number = digits === undefined ? 0 : Number(digits);
  if (number < spec.min || number > spec.max) return { problem: `must be within ${spec.min}..${spec.max}` };
  const value = spec.steps?.find((step) => step >= number) ?? number;
  if (/^\s*[+-]?\d+\s*$/.test(text)) return { value: String(value) };
  return { value: String(value), note: `is not a whole number; ${value} is used` };
}

function normaliseBool(text: string): Normalised {
  const word = text.toLowerCase();
  if (word === 'true' || word === '1') return { value: 'true' };
  if (word === 'false' || word === '0') return { value: 'false' };
  return { problem: 'must be true or false' };
}

function normaliseText(rule: TextRule, fallback: string, text: string, strict: boolean): Normalised {
  switch (rule.kind) {
    case 'any':
      return { value: text };
    case 'non-empty':
      return text === '' ? { problem: 'must not be empty' } : { value: text };
    case 'schema':
      return text === '' && !strict ? { problem: 'must not be empty' } : { value: text };
    case 'one-of':
      return rule.values.includes(text) ? { value: text } : { problem: `must be one of ${rule.values.join(', ')}` };
    case 'charset':
      // ProxySQL goes back to the built-in default here, not to the last value.
      if (text === '') return { value: fallback };
      return isCharset(text) ? { value: text } : { problem: 'is not the name of a character set' };
    case 'collation':
      if (text === '') return { value: fallback };
      return charsetOfCollation(text) === undefined ? { problem: 'is not the name of a collation' } : { value: text };
    case 'log-file':
      return text.endsWith('/') ? { problem: 'must name a file, not a directory' } : { value: text };
    case 'networks':
      if (isNetworkList(text)) return { value: text };
      return { problem: 'must be empty, * or a list of networks such as 10.0.0.0/8', keepInMemory: true };
    case 'roles': {
      // Taken all the same: an account in a list that is wrong has fewer rights, not more.
      const { problem } = readRoles(text);
      return problem === undefined ? { value: text } : { value: text, note: `${problem}; it may only read` };
    }
    case 'qualified-table':
      if (text === '' || /^`?[^`.\s]+`?\.`?[^`.\s]+`?$/.test(text)) return { value: text };
      return { problem: 'must be empty or schema.table' };
  }
}

function isNetworkList(text: string): boolean {
  if (text === '' || text === '*') return true;
  return text.split(',').every((part) => {
    const match = /^\s*([0-9a-fA-F.:]+)\/(\d{1,3})\s*$/.exec(part);
    if (match === null) return false;
    const [, address = '', bits = ''] = match;
    return address.includes(':') ? Number(bits) <= 128 : isIpv4(address) && Number(bits) <= 32;
  });
}

function isIpv4(address: string): boolean {
  const parts = address.split('.');
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}

/**
 * What a mask makes of one value that is text: a string in, a string out, or undefined where the mask does not fit the
 * value, which then is masked in full. Pure, and bounded in time for values up to maskedValueBytesMax.
 */
import { createHmac } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { Budget, OutOfBudget } from '../rules/regex/budget.ts';
import { rewrite } from '../rules/rewrite.ts';
import { maskRegexChunkMs } from './mask-limits.ts';
import type { MaskSpec } from './mask-spec.ts';

/** Steps (about 10 ns each) one value may cost the regular expression of a mask; then it is masked in full. */
const REGEX_STEPS_MAX = 20_000;

/** What masks need beyond their arguments. */
export interface MaskSecrets {
  /** sluice-masking_hash_key; '' means there is none, and hashes are not given out. */
  readonly hashKey: string;
}

/** @returns undefined when the value is to be masked in full instead */
export function maskText(spec: MaskSpec, value: string, secrets: MaskSecrets): string | undefined {
  switch (spec.kind) {
    case 'full':
      return spec.char.repeat(spec.length === 'same' ? charsOf(value) : spec.length);
    case 'keep_first':
      return keep(value, spec.n, spec.char, true);
    case 'keep_last':
      return keep(value, spec.n, spec.char, false);
    case 'email':
      return email(value, spec.domain, spec.char);
    case 'phone':
      return phone(value, spec.keep, spec.char);
    case 'digits':
      return value.replace(/\p{Nd}/gu, spec.char);
    case 'year':
    case 'month':
      return coarseDate(value, spec.kind);
    case 'zero':
      return '0';
    case 'bucket':
      return bucket(value, spec.size);
    case 'hash':
      return secrets.hashKey === ''
        ? undefined
        : createHmac('sha256', secrets.hashKey).update(value, 'utf8').digest('hex').slice(0, spec.length);
    case 'regex':
      return regex(value, spec);
    case 'fixed':
      return spec.text;
    case 'null':
      return undefined;
  }
}

function charsOf(value: string): number {
  let chars = 0;
  for (const _ of value) chars += 1;
  return chars;
}

function keep(value: string, n: number, char: string, first: boolean): string {
  const chars = Array.from(value);
  const shown = Math.min(n, Math.floor(chars.length / 2));
  const hidden = char.repeat(chars.length - shown);
  return first ? chars.slice(0, shown).join('') + hidden : hidden + chars.slice(chars.length - shown).join('');
}

function email(value: string, domain: boolean, char: string): string | undefined {
  const at = value.lastIndexOf('@');
  if (at < 1 || at === value.length - 1) return undefined;
  const [initial = ''] = value;
  // A name of one character is shown to nobody.
  const shown = at > 1 ? initial : char;
  return `${shown}${char.repeat(3)}${domain ? value.slice(at) : ''}`;
}

function phone(value: string, keepDigits: number, char: string): string | undefined {
  const digits = value.match(/\p{Nd}/gu)?.length ?? 0;
  // Letters are none of a phone number's business: what has them is something else.
  if (digits === 0 || /\p{L}/u.test(value)) return undefined;
  let hide = digits - Math.min(keepDigits, Math.floor(digits / 2));
  return value.replace(/\p{Nd}/gu, (digit) => (hide-- > 0 ? char : digit));
}

/** `2024-05-17 10:11:12.5` → `2024-01-01 00:00:00.0`. */
export function coarseDate(value: string, to: 'year' | 'month'): string | undefined {
  const match = /^(\d{4})-(\d\d)-\d\d(?:([ T])\d\d:\d\d:\d\d(?:(\.)(\d{1,6}))?)?$/.exec(value);
  if (match === null) return to === 'year' && /^\d{4}$/.test(value) ? value : undefined;
  const [, year = '', month = '', space, point, fraction = ''] = match;
  if (year === '0000') return undefined;
  const date = `${year}-${to === 'month' && month !== '00' ? month : '01'}-01`;
  if (space === undefined) return date;
  return `${date}${space}00:00:00${point === undefined ? '' : `.${'0'.repeat(fraction.length)}`}`;
}

/** Whole numbers exactly; others by their floor, which is what buckets are about. */
export function bucket(value: string, size: number): string | undefined {
  const match = /^([+-]?\d{1,65})(\.\d+)?(?:e([+-]?\d{1,3}))?$/i.exec(value.trim());
  if (match === null) return undefined;
  const [, whole = '0', fraction = '', exponent] = match;
  if (exponent !== undefined) {
    const number = Math.floor(Number(value) / size) * size;
    return Number.isFinite(number) ? String(number) : undefined;
  }
  const step = BigInt(size);
  let number = BigInt(whole.replace('+', ''));
  // -0.5 lies in the bucket below 0.
  if (whole.startsWith('-') && /[1-9]/.test(fraction)) number -= 1n;
  const rest = ((number % step) + step) % step;
  return String(number - rest);
}

const nowMs = (): number => performance.now();
const budget = new Budget({ steps: 0, deadlineMs: 0, nowMs, renew: false });
let regexDeadlineMs = 0;

/** A new chunk of an answer begins: regular expressions may take their time again. */
export function renewRegexTime(): void {
  regexDeadlineMs = nowMs() + maskRegexChunkMs;
}

function regex(value: string, spec: MaskSpec & { readonly kind: 'regex' }): string | undefined {
  const { pattern, replacement } = spec;
  const bytes = Buffer.from(value, 'utf8').toString('latin1');
  if (bytes.length > spec.bytesMax || nowMs() > regexDeadlineMs) return undefined;
  budget.restart({ steps: REGEX_STEPS_MAX, deadlineMs: regexDeadlineMs, nowMs, renew: false });
  try {
    const masked = rewrite(bytes, { pattern, replacement, global: true, dialect: 're2' }, budget);
    // What the pattern does not touch is not masked by it.
    return masked === bytes ? undefined : Buffer.from(masked, 'latin1').toString('utf8');
  } catch (error) {
    if (error instanceof OutOfBudget) return undefined;
    throw error;
  }
}

/**
 * replace_pattern: what ProxySQL's two engines make of it, to the byte. It finds matches through a Pattern and owns
 * how their texts are put together. Sources: pcrecpp's RE::Replace/GlobalReplace/Rewrite, RE2's functions of these names.
 */
import type { Budget } from './regex/budget.ts';
import type { Dialect, Pattern } from './regex/pattern.ts';

/** A replacement: literal texts and group numbers in turn. */
export interface Replacement {
  readonly parts: readonly (string | number)[];
  readonly highestGroup: number;
  /** A backslash before anything but a digit or a backslash: what follows it is dropped. */
  readonly broken: boolean;
}

/** Parses `\0`–`\9` and `\\`; everything else is itself, `$1` and `&` too. */
export function parseReplacement(text: string): Replacement {
  const parts: (string | number)[] = [];
  let literal = '';
  let highestGroup = 0;
  let broken = false;
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i] ?? '';
    if (char !== '\\') {
      literal += char;
      continue;
    }
    i += 1;
    const next = text[i] ?? '';
    if (next === '\\') literal += next;
    else if (next >= '0' && next <= '9') {
      parts.push(literal, Number(next));
      literal = '';
      highestGroup = Math.max(highestGroup, Number(next));
    } else {
      broken = true;
      break;
    }
  }
  parts.push(literal);
  return { parts, highestGroup, broken };
}

export interface RewriteOptions {
  readonly pattern: Pattern;
  readonly replacement: Replacement;
  readonly global: boolean;
  readonly dialect: Dialect;
}

/** The text after replacement; `text` itself when nothing was replaced. Throws OutOfBudget. */
export function rewrite(text: string, options: RewriteOptions, budget: Budget): string {
  const { pattern, replacement, global, dialect } = options;
  // RE2 refuses a replacement that names a group the pattern does not have
  if (dialect === 're2' && replacement.highestGroup > pattern.groups) return text;
  if (global) return dialect === 'pcre' ? globalPcre(text, options, budget) : globalRe2(text, options, budget);
  const positions = new Int32Array(2 * (pattern.groups + 1));
  if (!pattern.exec(text, 0, false, positions, budget)) return text;
  const expanded = expand(text, replacement, positions, dialect);
  // a single replacement that cannot be made whole is not made at all
  if (!expanded.complete) return text;
  return text.slice(0, positions[0]) + expanded.text + text.slice(positions[1]);
}

interface Expanded {
  readonly text: string;
  readonly complete: boolean;
}

function expand(text: string, replacement: Replacement, positions: Int32Array, dialect: Dialect): Expanded {
  // pcre_exec only reports groups up to the highest one that took part
  let reported = positions.length / 2;
  if (dialect === 'pcre') while (reported > 1 && (positions[2 * reported - 2] ?? -1) < 0) reported -= 1;
  let out = '';
  for (const part of replacement.parts) {
    if (typeof part === 'string') out += part;
    else if (part >= reported) return { text: out, complete: false };
    else {
      const from = positions[2 * part] ?? -1;
      if (from >= 0) out += text.slice(from, positions[2 * part + 1]);
    }
  }
  return { text: out, complete: !replacement.broken };
}

/** As Perl: after an empty match, a match that is not empty is looked for at the same place, then one byte is kept. */
function globalPcre(text: string, options: RewriteOptions, budget: Budget): string {
  const { pattern, replacement, dialect } = options;
  const positions = new Int32Array(2 * (pattern.groups + 1));
  let out = '';
  let at = 0;
  let afterEmpty = false;
  while (at <= text.length) {
    if (!pattern.exec(text, at, afterEmpty, positions, budget)) {
      if (!afterEmpty) break;
      out += text.slice(at, at + 1);
      at += 1;
      afterEmpty = false;
      continue;
    }
    const from = positions[0] ?? at;
    const to = positions[1] ?? at;
    out += text.slice(at, from) + expand(text, replacement, positions, dialect).text;
    at = to;
    afterEmpty = from === to;
  }
  return out + text.slice(at);
}

/** RE2 skips an empty match that touches the match before it. */
function globalRe2(text: string, options: RewriteOptions, budget: Budget): string {
  const { pattern, replacement, dialect } = options;
  const positions = new Int32Array(2 * (pattern.groups + 1));
  let out = '';
  let at = 0;
  let lastEnd = -1;
  while (at <= text.length && pattern.exec(text, at, false, positions, budget)) {
    const from = positions[0] ?? at;
    const to = positions[1] ?? at;
    out += text.slice(at, from);
    if (from === lastEnd && from === to) {
      const width = characterWidth(text, from);
      out += text.slice(from, from + width);
      at = from + width;
      continue;
    }
    out += expand(text, replacement, positions, dialect).text;
    at = to;
    lastEnd = to;
  }
  return out + text.slice(at);
}

/** Bytes of the UTF-8 character at `position`, at least 1. */
function characterWidth(text: string, position: number): number {
  let width = 1;
  if (text.charCodeAt(position) >= 0xc0) while ((text.charCodeAt(position + width) & 0xc0) === 0x80) width += 1;
  return width;
}

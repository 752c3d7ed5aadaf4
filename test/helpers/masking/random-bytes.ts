/**
 * Statements that show protected values, broken up with bytes on which servers and proxies might disagree: quotes,
 * escapes, comments with and without versions, halves of characters, white space of some character sets, numbers that run
 * into names. It judges nothing.
 */
import type { Random } from '../random.ts';

const LEAKING = [
  'SELECT phone FROM patients',
  "SELECT 'x' AS a, phone FROM patients",
  'SELECT id, CONCAT(phone) FROM clinic.patients p WHERE id > 0',
  'SELECT `phone`, `name` FROM `patients`',
  'SELECT "a", phone AS "b" FROM patients',
  "SELECT name FROM patients WHERE name <> 'x' UNION SELECT phone FROM patients",
  'SELECT id, p.phone FROM patients p',
  'TABLE patients',
  'SELECT (SELECT phone FROM patients LIMIT 1), \'y\', "z"',
  'SELECT contact FROM v_contact',
];

const PIECES = [
  "'",
  "''",
  '"',
  '`',
  '\\',
  "\\'",
  '--',
  '-- ',
  '--\x01',
  '--\xa0',
  '#',
  '\n',
  '/*',
  '*/',
  '/*!',
  '/*!50000',
  '/*!50000 ',
  '/*!99999 ',
  '/*!100000 ',
  '/*!101199',
  '/*!090700 ',
  '/*!0907000',
  '/*M!',
  '/*M!100000 ',
  '/*+ ',
  '/**/',
  ';',
  '.',
  '@',
  '@@',
  '$',
  '$$',
  '0x',
  '1e',
  '1.',
  '0b1',
  "x'41'",
  "n'a'",
  '_utf8',
  '\xa0',
  '\x00',
  '\x1a',
  '\xff',
  '\xbf\\',
  "\xbf'",
  '\x81`',
  '\xe3',
  '\x95\\',
  '(',
  ')',
  ',',
  ' AS ',
  '1',
  'a',
  ':=',
  '?',
  '{',
  '}',
  '\\N',
];

/** The text as latin1; with no more than a handful of changes, so that some of them still run. */
export function randomBytes(random: Random): string {
  let text = random.pick(LEAKING);
  for (let changes = 1 + random.below(3); changes > 0; changes -= 1) {
    const at = random.below(text.length + 1);
    const piece = random.pick(PIECES);
    switch (random.below(6)) {
      case 0:
        // Around something: what opens is closed somewhere.
        text = `${text.slice(0, at)}${piece}${text.slice(at, at + 6)}${closing(piece)}${text.slice(at + 6)}`;
        break;
      case 1:
        text = text.slice(0, at) + text.slice(at + 1);
        break;
      case 2:
        text = text.replace(' ', piece);
        break;
      default:
        text = text.slice(0, at) + piece + text.slice(at);
    }
  }
  return text;
}

function closing(piece: string): string {
  if (piece.startsWith('/*')) return '*/';
  return /['"`]/.exec(piece)?.[0] ?? piece;
}

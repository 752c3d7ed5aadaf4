/**
 * Asks for a password on the terminal without showing it. It keeps nothing.
 */
import { openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { ReadStream } from 'node:tty';

/** Resolves with the line typed. Rejects when there is no terminal or the user gave up (Ctrl-C, Ctrl-D). */
export function askPassword(prompt = 'Password: '): Promise<string> {
  const input = openTerminal();
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: silent, terminal: true, historySize: 0 });
  process.stderr.write(prompt);
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      lines.close();
      if (input !== process.stdin) input.destroy();
      process.stderr.write('\n');
      settle();
    };
    lines.once('line', (line) => finish(() => resolve(line)));
    lines.once('SIGINT', () => finish(() => reject(new Error('no password given'))));
    input.once('end', () => finish(() => reject(new Error('no password given'))));
  });
}

/** Standard input may be a script; the terminal is asked then, as mysql does. */
function openTerminal(): ReadStream {
  if (process.stdin.isTTY) return process.stdin;
  try {
    return new ReadStream(openSync('/dev/tty', 'r'));
  } catch {
    throw new Error('-p alone asks for the password and needs a terminal; use -pPASSWORD or SLUICE_ADMIN_PASSWORD');
  }
}

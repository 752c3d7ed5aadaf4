/**
 * Finds protected values in what a client gets to see: as they are, in part, reversed, in hexadecimal or base64 wherever
 * they begin in it, as codes of characters, as digests, as another way to write a number, in any case, as JSON; in cells,
 * column names and messages. It knows nothing of where the answer came from.
 */
import { createHash } from 'node:crypto';

/** Parts of a value as short as this count. */
export const PART_LENGTH = 4;

export class LeakChecker {
  /** What must not appear, in lower case, and what it is. */
  readonly #needles = new Map<string, string>();
  readonly #lengths: readonly number[];

  /** @param partLength parts as short as this count. */
  constructor(secrets: readonly string[], partLength = PART_LENGTH) {
    const add = (needle: string, what: string): void => {
      if (needle.length >= partLength) this.#needles.set(needle.toLowerCase(), what);
    };
    for (const secret of secrets) {
      const bytes = Buffer.from(secret);
      for (const [form, name] of [
        [secret, secret],
        [[...secret].reverse().join(''), `${secret} reversed`],
      ] as const) {
        for (let i = 0; i + partLength <= form.length; i += 1) add(form.slice(i, i + partLength), `part of ${name}`);
      }
      add(bytes.toString('hex'), `${secret} in hexadecimal`);
      add(Buffer.from(secret, 'utf16le').toString('hex'), `${secret} in hexadecimal UTF-16`);
      add(Buffer.from(bytes).reverse().toString('hex'), `${secret} reversed in hexadecimal`);
      // Behind 0, 1 or 2 bytes of a text; the first and the last characters depend on what stands around.
      for (const before of [0, 1, 2]) {
        const encoded = Buffer.concat([Buffer.alloc(before), bytes])
          .toString('base64')
          .replace(/=+$/, '');
        add(
          encoded.slice(before === 0 ? 0 : before + 1, (before + bytes.length) % 3 === 0 ? undefined : -1),
          `${secret} in base64`,
        );
      }
      for (const between of [',', ', ', ' ']) add([...bytes].join(between), `${secret} in codes of characters`);
      add([...secret].map((c) => `\\u00${c.charCodeAt(0).toString(16)}`).join(''), `${secret} in escapes`);
      add([...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join(''), `${secret} in bits`);
      if (/^\d+$/.test(secret)) {
        for (const radix of [2, 8, 16, 36]) {
          const number = BigInt(secret).toString(radix);
          if (number.length > 5) add(number, `${secret} to the base ${radix}`);
        }
        add(Number(secret).toLocaleString('en-US'), `${secret} with separators`);
      }
      for (const hash of ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'])
        add(createHash(hash).update(secret).digest('hex'), `${hash} of ${secret}`);
    }
    this.#lengths = [...new Set([...this.#needles.keys()].map(({ length }) => length))].sort((a, b) => a - b);
  }

  /** What the text gives away, or undefined. */
  leakIn(text: string): string | undefined {
    const lower = text.toLowerCase();
    for (const length of this.#lengths) {
      for (let i = 0; i + length <= lower.length; i += 1) {
        const found = this.#needles.get(lower.slice(i, i + length));
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  /** The first leak in a cell as a driver gives it. */
  leakInCell(cell: unknown): string | undefined {
    if (cell === null || cell === undefined) return undefined;
    if (Buffer.isBuffer(cell)) {
      // Bytes, as they are and as UTF-16.
      return (
        this.leakIn(cell.toString('latin1')) ??
        this.leakIn(cell.toString('utf16le')) ??
        this.leakIn(cell.toString('hex'))
      );
    }
    return this.leakIn(typeof cell === 'object' ? JSON.stringify(cell) : String(cell));
  }
}

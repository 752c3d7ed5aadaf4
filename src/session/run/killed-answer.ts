/**
 * The answer of a statement that is being ended by a KILL QUERY: its last bytes are held back until it is complete and
 * the KILL has had its effect. The server says "interrupted" (1317); a client whose statement ran out of time is to hear
 * that instead (1907), also when columns and rows have gone to it before. Everything else passes as it is.
 */
import { errors } from '../../protocol/errors.ts';
import { HEADER_BYTES } from '../../protocol/framer.ts';
import { writeErr } from '../../protocol/ok-err-eof.ts';
import { PacketWriter } from '../../protocol/packet-writer.ts';
import type { ResponseWalker } from '../../protocol/response-walker.ts';

/** What a killed statement ends with: ER_QUERY_INTERRUPTED, and what filesort makes of a KILL. */
const INTERRUPTED: ReadonlySet<number> = new Set([1317, 1028]);

/** The last bytes of an answer are held back, this many at most: an ERR packet may be the end of it. */
const ERR_BYTES_MAX = 1024;

const NOTHING = Buffer.alloc(0);

export type KillReason = 'timeout' | 'kill';

export class KilledAnswer {
  readonly reason: KillReason;
  /** `performance.now()` of the KILL. */
  readonly since: number;
  /** The KILL has been answered, or could not be sent. */
  sent = false;
  #held: Buffer = NOTHING;
  #hit = false;
  #onSent: (() => void) | undefined;

  /** @param kill settles when the server has taken the KILL, or never will. */
  constructor(reason: KillReason, since: number, kill: Promise<void>) {
    this.reason = reason;
    this.since = since;
    void kill.then(() => {
      this.sent = true;
      this.#onSent?.();
    });
  }

  /** The KILL has met its statement: nothing of it is left to hit another one. */
  get hit(): boolean {
    return this.#hit;
  }

  /** Calls back once the KILL is with the server. */
  onceSent(callback: () => void): void {
    if (this.sent) callback();
    else this.#onSent = callback;
  }

  /** Takes a chunk and returns what may go to the client now. */
  pass(chunk: Buffer): Buffer {
    const all = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const split = Math.max(0, all.length - ERR_BYTES_MAX);
    this.#held = Buffer.from(all.subarray(split));
    return all.subarray(0, split);
  }

  /** The answer is complete, and `walker` describes it. */
  end(walker: ResponseWalker): void {
    this.#hit = walker.ended === 'error' && INTERRUPTED.has(walker.errorCode);
    const start = this.#held.length - HEADER_BYTES - walker.errorBytesLength;
    if (!this.#hit || this.reason !== 'timeout' || start < 0) return;
    const writer = new PacketWriter();
    writeErr(writer, this.#held[start + HEADER_BYTES - 1] ?? 0, errors.queryTimeout());
    this.#held = Buffer.concat([this.#held.subarray(0, start), writer.take()]);
  }

  /** What is left for the client. */
  takeRest(): Buffer {
    const rest = this.#held;
    this.#held = NOTHING;
    return rest;
  }
}

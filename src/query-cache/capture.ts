/**
 * Collects an answer on its way to the client, to be kept when it turns out to be a whole result set of a size and kind
 * that may be kept. It copies nothing before that is certain.
 */
import type { CachedAnswer } from './query-cache.ts';

export interface CaptureOptions {
  /** mysql-threshold_resultset_size, in bytes: a longer answer is not kept. */
  readonly bytesMax: number;
  readonly keepEmpty: boolean;
  readonly keepWithWarnings: boolean;
  /** Called once at most, with an answer to keep. */
  readonly keep: (answer: CachedAnswer) => void;
}

/** How an answer ended, as protocol/response-walker.ts tells it. */
export interface AnswerEnd {
  readonly ended: 'ok' | 'error' | 'resultset';
  readonly rows: number;
  readonly warnings: number;
}

export class Capture {
  readonly #options: CaptureOptions;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(options: CaptureOptions) {
    this.#options = options;
  }

  take(chunk: Buffer): void {
    if (this.#bytes > this.#options.bytesMax) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#options.bytesMax) this.#chunks = [];
    else this.#chunks.push(Buffer.from(chunk));
  }

  end({ ended, rows, warnings }: AnswerEnd): void {
    const { bytesMax, keepEmpty, keepWithWarnings, keep } = this.#options;
    if (ended !== 'resultset' || this.#bytes > bytesMax) return;
    if ((rows === 0 && !keepEmpty) || (warnings > 0 && !keepWithWarnings)) return;
    // In one piece, and not in the memory that small buffers share.
    const bytes = Buffer.allocUnsafeSlow(this.#bytes);
    let at = 0;
    for (const chunk of this.#chunks) at += chunk.copy(bytes, at);
    keep({ bytes, rows });
  }
}

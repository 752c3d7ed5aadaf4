/**
 * What stands in the way of an answer whose statement touches nothing protected: most are known by the definitions of
 * their result, which passed before, and need no filter; for all others it makes one. It judges nothing.
 */
import type { AnswerFilter } from '../../masks/answer-filter.ts';
import { passesWhole } from '../../masks/whole-answer.ts';
import type { ProtocolError } from '../../protocol/errors.ts';
import type { AnswerGate } from '../statement.ts';

/**
 * The head of a result of which no column is protected. Without a plan only names decide that: the configured columns,
 * the character set the names are in, and the definitions themselves.
 */
export interface PassedHead {
  /** Of the masking. */
  readonly generation: number;
  readonly charset: string;
  /** Column count and definitions, with the headers of their packets. */
  readonly bytes: Buffer;
}

export class PassingAnswer implements AnswerGate {
  readonly #head: Buffer | undefined;
  readonly #deprecateEof: boolean;
  readonly #make: () => AnswerFilter;
  #filter: AnswerFilter | undefined;

  /** @param head of a result that passed under the masking and character set of now */
  constructor(head: Buffer | undefined, deprecateEof: boolean, make: () => AnswerFilter) {
    this.#head = head;
    this.#deprecateEof = deprecateEof;
    this.#make = make;
  }

  get cut(): ProtocolError | undefined {
    return this.#filter?.cut;
  }

  /** Undefined when the answer passed whole: then it has opened no cursor. */
  forFetch(): AnswerFilter | undefined {
    return this.#filter?.forFetch();
  }

  push(bytes: Buffer): Buffer {
    if (this.#filter === undefined) {
      if (bytes.length === 0 || passesWhole(bytes, this.#head, this.#deprecateEof)) return bytes;
      this.#filter = this.#make();
    }
    return this.#filter.push(bytes);
  }
}

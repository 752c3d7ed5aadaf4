/**
 * What stands in the way of an answer whose statement touches nothing protected: most are known by the definitions of
 * their result, which passed before, and need no filter; for all others it makes one. It judges nothing.
 */
import type { Verdict } from '../../masking/verdict.ts';
import type { AnswerFilter } from '../../masks/answer-filter.ts';
import { passesWhole } from '../../masks/whole-answer.ts';
import type { ProtocolError } from '../../protocol/errors.ts';
import { HEADER_BYTES } from '../../protocol/framer.ts';
import { ERR_HEADER } from '../../protocol/ok-err-eof.ts';
import type { AnswerGate, Statement } from '../statement.ts';
import type { Judges } from './catalogs.ts';
import type { MaskingView } from './masking-runtime.ts';

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

/** Makes filters for answers whose results are not known. */
export interface FilterSource {
  filterUnknown(answer: PassingAnswer): AnswerFilter;
}

export class PassingAnswer implements AnswerGate {
  readonly statement: Statement;
  readonly view: MaskingView;
  readonly judges: Judges;
  readonly verdicts: readonly Verdict[];
  /** Of the results. */
  readonly charset: string;
  readonly deprecateEof: boolean;
  readonly #head: Buffer | undefined;
  readonly #source: FilterSource;
  #filter: AnswerFilter | undefined;

  /** @param head of a result that passed under the masking and character set of now */
  constructor(
    source: FilterSource,
    statement: Statement,
    view: MaskingView,
    judges: Judges,
    verdicts: readonly Verdict[],
    charset: string,
    deprecateEof: boolean,
    head: Buffer | undefined,
  ) {
    this.#source = source;
    this.statement = statement;
    this.view = view;
    this.judges = judges;
    this.verdicts = verdicts;
    this.charset = charset;
    this.deprecateEof = deprecateEof;
    this.#head = head;
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
      // Of a statement that was sent with index hints the error may be theirs.
      const seen = this.statement.sentText === undefined || bytes[HEADER_BYTES] !== ERR_HEADER;
      if (bytes.length === 0 || (seen && passesWhole(bytes, this.#head, this.deprecateEof))) return bytes;
      this.#filter = this.#source.filterUnknown(this);
    }
    return this.#filter.push(bytes);
  }
}

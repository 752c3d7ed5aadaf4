/**
 * What a reader of binary logs (proxysql_binlog_reader) says, line by line, and the set of transactions that comes of it.
 * Pure: no socket; binlog-reader.ts has one.
 *
 *   ST=uuid:1-5,uuid:7     what the server had executed when the reader was asked
 *   I1=uuid:8    I2=9      one more; without a source, of the source named last
 *   I3=uuid:8-9  I4=10-12  the same for runs
 *
 * @see https://proxysql.com/documentation/mysql-binlog-reader/
 */
import { type GtidInterval, GtidSet, parseGtidSet, parseInterval, parseSource } from './gtid-set.ts';

/** A longer line is not a reader's. */
export const readerLineBytesMax = 1024 * 1024;

export class ReaderState {
  executed = new GtidSet();
  /** Lines that told of transactions. */
  events = 0;
  /** Whom I2 and I4 are of. */
  #source: string | undefined;
  readonly #onExecuted: (source: string, interval: GtidInterval) => void;

  /** @param onExecuted hears of each run that is told, after it is in the set */
  constructor(onExecuted: (source: string, interval: GtidInterval) => void = () => {}) {
    this.#onExecuted = onExecuted;
  }

  /** A line without its end; false when it makes no sense: what follows would not, either. */
  line(text: string): boolean {
    if (text === '') return true;
    const value = text.slice(3);
    switch (text.slice(0, 3)) {
      case 'ST=':
        return this.#begin(value);
      case 'I1=':
      case 'I3=':
        return this.#sourced(value);
      case 'I2=':
      case 'I4=':
        return this.#add(value);
      default:
        return false;
    }
  }

  /** Another connection begins with everything. */
  #begin(text: string): boolean {
    const set = parseGtidSet(text);
    if (set === undefined) return false;
    this.executed = set;
    for (const [source, interval] of set.entries()) {
      this.#source = source;
      this.#onExecuted(source, interval);
    }
    this.events += 1;
    return true;
  }

  #sourced(text: string): boolean {
    // A tag may stand between the source and the number.
    const end = text.lastIndexOf(':');
    const [uuid = '', tag] = text.slice(0, Math.max(end, 0)).split(':');
    const source = parseSource(uuid);
    if (source === undefined) return false;
    this.#source = tag === undefined ? source : `${source}:${tag.toLowerCase()}`;
    return this.#add(text.slice(end + 1));
  }

  #add(text: string): boolean {
    const interval = parseInterval(text);
    if (interval === undefined || this.#source === undefined || !this.executed.add(this.#source, interval))
      return false;
    this.events += 1;
    this.#onExecuted(this.#source, interval);
    return true;
  }
}

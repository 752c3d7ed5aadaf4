/**
 * Tokens of a libconfig file to a tree of settings. It goes on after an error, so that one reading finds all of them.
 * It does not know which settings sluice has.
 */
import { lexFile, type SourceReader } from './libconfig-lexer.ts';
import type { ConfigProblem, ConfigValue, Group, Mark, Position, Scalar, Setting, Token } from './syntax.ts';

/** How deep groups and lists may nest. */
export const NESTING_MAX = 100;

export interface Parsed {
  readonly root: Group;
  /** In the order of the file. Whoever needs a file without errors refuses when there is any. */
  readonly problems: readonly ConfigProblem[];
}

/** Parses a file and what it includes. Never throws for what is in a file. */
export function parseConfig(path: string, reader: SourceReader): Parsed {
  const { tokens, problems } = lexFile(path, reader);
  const parser = new Parser(tokens);
  const root = parser.root(path);
  return { root, problems: [...problems, ...parser.problems] };
}

/** Thrown inside the parser to give up a setting or an item; caught where reading can go on. */
class Unexpected extends Error {
  readonly at: Position;

  constructor(at: Position, message: string) {
    super(message);
    this.at = at;
  }
}

class Parser {
  readonly problems: ConfigProblem[] = [];
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  root(file: string): Group {
    const settings = this.#settings();
    return { kind: 'group', settings, at: { file, line: 1, column: 1 } };
  }

  /** Settings up to a `}` (left alone) or the end of the file. */
  #settings(): readonly Setting[] {
    const settings = new Map<string, Setting>();
    for (;;) {
      const token = this.#peek();
      if (token.kind === 'end') return [...settings.values()];
      if (token.kind === 'mark' && token.text === '}') {
        if (this.#depth > 0) return [...settings.values()];
        this.#take();
        this.#report(new Unexpected(token.at, 'there is no { for this }'));
        continue;
      }
      try {
        this.#addSetting(settings, this.#setting());
      } catch (error) {
        this.#report(error);
        this.#skipToSetting();
      }
    }
  }

  #addSetting(settings: Map<string, Setting>, setting: Setting): void {
    const first = settings.get(setting.name);
    if (first === undefined) settings.set(setting.name, setting);
    else this.#report(new Unexpected(setting.at, `${setting.name} was already set in line ${first.at.line}`));
  }

  #setting(): Setting {
    const name = this.#take();
    if (name.kind !== 'name') throw new Unexpected(name.at, `expected the name of a setting, found ${describe(name)}`);
    const sign = this.#peek();
    if (sign.kind !== 'mark' || (sign.text !== '=' && sign.text !== ':')) {
      throw new Unexpected(sign.at, `expected = after ${name.text}, found ${describe(sign)}`);
    }
    this.#take();
    const value = this.#value();
    const end = this.#peek();
    if (end.kind === 'mark' && (end.text === ';' || end.text === ',')) this.#take();
    return { name: name.text, value, at: name.at };
  }

  #value(): ConfigValue {
    const token = this.#peek();
    if (token.kind !== 'mark') return this.#scalar();
    switch (token.text) {
      case '{':
        return this.#nested(token.at, () => ({ kind: 'group', settings: this.#settings(), at: token.at }), '}');
      case '(':
        return this.#nested(
          token.at,
          () => ({ kind: 'list', items: this.#items(')', () => this.#value()), at: token.at }),
          ')',
        );
      case '[':
        return this.#nested(
          token.at,
          () => ({ kind: 'array', items: this.#items(']', () => this.#scalar()), at: token.at }),
          ']',
        );
      default:
        throw new Unexpected(token.at, `expected a value, found ${describe(token)}`);
    }
  }

  #nested(at: Position, read: () => ConfigValue, closing: Mark): ConfigValue {
    if (this.#depth >= NESTING_MAX) throw new Unexpected(at, `groups and lists are nested deeper than ${NESTING_MAX}`);
    this.#take();
    this.#depth += 1;
    const value = read();
    this.#depth -= 1;
    const end = this.#peek();
    if (end.kind === 'mark' && end.text === closing) this.#take();
    else this.#report(new Unexpected(at, `there is no ${closing} for what begins here`));
    return value;
  }

  /** Items up to the closing mark (left alone). */
  #items<Item>(closing: ')' | ']', read: () => Item): readonly Item[] {
    const items: Item[] = [];
    for (;;) {
      const token = this.#peek();
      if (token.kind === 'end' || (token.kind === 'mark' && token.text === closing)) return items;
      const from = this.#next;
      try {
        items.push(read());
        this.#separator(closing);
      } catch (error) {
        this.#report(error);
        // Always forward: what could not even begin an item is not tried again.
        if (this.#next === from) this.#skipOne();
        if (!this.#skipToItem(closing)) return items;
      }
    }
  }

  #separator(closing: Mark): void {
    const token = this.#peek();
    if (token.kind === 'mark' && token.text === ',') this.#take();
    else if (token.kind !== 'end' && !(token.kind === 'mark' && token.text === closing)) {
      throw new Unexpected(token.at, `expected , or ${closing}, found ${describe(token)}`);
    }
  }

  /** Strings that follow one another are one string. */
  #scalar(): Scalar {
    const token = this.#peek();
    if (token.kind === 'end' || token.kind === 'name' || token.kind === 'mark') {
      throw new Unexpected(token.at, `expected a value, found ${describe(token)}`);
    }
    this.#take();
    if (token.kind !== 'string') return token;
    let value = token.value;
    for (let more = this.#peek(); more.kind === 'string'; more = this.#peek()) {
      value += more.value;
      this.#take();
    }
    return { kind: 'string', value, at: token.at };
  }

  /** After an error: forward to the next `name =` on this level, or to what closes it. */
  #skipToSetting(): void {
    for (;;) {
      const token = this.#peek();
      if (token.kind === 'end' || (token.kind === 'mark' && token.text === '}')) return;
      if (token.kind === 'name') {
        const sign = this.#tokens[this.#next + 1];
        if (sign?.kind === 'mark' && (sign.text === '=' || sign.text === ':')) return;
      }
      this.#skipOne();
    }
  }

  /** After an error: past the next `,` on this level. False when there is no more. */
  #skipToItem(closing: Mark): boolean {
    for (;;) {
      const token = this.#peek();
      if (token.kind === 'end') return false;
      if (token.kind === 'mark') {
        if (token.text === closing) return false;
        if (token.text === '{' || token.text === '(') return true;
        if (token.text === ',') {
          this.#take();
          return true;
        }
        // The list was not closed, but what it is in is.
        if (token.text === '}') return false;
      }
      this.#skipOne();
    }
  }

  /** Skips a token, or everything between a pair of brackets. */
  #skipOne(): void {
    let open = 0;
    do {
      const token = this.#take();
      if (token.kind === 'end') return;
      if (token.kind !== 'mark') continue;
      if ('{(['.includes(token.text)) open += 1;
      else if ('})]'.includes(token.text)) open -= 1;
    } while (open > 0);
  }

  #peek(): Token {
    // The last token is `end` and is never taken.
    return this.#tokens[this.#next] as Token;
  }

  #take(): Token {
    const token = this.#peek();
    if (token.kind !== 'end') this.#next += 1;
    return token;
  }

  #report(error: unknown): void {
    if (!(error instanceof Unexpected)) throw error;
    this.problems.push({ ...error.at, message: error.message, severity: 'error' });
  }
}

function describe(token: Token): string {
  switch (token.kind) {
    case 'end':
      return 'the end of the file';
    case 'name':
      return JSON.stringify(token.text);
    case 'mark':
      return token.text;
    default:
      return `a ${token.kind === 'int' || token.kind === 'float' ? 'number' : token.kind}`;
  }
}

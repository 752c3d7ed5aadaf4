/**
 * The interactive side of the console: prompts, line editing, history, the backslash commands. It hands complete
 * statements over and waits; it neither connects nor formats.
 */
import { createInterface, type Interface } from 'node:readline';
import { HISTORY_ENTRIES_MAX, type HistoryFile, historyLine } from './history.ts';
import { type OpenEnd, type SplitStatement, StatementSplitter } from './statement-splitter.ts';

export interface DialogueOptions {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly history: HistoryFile;
  /** Runs one statement and prints its outcome. */
  readonly execute: (statement: SplitStatement) => Promise<void>;
}

const HELP = `Statements end with ; or \\g, or with \\G to see one column a line.
  \\c     forget what has been typed so far (Ctrl-C too)
  \\q     leave (quit, exit and Ctrl-D too)
  \\?     this help

  SHOW TABLES;                              the tables to configure
  SELECT * FROM mysql_servers;              what is in MEMORY
  LOAD MYSQL SERVERS TO RUNTIME;            make it count
  SAVE MYSQL SERVERS TO DISK;               keep it over a restart
  SELECT * FROM stats_mysql_query_digest;   what was asked, how often, how long
`;

const PROMPTS: Readonly<Record<OpenEnd, string>> = {
  nothing: 'sluice> ',
  statement: '     -> ',
  "'": "     '> ",
  '"': '     "> ',
  '`': '     `> ',
  '/*': '    /*> ',
};

type LineCommand = 'quit' | 'help';

const LINE_COMMANDS: ReadonlyMap<string, LineCommand> = new Map([
  ['\\q', 'quit'],
  ['quit', 'quit'],
  ['exit', 'quit'],
  ['\\?', 'help'],
  ['\\h', 'help'],
  ['?', 'help'],
  ['help', 'help'],
]);

/** Talks until the user leaves. */
export function runDialogue(options: DialogueOptions): Promise<void> {
  return new Dialogue(options).run();
}

class Dialogue {
  readonly #options: DialogueOptions;
  readonly #splitter = new StatementSplitter();
  readonly #lines: Interface;
  /** Statements to be recalled, newest first. */
  readonly #recalled: string[];
  /** Readline's own list, which collects single lines; what is recalled takes their place. */
  #readlineList: string[] = [];
  #closed = false;
  /** Lines may arrive faster than statements run (pasted text); they are worked off in order. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: DialogueOptions) {
    this.#options = options;
    this.#recalled = options.history.read().reverse();
    this.#lines = createInterface({
      input: options.input,
      output: options.output,
      terminal: true,
      history: [...this.#recalled],
      historySize: HISTORY_ENTRIES_MAX,
      prompt: PROMPTS.nothing,
    });
  }

  run(): Promise<void> {
    const lines = this.#lines;
    lines.on('history', (list: string[]) => {
      this.#readlineList = list;
      this.#restoreHistory();
    });
    lines.on('line', (line) => {
      this.#work = this.#work.then(() => this.#takeLine(line));
    });
    lines.on('SIGINT', () => this.#interrupt());
    lines.prompt();
    return new Promise((resolve, reject) => {
      lines.on('close', () => {
        this.#closed = true;
        this.#work.then(() => this.#options.output.write('Bye\n')).then(() => resolve(), reject);
      });
    });
  }

  async #takeLine(line: string): Promise<void> {
    if (this.#closed) return;
    const command = this.#splitter.openEnd === 'nothing' ? lineCommand(line) : undefined;
    if (command === 'quit') {
      this.#lines.close();
      return;
    }
    if (command === 'help') this.#options.output.write(HELP);
    else await this.#takeText(`${line}\n`);
    this.#prompt();
  }

  async #takeText(text: string): Promise<void> {
    for (const statement of this.#splitter.push(text)) {
      this.#remember(`${statement.text}${statement.vertical ? '\\G' : ';'}`);
      await this.#options.execute(statement);
    }
  }

  #prompt(): void {
    if (this.#closed) return;
    this.#lines.setPrompt(PROMPTS[this.#splitter.openEnd]);
    this.#lines.prompt();
  }

  /** Ctrl-C gives up the statement being typed. */
  #interrupt(): void {
    this.#splitter.clear();
    this.#options.output.write('^C\n');
    // Deletes what stands on the line without adding it to the history.
    this.#lines.write(null, { ctrl: true, name: 'e' });
    this.#lines.write(null, { ctrl: true, name: 'u' });
    this.#prompt();
  }

  #remember(statement: string): void {
    this.#options.history.add(statement);
    const line = historyLine(statement);
    if (line === undefined || line === this.#recalled[0]) return;
    this.#recalled.unshift(line);
    this.#recalled.length = Math.min(this.#recalled.length, HISTORY_ENTRIES_MAX);
    this.#restoreHistory();
  }

  #restoreHistory(): void {
    this.#readlineList.splice(0, this.#readlineList.length, ...this.#recalled);
  }
}

function lineCommand(line: string): LineCommand | undefined {
  return LINE_COMMANDS.get(line.trim().replace(/;$/, '').toLowerCase());
}

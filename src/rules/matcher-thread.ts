/**
 * Decides, off the event loop, the statements that could hold it up. It owns the threads, their queues and deadlines;
 * matcher-thread-worker.ts runs inside them.
 *
 * Two lanes: every statement first gets regexQuickLaneMs in the quick lane; one that needs more moves to the slow lane,
 * where it has the deadline. So a statement made to be slow delays others by one quick slice, not by a deadline.
 */
import { Worker } from 'node:worker_threads';
import type { QueryRuleEntry } from '../../runtime/snapshot.ts';
import type { CompileOptions } from './compile.ts';
import type { Decision, MatchInput } from './decision.ts';
import { regexDeadlineMs, regexQueueMax, regexQuickLaneMs } from './limits.ts';
import type { FromLane, ToLane } from './matcher-messages.ts';

/** The statement could not be decided in time and must be refused: no rule may be skipped. */
export class RuleTimeout extends Error {
  readonly code = 'RULE_TIMEOUT';
  /** The rule that was being tested; 0 when the statement never got its turn. */
  readonly ruleId: number;

  constructor(ruleId: number, reason: string) {
    super(reason);
    this.ruleId = ruleId;
  }
}

export interface MatcherThreadOptions {
  /** Time a statement may take in the slow lane. Default regexDeadlineMs. */
  readonly deadlineMs?: number;
  /** Default regexQuickLaneMs. */
  readonly quickMs?: number;
  /** Statements waiting per lane. Default regexQueueMax. */
  readonly queueMax?: number;
}

/** A lane that does not answer this long after its deadline is replaced: a native match cannot be interrupted. */
const LANE_GRACE_MS = 500;

interface Task {
  readonly input: MatchInput;
  readonly resolve: (decision: Decision) => void;
  readonly reject: (error: Error) => void;
}

type RulesMessage = ToLane & { readonly kind: 'rules' };

export class MatcherThread {
  readonly #quick: Lane;
  readonly #slow: Lane;
  #generation = -1;

  constructor(options: MatcherThreadOptions = {}) {
    const queueMax = options.queueMax ?? regexQueueMax;
    this.#slow = new Lane(options.deadlineMs ?? regexDeadlineMs, queueMax, (task, ruleId) => {
      task.reject(new RuleTimeout(ruleId, `query rule ${ruleId} needs too long for this statement`));
    });
    this.#quick = new Lane(options.quickMs ?? regexQuickLaneMs, queueMax, (task) => this.#slow.add(task));
  }

  /** Replaces the rules. Threads start with the first statement that needs one. */
  load(rules: readonly QueryRuleEntry[], options: CompileOptions, generation: number): void {
    this.#generation = generation;
    const message: RulesMessage = { kind: 'rules', rules, options };
    this.#quick.load(message);
    this.#slow.load(message);
  }

  /**
   * The decision by the rules loaded last: `generation` may be older (then newer rules decide), never newer.
   * Rejects with RuleTimeout.
   */
  decide(input: MatchInput, generation: number): Promise<Decision> {
    return new Promise((resolve, reject) => {
      if (generation > this.#generation) reject(new RuleTimeout(0, `rules of generation ${generation} are not loaded`));
      else this.#quick.add({ input, resolve, reject });
    });
  }

  /** Ends the threads; statements under way are rejected. */
  async close(): Promise<void> {
    await Promise.all([this.#quick.close(), this.#slow.close()]);
  }
}

/** One thread, one statement at a time, in order of arrival. */
class Lane {
  readonly #limitMs: number;
  readonly #queueMax: number;
  readonly #onTimeout: (task: Task, ruleId: number) => void;
  readonly #queue: Task[] = [];
  #rules: RulesMessage | undefined;
  #worker: Worker | undefined;
  #current: Task | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(limitMs: number, queueMax: number, onTimeout: (task: Task, ruleId: number) => void) {
    this.#limitMs = limitMs;
    this.#queueMax = queueMax;
    this.#onTimeout = onTimeout;
  }

  load(message: RulesMessage): void {
    this.#rules = message;
    this.#worker?.postMessage(message);
  }

  add(task: Task): void {
    if (this.#closed) task.reject(new RuleTimeout(0, 'the proxy is stopping'));
    else if (this.#queue.length >= this.#queueMax)
      task.reject(new RuleTimeout(0, 'too many statements wait for rules'));
    else {
      this.#queue.push(task);
      this.#runNext();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#watchdog);
    const reason = new RuleTimeout(0, 'the proxy is stopping');
    this.#current?.reject(reason);
    this.#current = undefined;
    for (const task of this.#queue.splice(0)) task.reject(reason);
    await this.#worker?.terminate();
  }

  #runNext(): void {
    if (this.#current !== undefined || this.#closed) return;
    const task = this.#queue.shift();
    if (task === undefined) {
      // an idle lane does not keep the process alive
      this.#worker?.unref();
      return;
    }
    this.#current = task;
    const worker = this.#start();
    worker.ref();
    const message: ToLane = { kind: 'decide', input: task.input, limitMs: this.#limitMs };
    worker.postMessage(message);
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL('./matcher-thread-worker.js', import.meta.url), { name: 'sluice-matcher' });
    this.#worker = worker;
    worker.on('message', (message: FromLane) => this.#onMessage(worker, message));
    // out of memory, or a bug: the statement is refused, the next one gets a new thread
    worker.on('error', () => this.#replace(worker));
    worker.on('exit', () => this.#replace(worker));
    if (this.#rules !== undefined) worker.postMessage(this.#rules);
    return worker;
  }

  #onMessage(worker: Worker, message: FromLane): void {
    if (worker !== this.#worker) return;
    if (message.kind === 'begun') {
      this.#watchdog = setTimeout(() => this.#replace(worker), this.#limitMs + LANE_GRACE_MS);
      return;
    }
    clearTimeout(this.#watchdog);
    const task = this.#current;
    this.#current = undefined;
    if (task !== undefined) {
      if (message.kind === 'decided') task.resolve(message.decision);
      else this.#onTimeout(task, message.ruleId);
    }
    this.#runNext();
  }

  #replace(worker: Worker): void {
    if (worker !== this.#worker || this.#closed) return;
    clearTimeout(this.#watchdog);
    this.#worker = undefined;
    void worker.terminate();
    this.#current?.reject(new RuleTimeout(0, 'the thread that matches rules had to be replaced'));
    this.#current = undefined;
    this.#runNext();
  }
}

/**
 * Clients that one worker has accepted and another is to serve. Every worker accepts on the same port, which costs the
 * least, but a burst of clients goes to whoever comes first; so a worker that is ahead of the others passes on what it
 * accepts next. Workers say how many clients they have, all are told, and a client on its way stays here as well until
 * it is taken: who dies before that takes nobody along. How far ahead is too far is the worker's business.
 */

/** Workers are told of each other's clients this long after a change, in ms. */
export const loadsToldMs = 20;

/** An open connection as node:child_process passes it. */
export interface ClientHandle {
  close(): void;
}

/** What goes to a worker. */
export type ExchangeToWorker =
  /** How many clients each worker has, by its index; undefined: there is no such worker. */
  | { readonly type: 'loads'; readonly clients: readonly (number | undefined)[] }
  /** With the connection of a client. */
  | { readonly type: 'client'; readonly ticket: number };

/** What comes from a worker. */
export type ExchangeToPrimary =
  | { readonly type: 'load'; readonly clients: number }
  /** With the connection of a client, for the worker of that index. */
  | { readonly type: 'pass-client'; readonly to: number }
  | { readonly type: 'client-taken'; readonly ticket: number };

export type ExchangeSend = (message: ExchangeToWorker, handle?: ClientHandle) => void;

interface Member {
  readonly send: ExchangeSend;
  clients: number;
  /** On their way, by ticket. */
  readonly coming: Map<number, ClientHandle>;
}

export class ClientExchange {
  readonly #members = new Map<number, Member>();
  #lastTicket = 0;
  #timer: NodeJS.Timeout | undefined;

  /** A worker serves from now on. */
  join(index: number, send: ExchangeSend): void {
    this.#members.set(index, { send, clients: 0, coming: new Map() });
    this.#tellSoon();
  }

  /** A worker is gone: who was on the way to it goes to another one. */
  leave(index: number): void {
    const member = this.#members.get(index);
    if (member === undefined) return;
    this.#members.delete(index);
    for (const handle of member.coming.values()) this.#pass(index, handle);
    this.#tellSoon();
  }

  /** False when the message is none of this exchange's. */
  receive(from: number, message: { readonly type: string }, handle: ClientHandle | undefined): boolean {
    const said = message as ExchangeToPrimary;
    switch (said.type) {
      case 'load': {
        const member = this.#members.get(from);
        if (member === undefined) return true;
        member.clients = said.clients;
        this.#tellSoon();
        return true;
      }
      case 'pass-client':
        // Without: the client left in between.
        if (handle !== undefined) this.#pass(said.to, handle);
        return true;
      case 'client-taken': {
        const coming = this.#members.get(from)?.coming;
        coming?.get(said.ticket)?.close();
        coming?.delete(said.ticket);
        return true;
      }
      default:
        return false;
    }
  }

  /** To the worker that is wanted, or to the one with the fewest clients. */
  #pass(wanted: number, handle: ClientHandle): void {
    const member = this.#members.get(wanted) ?? this.#fewest();
    if (member === undefined) return handle.close();
    const ticket = ++this.#lastTicket;
    member.coming.set(ticket, handle);
    member.send({ type: 'client', ticket }, handle);
  }

  #fewest(): Member | undefined {
    let fewest: Member | undefined;
    for (const member of this.#members.values())
      if (fewest === undefined || burden(member) < burden(fewest)) fewest = member;
    return fewest;
  }

  #tellSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const length = Math.max(-1, ...this.#members.keys()) + 1;
      const clients = Array.from({ length }, (_, index) => burden(this.#members.get(index)));
      for (const member of this.#members.values()) member.send({ type: 'loads', clients });
    }, loadsToldMs);
    this.#timer.unref();
  }
}

function burden(member: Member): number;
function burden(member: Member | undefined): number | undefined;
function burden(member: Member | undefined): number | undefined {
  return member === undefined ? undefined : member.clients + member.coming.size;
}

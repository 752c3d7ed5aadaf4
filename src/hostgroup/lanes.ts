/**
 * Lanes: connections of one server on which statements of several sessions queue. A lane is open as long as answers are
 * expected on it; then it goes back to the pool. This file knows which lanes there are and which one is to be joined;
 * what may run on a lane is decided in session/sharing.ts.
 */
import type { BackendConnection } from '../backend/backend-connection.ts';
import type { ConnectionWish } from './server.ts';

/** Statements that may wait for their answers on one lane. */
export const laneDepthMax = 128;
/** With so many statements before the next one on the emptiest lane, more lanes are tried. */
export const laneDepthCrowded = 4;

export class Lanes {
  readonly #open: BackendConnection[] = [];

  get count(): number {
    return this.#open.length;
  }

  get all(): readonly BackendConnection[] {
    return this.#open;
  }

  open(connection: BackendConnection): void {
    if (connection.lane) return;
    connection.lane = true;
    connection.shared = true;
    this.#open.push(connection);
  }

  /** Nobody joins it any more. */
  close(connection: BackendConnection): void {
    if (!connection.lane) return;
    connection.lane = false;
    const index = this.#open.indexOf(connection);
    if (index >= 0) this.#open.splice(index, 1);
  }

  /** The lane for the wish with the fewest statements on it, if it has room. */
  shallowest(wish: ConnectionWish): BackendConnection | undefined {
    let best: BackendConnection | undefined;
    let depth = laneDepthMax;
    for (const lane of this.#open) {
      if (lane.depth >= depth || lane.username !== wish.username || lane.shape !== wish.shape) continue;
      if (lane.state.key !== wish.stateKey) continue;
      best = lane;
      depth = lane.depth;
    }
    return best;
  }
}

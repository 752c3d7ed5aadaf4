/**
 * A process without workers and sockets: remembers what an operator asked of it.
 */
import type { ProcessControl, ShutdownMode } from '../../../admin/index.ts';
import { MysqlModule } from '../../../runtime/mysql-module.ts';
import type { FakePlane } from './fake-plane.ts';

export class FakeProcess implements ProcessControl {
  readonly shutdowns: ShutdownMode[] = [];
  /** Where workers were told to listen, each time. */
  readonly listened: (readonly string[])[] = [];
  reloads = 0;
  /** What reloadTls fails with. */
  tlsError: Error | undefined;
  readonly mysqlModule: MysqlModule;

  constructor(plane: FakePlane) {
    const { listened } = this;
    this.mysqlModule = new MysqlModule({
      publisher: {
        get current() {
          return plane.current;
        },
        async listen(interfaces) {
          listened.push(interfaces);
          return interfaces;
        },
        order: (order) => plane.order(order),
      },
      startWorkers: async () => undefined,
    });
  }

  shutdown(mode: ShutdownMode): void {
    this.shutdowns.push(mode);
  }

  async reloadTls(): Promise<void> {
    if (this.tlsError !== undefined) throw this.tlsError;
    this.reloads += 1;
  }
}

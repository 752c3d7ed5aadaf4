/**
 * SCHEDULER: programs to start at intervals. Rows are kept, promoted and shown; nothing starts them yet.
 */
import type { TableModule } from './module.ts';

export const scheduler = {
  kind: 'tables',
  name: 'SCHEDULER',
  tables: [{ name: 'scheduler' }],
  build: () => ({ parts: {}, problems: [] }),
} as const satisfies TableModule;

/**
 * COREDUMP: the places in ProxySQL's source where a memory image is to be written. Rows are kept and shown; there are no
 * such places here.
 */
import type { TableModule } from './module.ts';

export const coredump = {
  kind: 'tables',
  name: 'COREDUMP',
  edges: ['memory>runtime'],
  tables: [{ name: 'coredump_filters' }],
  build: () => ({ parts: {}, problems: [] }),
} as const satisfies TableModule;

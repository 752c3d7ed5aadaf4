/**
 * RESTAPI: scripts behind HTTP routes. Rows are kept, promoted and shown; nothing serves them yet.
 */
import type { TableModule } from './module.ts';

export const restapi = {
  kind: 'tables',
  name: 'RESTAPI',
  tables: [{ name: 'restapi_routes' }],
  build: () => ({ parts: {}, problems: [] }),
} as const satisfies TableModule;

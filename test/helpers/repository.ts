/**
 * Where the repository lies, seen from a compiled test. It reads no file.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The compiled helper lies in dist/test/helpers. */
export const repositoryRoot: string = join(fileURLToPath(import.meta.url), '..', '..', '..', '..');

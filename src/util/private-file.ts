/**
 * Files with secrets: written whole or not at all, readable by their owner alone. It knows nothing of their contents.
 */
import { randomBytes } from 'node:crypto';
import { open, realpath, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

const PRIVATE_MODE = 0o600;

/** Replaces or creates a file; a link is followed. Rejects with the system's error, and then leaves the file as it was. */
export async function writePrivateFile(path: string, contents: string | Uint8Array): Promise<void> {
  const target = await realpath(path).catch(() => path);
  // In the same folder, or it could not be put in place of the other in one step.
  const temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', PRIVATE_MODE);
    try {
      await file.writeFile(contents);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
    await syncFolder(dirname(target));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A rename is safe from a power cut when its folder is written. Not every file system lets folders be opened. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  if (handle === undefined) return;
  await handle.sync().catch(() => undefined);
  await handle.close();
}

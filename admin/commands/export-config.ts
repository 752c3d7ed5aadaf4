/**
 * SELECT CONFIG FILE, SELECT CONFIG INTO OUTFILE and SAVE CONFIG TO FILE: memory as a config file, shown or written on
 * the machine sluice runs on. What the text is made of is config-file/export.ts.
 */
import { writePrivateFile } from '../../src/util/private-file.ts';
import { exportConfig } from '../config-file/export.ts';
import type { AdminContext } from '../context.ts';
import { type AdminReply, adminError } from '../reply.ts';

export function showConfig(context: AdminContext): AdminReply {
  return { kind: 'rows', columns: ['Data'], rows: [[exportConfig(context.db.handle)]] };
}

interface Export {
  readonly path: string;
  /** The two commands answer differently. */
  readonly spelled: 'save' | 'select';
}

/** ProxySQL takes the path as it is, without a thought of quotes. The file is readable by its owner alone. */
export async function writeConfig(context: AdminContext, { path, spelled }: Export): Promise<AdminReply> {
  if (path === '') return refused(spelled, 'empty file name');
  const text = exportConfig(context.db.handle);
  try {
    await writePrivateFile(path, text);
  } catch (error) {
    context.logger.warn({ err: error, path }, 'the configuration could not be written');
    return refused(spelled, `Cannot open file ${path}`);
  }
  const affectedRows = spelled === 'select' ? Buffer.byteLength(text) : 0;
  return { kind: 'ok', affectedRows, info: `File ${path} is saved.` };
}

/** SAVE CONFIG has the prefix of its errors twice. */
function refused(spelled: Export['spelled'], message: string): AdminReply {
  return adminError(spelled === 'save' ? `ProxySQL Admin Error: ${message}` : message);
}

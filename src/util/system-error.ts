/**
 * What the operating system refused, in words an operator can act on. It decides nothing.
 */

const TEXTS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'another program uses this address; is sluice or ProxySQL running already?',
  EADDRNOTAVAIL: 'this machine has no such address',
  EAFNOSUPPORT: 'this machine has no such kind of address',
  EAI_AGAIN: 'the name cannot be looked up',
  EISDIR: 'it is a directory',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on the device',
  ENOTDIR: 'a part of the path is a file',
  ENOTFOUND: 'there is no such host',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
};

/** A few words without the name of the call that failed; the error's own message when the code is not known. */
export function systemErrorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = 'code' in error ? TEXTS[String(error.code)] : undefined;
  return text ?? error.message;
}

/**
 * With which certificates the proxy meets a server under TLS: the rows of mysql_servers_ssl_params, else the variables
 * mysql-ssl_p2s_*. It reads their files when a connection first needs them and again after every LOAD; it opens nothing.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConnectionOptions, SecureVersion } from 'node:tls';
import type { ServerSslParamsEntry } from '../../runtime/snapshot.ts';
import type { MysqlVariables } from '../../runtime/variables.ts';

/** What of a row, or of the variables, says how to meet a server. All paths; '' means nothing. */
type TlsParams = Omit<ServerSslParamsEntry, 'hostname' | 'port' | 'username'>;

/** A file that is named for TLS with servers cannot be used; the message says which. */
export class TlsParamsUnusable extends Error {
  override readonly name = 'TlsParamsUnusable';
}

const VERSIONS: readonly SecureVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

export class BackendTls {
  #rows = new Map<string, TlsParams>();
  #defaults: TlsParams | undefined;
  #options = new Map<TlsParams, Promise<ConnectionOptions>>();

  /** Forgets what was read from files. */
  configure(rows: readonly ServerSslParamsEntry[], variables: MysqlVariables): void {
    this.#rows = new Map(rows.map((row) => [keyOf(row.hostname, row.port, row.username), row]));
    this.#defaults = {
      ca: variables.sslP2sCa,
      cert: variables.sslP2sCert,
      key: variables.sslP2sKey,
      capath: variables.sslP2sCapath,
      crl: variables.sslP2sCrl,
      crlpath: variables.sslP2sCrlpath,
      cipher: variables.sslP2sCipher,
      tlsVersion: '',
    };
    this.#options = new Map();
  }

  /**
   * For a login of `username` on a server: the row of exactly this user, else that of user '', else the variables.
   * @throws TlsParamsUnusable
   */
  optionsFor(hostname: string, port: number, username: string): Promise<ConnectionOptions> {
    const params =
      this.#rows.get(keyOf(hostname, port, username)) ?? this.#rows.get(keyOf(hostname, port, '')) ?? this.#defaults;
    if (params === undefined) return Promise.resolve(UNCHECKED);
    let options = this.#options.get(params);
    if (options === undefined) {
      options = read(params);
      this.#options.set(params, options);
      // A file that is missing now may be there the next time.
      options.catch(() => this.#options.delete(params));
    }
    return options;
  }
}

/** Without a CA there is nothing to check a certificate by; the connection is encrypted all the same. */
const UNCHECKED: ConnectionOptions = { rejectUnauthorized: false };

function keyOf(hostname: string, port: number, username: string): string {
  return `${hostname}\0${port}\0${username}`;
}

async function read(params: TlsParams): Promise<ConnectionOptions> {
  const [ca, cas, cert, key, crl, crls] = await Promise.all([
    fileOf(params.ca),
    filesIn(params.capath),
    fileOf(params.cert),
    fileOf(params.key),
    fileOf(params.crl),
    filesIn(params.crlpath),
  ]);
  const authorities = [...ca, ...cas];
  const revoked = [...crl, ...crls];
  const versions = params.tlsVersion
    .split(/[,:\s]+/)
    .filter((name): name is SecureVersion => (VERSIONS as readonly string[]).includes(name));
  const sorted = VERSIONS.filter((version) => versions.includes(version));
  return {
    // As with MySQL's VERIFY_CA: who signed it counts, not which name it is for; servers are known by address.
    rejectUnauthorized: authorities.length > 0,
    checkServerIdentity: () => undefined,
    ...(authorities.length > 0 && { ca: authorities }),
    ...(cert.length > 0 && { cert }),
    ...(key.length > 0 && { key }),
    ...(revoked.length > 0 && { crl: revoked }),
    ...(params.cipher !== '' && { ciphers: params.cipher }),
    ...(sorted[0] !== undefined && { minVersion: sorted[0], maxVersion: sorted.at(-1) ?? sorted[0] }),
  };
}

async function fileOf(path: string): Promise<string[]> {
  if (path === '') return [];
  try {
    return [await readFile(path, 'utf8')];
  } catch (error) {
    throw new TlsParamsUnusable(`${path} cannot be read`, { cause: error });
  }
}

/** Every file of a folder, as OpenSSL's hashed directories have them. */
async function filesIn(path: string): Promise<string[]> {
  if (path === '') return [];
  try {
    const names = (await readdir(path)).filter((name) => /\.(?:pem|crt|cer|crl|\d+|r\d+)$/.test(name));
    return (await Promise.all(names.map((name) => fileOf(join(path, name))))).flat();
  } catch (error) {
    if (error instanceof TlsParamsUnusable) throw error;
    throw new TlsParamsUnusable(`${path} cannot be read`, { cause: error });
  }
}

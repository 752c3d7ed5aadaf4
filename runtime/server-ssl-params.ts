/** From rows of mysql_servers_ssl_params to what the data plane acts on. It reads none of the files. */
import { cellToInt, cellToText, type TableRow } from './build-snapshot.ts';
import type { ServerSslParamsEntry } from './snapshot.ts';

export function buildServerSslParams(rows: readonly TableRow[]): ServerSslParamsEntry[] {
  return rows.map((row) => ({
    hostname: cellToText(row.hostname),
    port: cellToInt(row.port),
    username: cellToText(row.username),
    ca: cellToText(row.ssl_ca),
    cert: cellToText(row.ssl_cert),
    key: cellToText(row.ssl_key),
    capath: cellToText(row.ssl_capath),
    crl: cellToText(row.ssl_crl),
    crlpath: cellToText(row.ssl_crlpath),
    cipher: cellToText(row.ssl_cipher),
    tlsVersion: cellToText(row.tls_version),
  }));
}

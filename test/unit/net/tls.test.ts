import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { loadOrCreateTls, TlsFilesUnusable, type TlsIdentity, tlsFromPem } from '../../../src/net/tls.ts';

describe('the certificate in the data directory', () => {
  let dataDir: string;
  let made: TlsIdentity;
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sluice-tls-'));
    made = await loadOrCreateTls(join(dataDir, 'new'));
  });
  after(() => rm(dataDir, { recursive: true }));

  test('is made once: a CA and a server certificate of ten years, signed by it', () => {
    const ca = new X509Certificate(made.caPem);
    const server = new X509Certificate(made.certPem);
    assert.ok(ca.ca);
    assert.ok(!server.ca);
    assert.ok(ca.verify(ca.publicKey));
    assert.ok(server.verify(ca.publicKey));
    assert.match(server.subject, /^CN=sluice_Auto_Generated_Server_Certificate$/);
    assert.equal(server.publicKey.asymmetricKeyDetails?.modulusLength, 2048);
    const years = (Date.parse(server.validTo) - Date.now()) / (365.25 * 24 * 60 * 60 * 1000);
    assert.ok(years > 9.9 && years < 10.1, `${years} years`);
    assert.notEqual(server.serialNumber, ca.serialNumber);
  });

  test('is kept, its key readable by its owner only, and read again the next time', async () => {
    const again = await loadOrCreateTls(join(dataDir, 'new'));
    assert.deepEqual([again.caPem, again.certPem, again.keyPem], [made.caPem, made.certPem, made.keyPem]);
    assert.equal((await stat(join(dataDir, 'new/proxysql-key.pem'))).mode & 0o777, 0o600);
    assert.equal(await readFile(join(dataDir, 'new/proxysql-cert.pem'), 'utf8'), made.certPem);
  });

  test('serves TLS to clients that trust its CA', async () => {
    const server = createServer({ cert: made.certPem, key: made.keyPem }, (socket) => socket.end('hello'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect({ port, host: '127.0.0.1', ca: made.caPem, checkServerIdentity: () => undefined });
    const [greeting] = await once(client, 'data');
    assert.equal(String(greeting), 'hello');
    assert.ok(client.authorized);
    client.destroy();
    server.close();
  });

  test('is not guessed at when files are missing, unreadable or do not fit', async () => {
    const folder = await mkdtemp(join(dataDir, 'partial-'));
    await writeFile(join(folder, 'proxysql-cert.pem'), made.certPem);
    await assert.rejects(loadOrCreateTls(folder), /proxysql-ca\.pem, proxysql-key\.pem missing/);
    await writeFile(join(folder, 'proxysql-ca.pem'), made.caPem);
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    await writeFile(join(folder, 'proxysql-key.pem'), other.export({ type: 'pkcs8', format: 'pem' }));
    await assert.rejects(loadOrCreateTls(folder), TlsFilesUnusable);
    await writeFile(join(folder, 'proxysql-key.pem'), 'no key');
    await assert.rejects(loadOrCreateTls(folder), TlsFilesUnusable);
  });

  test('can be handed over as text', () => {
    const { caPem, certPem, keyPem } = structuredClone({ ...made, secureContext: null, rsaKeys: null });
    const copy = tlsFromPem({ caPem, certPem, keyPem });
    assert.equal(copy.rsaKeys?.publicKeyPem, made.rsaKeys?.publicKeyPem);
    assert.match(copy.rsaKeys!.publicKeyPem, /^-----BEGIN PUBLIC KEY-----/);
  });

  test("with a key of another kind than the certificate's is refused", async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    assert.throws(() => tlsFromPem({ ...made, keyPem }), /the key is not the certificate's/);
  });
});

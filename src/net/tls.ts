/**
 * The proxy's certificate: read from the data directory, or made once and kept there under ProxySQL's file names.
 * It does not open connections.
 */
import { createPrivateKey, createPublicKey, type KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';

const FILES = { caPem: 'proxysql-ca.pem', certPem: 'proxysql-cert.pem', keyPem: 'proxysql-key.pem' } as const;
const CA_NAME = 'CN=sluice_Auto_Generated_CA_Certificate';
const SERVER_NAME = 'CN=sluice_Auto_Generated_Server_Certificate';
const VALIDITY_YEARS = 10;
/** A clock that lags behind ours shall accept the certificate too. */
const BACKDATED_MS = 24 * 60 * 60 * 1000;
const KEY_ALGORITHM = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 2048,
};
const MIN_TLS_VERSION = 'TLSv1.2';
const KEY_MODE = 0o600;

/** The three files as text: plain data, to hand to workers. */
export interface TlsPems {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

/** The key pair that encrypts passwords of caching_sha2_password without TLS. */
export interface RsaKeys {
  readonly privateKey: KeyObject;
  readonly publicKeyPem: string;
}

export interface TlsIdentity extends TlsPems {
  readonly secureContext: SecureContext;
  /** `undefined` when the key is not RSA. */
  readonly rsaKeys: RsaKeys | undefined;
}

/** A certificate directory that cannot be used; the message says which file and why. */
export class TlsFilesUnusable extends Error {
  readonly code = 'TLS_FILES_UNUSABLE';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TlsFilesUnusable';
  }
}

/**
 * Reads proxysql-ca.pem, proxysql-cert.pem and proxysql-key.pem from `dataDir`, or makes all three when none is there.
 * @throws TlsFilesUnusable when only some of them are there, or when they do not fit together
 */
export async function loadOrCreateTls(dataDir: string): Promise<TlsIdentity> {
  const [caPem, certPem, keyPem] = await Promise.all(Object.values(FILES).map((name) => readIfThere(dataDir, name)));
  if (caPem === undefined && certPem === undefined && keyPem === undefined) return createTls(dataDir);
  const missing = Object.values(FILES).filter((_name, index) => [caPem, certPem, keyPem][index] === undefined);
  if (caPem === undefined || certPem === undefined || keyPem === undefined) {
    throw new TlsFilesUnusable(`${dataDir}: ${missing.join(', ')} missing; put it there, or remove the others`);
  }
  try {
    return tlsFromPem({ caPem, certPem, keyPem });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TlsFilesUnusable(`${dataDir}: ${FILES.certPem}, ${FILES.keyPem}: ${reason}`, { cause: error });
  }
}

/**
 * Makes a usable identity of the PEM texts.
 * @throws Error when one of them is no PEM, or the key is not the certificate's
 */
export function tlsFromPem(pems: TlsPems): TlsIdentity {
  const { caPem, certPem, keyPem } = pems;
  const privateKey = createPrivateKey(keyPem);
  // OpenSSL itself compares them only when they are of the same kind.
  if (!new X509Certificate(certPem).checkPrivateKey(privateKey)) throw new Error("the key is not the certificate's");
  const secureContext = createSecureContext({
    ca: caPem,
    cert: certPem,
    key: keyPem,
    minVersion: MIN_TLS_VERSION,
  });
  return { caPem, certPem, keyPem, secureContext, rsaKeys: rsaKeysOf(privateKey) };
}

function rsaKeysOf(privateKey: KeyObject): RsaKeys | undefined {
  if (privateKey.asymmetricKeyType !== 'rsa') return undefined;
  const publicKeyPem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  return { privateKey, publicKeyPem };
}

async function createTls(dataDir: string): Promise<TlsIdentity> {
  const pems = await generatePems(new Date());
  await mkdir(dataDir, { recursive: true });
  // The key comes last: a crash in between leaves a set that is reported as incomplete, never one that half works.
  await writeWhole(dataDir, FILES.caPem, pems.caPem, 0o644);
  await writeWhole(dataDir, FILES.certPem, pems.certPem, 0o644);
  await writeWhole(dataDir, FILES.keyPem, pems.keyPem, KEY_MODE);
  return tlsFromPem(pems);
}

/** A CA and a server certificate signed by it. The CA's key is not kept: nothing else is to be signed with it. */
async function generatePems(now: Date): Promise<TlsPems> {
  // Loaded only when there is something to make: it is needed once in the life of a data directory.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const notBefore = new Date(now.getTime() - BACKDATED_MS);
  const notAfter = new Date(now);
  notAfter.setFullYear(now.getFullYear() + VALIDITY_YEARS);
  const validity = { notBefore, notAfter, signingAlgorithm: KEY_ALGORITHM };
  const caKeys = await generateKeys();
  const serverKeys = await generateKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: randomSerial(),
    name: CA_NAME,
    keys: caKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  const server = await x509.X509CertificateGenerator.create({
    ...validity,
    serialNumber: randomSerial(),
    subject: SERVER_NAME,
    issuer: ca.subject,
    publicKey: serverKeys.publicKey,
    signingKey: caKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', serverKeys.privateKey));
  const keyPem = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({
    type: 'pkcs8',
    format: 'pem',
  });
  return { caPem: `${ca.toString('pem')}\n`, certPem: `${server.toString('pem')}\n`, keyPem: keyPem.toString() };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
}

/** A positive number of 15 bytes, in hex. */
function randomSerial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(15));
  bytes[0] = (bytes[0]! & 0x7f) | 0x01;
  return Buffer.from(bytes).toString('hex');
}

async function readIfThere(dataDir: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(join(dataDir, name), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new TlsFilesUnusable(`${join(dataDir, name)} cannot be read`, { cause: error });
  }
}

/** Writes beside and renames, so that nobody sees half a file. */
async function writeWhole(dataDir: string, name: string, text: string, mode: number): Promise<void> {
  const temporary = join(dataDir, `.${name}.new`);
  await writeFile(temporary, text, { mode });
  await chmod(temporary, mode);
  await rename(temporary, join(dataDir, name));
}

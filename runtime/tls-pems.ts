/** The certificate chain and key that the primary hands to its workers, as PEM text. Never logged. */
export interface TlsPems {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

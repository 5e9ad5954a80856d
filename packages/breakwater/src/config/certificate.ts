import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describeReadError } from './read-error.ts';

/** Where a certificate and its key are kept. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** A certificate with its key as PEM texts, or what is wrong with which file. */
export type CertificateReading =
  | { readonly ok: true; readonly cert: string; readonly key: string }
  | { readonly ok: false; readonly field: keyof CertificateFiles; readonly message: string };

/** Reads a certificate and its key and makes sure that clients could use them now. Never rejects, and never repeats what stands in the key. */
export async function readCertificate(files: CertificateFiles): Promise<CertificateReading> {
  const texts = { cert: '', key: '' };
  for (const field of ['cert', 'key'] as const) {
    try {
      texts[field] = await readFile(files[field], 'utf8');
    } catch (error) {
      return fault(field, `${files[field]}: ${describeReadError(error)}`);
    }
  }
  const { cert, key } = texts;
  const certificate = attempt(() => new X509Certificate(cert));
  if (certificate === undefined) return fault('cert', `${files.cert}: expected a certificate in PEM form`);
  const until = Date.parse(certificate.validTo);
  if (until <= Date.now()) return fault('cert', `${files.cert}: the certificate expired on ${day(until)}`);
  const from = Date.parse(certificate.validFrom);
  if (from > Date.now()) return fault('cert', `${files.cert}: the certificate is valid from ${day(from)} on`);
  const privateKey = attempt(() => createPrivateKey(key));
  if (privateKey === undefined) return fault('key', `${files.key}: ${isEncrypted(key) ? ENCRYPTED : NO_KEY}`);
  if (!isPair(certificate, privateKey)) {
    return fault('key', `${files.key}: this key does not belong to the certificate in ${files.cert}`);
  }
  // Loaded here: few gateways have a certificate of their own.
  const { createSecureContext } = process.getBuiltinModule('node:tls');
  if (attempt(() => createSecureContext({ cert, key })) === undefined) {
    return fault('cert', `${files.cert}: TLS cannot use this certificate (a broken chain, or a key that is too weak)`);
  }
  return { ok: true, cert, key };
}

const NO_KEY = 'expected a private key in PEM form';
const ENCRYPTED = 'this key is encrypted; write it without a passphrase, readable for the gateway alone';

function isEncrypted(key: string): boolean {
  return /ENCRYPTED/.test(key);
}

function isPair(certificate: X509Certificate, key: KeyObject): boolean {
  return attempt(() => certificate.checkPrivateKey(key)) ?? false;
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function fault(field: keyof CertificateFiles, message: string): CertificateReading {
  return { ok: false, field, message };
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    // OpenSSL's own words say less than the caller's.
    return undefined;
  }
}

/** Certificates and keys, which lie in files: whoever renews them writes files. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Whose they are: our own as a server, and ours as a client of either side. */
export type TlsOwner = 'TLS' | 'OH_TLS' | 'MHV_TLS';

/** Variables that name files, by owner; `TLS` has no CA. */
export type TlsVariable = `${TlsOwner}_${'CERT' | 'KEY' | 'CA'}_FILE`;

/** PEM texts. A certificate never comes without its key. */
export interface TlsFiles {
  cert?: string;
  key?: string;
  /** CAs that are trusted, and no others. */
  ca?: string;
}

/** What is wrong with a file; nothing of it is quoted. */
export interface TlsFault {
  variable: TlsVariable;
  detail: string;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Reads what the variables of one owner name; `files` is empty when they name nothing. */
export function readTlsFiles(
  named: { [variable in TlsVariable]?: string | undefined },
  owner: TlsOwner,
): { files: TlsFiles; faults: TlsFault[] } {
  const faults: TlsFault[] = [];
  const read = (variable: TlsVariable, what: string, isGood: (pem: string) => boolean) => {
    const path = named[variable];
    if (path === undefined) return undefined;
    const pem = textOf(path);
    if (pem === undefined) faults.push({ variable, detail: 'names a file that can not be read' });
    else if (!isGood(pem)) faults.push({ variable, detail: `holds no ${what} in PEM` });
    else return pem;
    return undefined;
  };
  const certVariable = `${owner}_CERT_FILE` as const;
  const keyVariable = `${owner}_KEY_FILE` as const;
  const cert = read(certVariable, 'certificate', isCertificates);
  const key = read(keyVariable, 'private key without a passphrase', isKey);
  const ca = read(`${owner}_CA_FILE`, 'certificate', isCertificates);
  for (const [variable, other] of [
    [certVariable, keyVariable],
    [keyVariable, certVariable],
  ] as const) {
    if (named[variable] !== undefined || named[other] === undefined) continue;
    faults.push({ variable, detail: `is missing: it and ${other} go together` });
  }
  const pair = cert !== undefined && key !== undefined && isPair(cert, key) ? { cert, key } : {};
  if (cert !== undefined && key !== undefined && !('key' in pair)) {
    faults.push({ variable: keyVariable, detail: `is not the key of ${certVariable}` });
  }
  return { files: { ...pair, ...(ca === undefined ? {} : { ca }) }, faults };
}

/** When the first of the certificates ends, in milliseconds since the epoch. */
export function certificateEnd(pem: string): number {
  return Date.parse(new X509Certificate(pem).validTo);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function isCertificates(pem: string): boolean {
  const found = pem.match(CERTIFICATE) ?? [];
  return found.length > 0 && found.every((one) => succeeds(() => new X509Certificate(one)));
}

function isKey(pem: string): boolean {
  return succeeds(() => createPrivateKey(pem));
}

function isPair(cert: string, key: string): boolean {
  return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
}

function succeeds(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

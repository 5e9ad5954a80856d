import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate authority of this test alone, and the folder in which its files lie. */
export interface Authority extends AsyncDisposable {
  readonly folder: string;
  /** PEM text of its own certificate, for clients that shall believe it. */
  readonly ca: string;
  readonly caFile: string;
  /** Makes a certificate for {@link HOST}, localhost and 127.0.0.1, and its key; again under the same name replaces both files. */
  issue(name: string, days?: number): Promise<{ readonly cert: string; readonly key: string }>;
}

/** The name that test certificates are for. */
export const HOST = 'mcp.example.com';

const NAMES = `subjectAltName=DNS:${HOST},DNS:localhost,IP:127.0.0.1\n`;
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Makes a certificate authority with openssl. */
export async function createAuthority(): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-tls-'));
  const file = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  await writeFile(file('names'), NAMES);
  openssl(
    'req',
    '-x509',
    ...NEW_KEY,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
  );
  return {
    folder,
    ca: await readFile(file('ca.pem'), 'utf8'),
    caFile: file('ca.pem'),
    issue: async (name, days = 2) => {
      openssl('req', ...NEW_KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
      const authority = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names'];
      openssl('x509', '-req', '-in', `${name}.csr`, ...authority, '-days', String(days), '-out', `${name}.pem`);
      return { cert: file(`${name}.pem`), key: file(`${name}.key`) };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

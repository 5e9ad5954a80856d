import { type CertificateFiles, readCertificate } from '../config/certificate.ts';
import { watchForChange } from '../config/watch-file.ts';

/** A certificate with its key, as PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Whom a change of the files concerns. Neither may throw. */
export interface CertificateListener {
  readonly onChange: (certificate: Certificate) => void;
  /** What is there cannot be used; whatever was used before still can. */
  readonly onFault: (message: string) => void;
}

/** Quiet time after the last event: the two files are replaced one after the other. */
const DEBOUNCE_MS = 200;

/** Tells of every other usable certificate that comes to lie in these files. */
export function watchCertificate(
  files: CertificateFiles,
  current: Certificate,
  { onChange, onFault }: CertificateListener,
): { close(): void } {
  let known = current;
  let isClosed = false;
  let pending: Promise<void> = Promise.resolve();
  let lastFault = '';
  const look = async (): Promise<void> => {
    const read = await readCertificate(files);
    if (isClosed) return;
    const fault = read.ok ? '' : read.message;
    if (fault !== '' && fault !== lastFault) onFault(fault);
    lastFault = fault;
    if (!read.ok || (read.cert === known.cert && read.key === known.key)) return;
    known = read;
    onChange(read);
  };
  const watches = [...new Set([files.cert, files.key])].map((file) =>
    watchForChange(file, DEBOUNCE_MS, () => {
      pending = pending.then(look);
    }),
  );
  return {
    close() {
      isClosed = true;
      for (const watch of watches) watch.close();
    },
  };
}

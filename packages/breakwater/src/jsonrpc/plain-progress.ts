import type { NotificationMessage } from './message.ts';
import { scanObject } from './raw.ts';

const METHOD = 'notifications/progress';
const VERSION_FIRST = `{"jsonrpc":"2.0","method":"${METHOD}","params":`;
const METHOD_FIRST = `{"method":"${METHOD}","params":`;
const VERSION_LAST = ',"jsonrpc":"2.0"}';

/**
 * Reads a progress notification, which is nearly all that servers send before a response, in one of the two spellings in which nearly all of them come;
 * undefined for everything else, which the scanner reads. What stands between the fixed parts is one object and nothing more, so no member can be there
 * twice. `view`: the bytes in latin1.
 */
export function readPlainProgress(bytes: Buffer, view: string): NotificationMessage | undefined {
  const isVersionFirst = view.startsWith(VERSION_FIRST);
  if (!isVersionFirst && !view.startsWith(METHOD_FIRST)) return undefined;
  const rest = isVersionFirst ? '}' : VERSION_LAST;
  if (!view.endsWith(rest)) return undefined;
  const params = scanObject(bytes, isVersionFirst ? VERSION_FIRST.length : METHOD_FIRST.length, view);
  if (params?.end !== view.length - rest.length) return undefined;
  return { kind: 'notification', method: METHOD, params };
}

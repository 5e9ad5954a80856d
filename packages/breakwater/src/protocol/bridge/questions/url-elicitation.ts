import { RpcCode, type RpcError } from '../../../jsonrpc/message.ts';
import { memberObject, memberValue, scanObject } from '../../../jsonrpc/raw.ts';
import { applyEdits, arrayElements, bytesOf, writeObject } from '../edits.ts';
import { writeEntries } from './entries.ts';

/** A page that a legacy server wants visited before it runs a call. */
export interface UrlElicitation {
  /** Params of an `elicitation/create` in modern form. */
  readonly params: Buffer;
  readonly url: string;
  /** The server's own id, for its `notifications/elicitation/complete`. */
  readonly elicitationId: string | undefined;
}

/** The pages named by a -32042 error (2025-11-25 client/elicitation); undefined for any other error and for one that names none. */
export function readUrlError(error: Buffer): readonly UrlElicitation[] | undefined {
  const object = scanObject(error);
  if (object === undefined || memberValue(object, 'code') !== RpcCode.urlElicitationRequired) return undefined;
  const data = memberObject(object, 'data');
  const elements = data === undefined ? undefined : arrayElements(data, 'elicitations');
  const pages = elements?.map(readPage).filter((page) => page !== undefined) ?? [];
  return pages.length === 0 ? undefined : pages;
}

/** A -32042 error as the questions of an `input_required`: one url elicitation per page, under the keys `url1`, `url2`, … */
export function inputRequestsFromUrlError(
  error: Buffer,
): { readonly inputRequests: Buffer; readonly elicitationIds: readonly string[] } | undefined {
  const pages = readUrlError(error);
  if (pages === undefined) return undefined;
  const entries = pages.map(
    ({ params }, index) => [`url${index + 1}`, writeQuestion('elicitation/create', params)] as const,
  );
  const elicitationIds = pages.map(({ elicitationId }) => elicitationId).filter((id) => id !== undefined);
  return { inputRequests: writeEntries(entries), elicitationIds };
}

/** One value of `inputRequests`. */
export function writeQuestion(method: string, params: Buffer | undefined): Buffer {
  return writeObject({ method: JSON.stringify(method), params });
}

/** The other way: questions that are all url elicitations, as the error that a 2025-11-25 client can act on without being asked. */
export function urlErrorFromQuestions(
  pages: readonly { readonly url: string; readonly message: string; readonly elicitationId: string }[],
): RpcError {
  const elicitations = pages.map((page) => ({ mode: 'url', ...page }));
  return {
    code: RpcCode.urlElicitationRequired,
    message: 'Open the page this request needs, then send it again.',
    data: { elicitations },
  };
}

function readPage(element: Buffer): UrlElicitation | undefined {
  const object = scanObject(element);
  const url = object === undefined ? undefined : memberValue(object, 'url');
  if (object === undefined || typeof url !== 'string') return undefined;
  const id = memberValue(object, 'elicitationId');
  const message =
    bytesOf(object, 'message') === undefined ? { message: '"The server asks you to open this page."' } : {};
  return {
    params: applyEdits(object, { ...message, mode: '"url"', elicitationId: undefined, task: undefined }),
    url,
    elicitationId: typeof id === 'string' ? id : undefined,
  };
}

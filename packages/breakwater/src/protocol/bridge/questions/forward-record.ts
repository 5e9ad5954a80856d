import type { AskedPage, ForwardCall, ForwardPhase, ForwardState } from './forward-state.ts';
import type { QuestionKind } from './kind.ts';

/** The layout of what is written; nodes of two releases may share a store for a while. */
const FORM = 1;

/** A {@link ForwardState} as a JSON value, without what its session knows of the client. Bytes stand in it as latin1. */
export interface WrittenForward {
  readonly form: number;
  readonly method: string;
  readonly limits: ForwardCall['limits'];
  readonly idPrefix: string;
  readonly phase: ForwardPhase;
  readonly rounds: number;
  readonly quiet: number;
  readonly waitedMs: number;
  readonly minted: number;
  readonly serverKeys: readonly string[];
  readonly open: readonly {
    readonly key: string;
    readonly serverKey: string;
    readonly method: string;
    readonly kind: QuestionKind;
    readonly page?: AskedPage | undefined;
  }[];
  readonly responses: readonly (readonly [serverKey: string, response: string])[];
  readonly requestState?: string | undefined;
  readonly consents: readonly (readonly [url: string, elicitationId: string])[];
}

/** Where a forwarded call stands, so that another process can go on with it. */
export function writeForward(state: ForwardState): WrittenForward {
  const { call, open, responses, requestState, consents, ...plain } = state;
  const { method, limits, idPrefix } = call;
  return {
    ...plain,
    form: FORM,
    method,
    limits,
    idPrefix,
    open: [...open].map(([key, asked]) => ({ key, ...asked })),
    responses: [...responses].map(([key, response]) => [key, response.toString('latin1')]),
    requestState: requestState?.toString('latin1'),
    consents: [...consents],
  };
}

/** The state that was written: from it on everything is as it would have been. Undefined for what another release wrote in another form. */
export function restoreForward(written: WrittenForward, client: ForwardCall['client']): ForwardState | undefined {
  const { form, method, limits, idPrefix, open, responses, requestState, consents, ...plain } = written;
  if (form !== FORM) return undefined;
  return {
    ...plain,
    call: { method, client, limits, idPrefix },
    open: new Map(
      open.map(({ key, serverKey, method: asked, kind, page }) => [key, { serverKey, method: asked, kind, page }]),
    ),
    responses: new Map(responses.map(([key, response]) => [key, Buffer.from(response, 'latin1')])),
    requestState: requestState === undefined ? undefined : Buffer.from(requestState, 'latin1'),
    consents: new Map(consents),
  };
}

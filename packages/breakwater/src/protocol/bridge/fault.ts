/** The rows of the error table (`core/errors.ts`) that the bridge can tell; core's `ErrorCode` contains them. */
export type BridgeFaultCode = 'upstream.invalid' | 'upstream.result-type' | 'upstream.version';

/** Why a message of one leg has no form on the other: what is wrong, a sentence safe to show, and the peer's own word for it. */
export interface BridgeFault {
  readonly code: BridgeFaultCode;
  readonly message: string;
  /** The peer's text: the result type, the protocol version. Escape it before it is logged. */
  readonly detail?: string;
}

/** Result of a translation: what cannot be translated is a value, never a throw. */
export type Bridged<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: BridgeFault };

const DETAIL_CHARS = 64;

/** A fault as a failed result. `detail` is cut to a length fit for a sentence. */
export function failBridge(
  code: BridgeFaultCode,
  message: string,
  detail?: string,
): { readonly ok: false; readonly fault: BridgeFault } {
  return {
    ok: false,
    fault: detail === undefined ? { code, message } : { code, message, detail: detail.slice(0, DETAIL_CHARS) },
  };
}

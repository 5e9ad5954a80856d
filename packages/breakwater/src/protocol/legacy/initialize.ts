import { findMember, memberBytes, memberValue, type RawObject } from '../../jsonrpc/raw.ts';
import { isObject, type JsonObject } from '../capabilities.ts';
import { type Checked, makeFault } from '../fault.ts';
import { type LegacyRevision, negotiateLegacy } from '../revision.ts';

/** What a client said in `initialize`, and the revision to answer with. */
export interface Initialize {
  /** The `protocolVersion` it asked for, whatever that was; undefined when it asked for none. */
  readonly asked: unknown;
  readonly revision: LegacyRevision;
  /** `clientInfo` as JSON bytes, verbatim. */
  readonly info: Buffer | undefined;
  readonly capabilities: JsonObject;
}

/**
 * Reads the params of `initialize`. Legacy clients leave out required members and add their own: what is missing or null gets its
 * neutral value and unknown members are ignored; only a member of the wrong type is a fault.
 */
export function readInitialize(params: RawObject | undefined): Checked<Initialize> {
  const asked = read(params, 'protocolVersion');
  if (asked !== undefined && typeof asked !== 'string') return wrongType('protocolVersion', 'a string');
  const info = read(params, 'clientInfo');
  if (info !== undefined && !isObject(info)) return wrongType('clientInfo', 'an object');
  const capabilities = read(params, 'capabilities') ?? {};
  if (!isObject(capabilities)) return wrongType('capabilities', 'an object');
  const member = params === undefined || info === undefined ? undefined : findMember(params, 'clientInfo');
  return {
    ok: true,
    value: {
      asked,
      revision: negotiateLegacy(asked),
      info: params === undefined || member === undefined ? undefined : memberBytes(params, member),
      capabilities,
    },
  };
}

function read(params: RawObject | undefined, key: string): unknown {
  return params === undefined ? undefined : (memberValue(params, key) ?? undefined);
}

function wrongType(key: string, expected: string): Checked<never> {
  return {
    ok: false,
    fault: makeFault('params.invalid', `Invalid initialize: params.${key} must be ${expected}.`, { key }),
  };
}

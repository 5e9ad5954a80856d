import { isIdToken, type RawId } from '../../jsonrpc/id.ts';
import {
  findMember,
  hasDuplicateKey,
  memberBytes,
  memberObject,
  memberValue,
  type RawObject,
  scanObject,
} from '../../jsonrpc/raw.ts';
import { isObject, type JsonObject } from '../capabilities.ts';
import { type Checked, makeFault, type ProtocolFault } from '../fault.ts';
import { isLogLevel, type LogLevel } from '../logging.ts';
import { Memo } from '../memo.ts';
import { META, REQUEST_META_KEYS } from '../meta.ts';
import { cutToken, lastTokenOf } from '../progress-token.ts';
import { MODERN_REVISIONS, type ModernRevision } from '../revision.ts';

const REQUIRED_KEYS: readonly string[] = [META.protocolVersion, META.clientCapabilities];
const READ_KEYS: ReadonlySet<string> = new Set([...REQUEST_META_KEYS, 'progressToken']);
const META_KEY: ReadonlySet<string> = new Set(['_meta']);

/** A request that claims the modern era by its `_meta`, not yet validated. */
export interface EnvelopeClaim {
  readonly claim: 'modern';
  /** `_meta`, or what is left of it without {@link token}. */
  readonly meta: RawObject;
  /** The claimed protocol version; undefined when it is no string. */
  readonly version: string | undefined;
  /** A key that occurs twice where two parsers could see two different requests. */
  readonly duplicate: string | undefined;
  /** The progress token, where it was cut out of `_meta`: what is left is the same in all requests of a client, and so is its claim. */
  readonly cut?: { readonly token: string; readonly claim: EnvelopeClaim };
}

/** What {@link readEnvelope} sees. */
export type EnvelopeReading = { readonly claim: 'none' } | EnvelopeClaim;

/** The validated envelope of a modern request. */
export interface Envelope {
  readonly revision: ModernRevision;
  /** `clientInfo` as JSON bytes, verbatim. */
  readonly clientInfo: Buffer | undefined;
  readonly clientCapabilities: JsonObject;
  readonly logLevel: LogLevel | undefined;
  /** The progress token's own bytes, read as latin1 like an id. */
  readonly progressToken: RawId | undefined;
}

/**
 * Reads which era a request's params claim. Exactly the presence of the protocol-version key in `params._meta` is the claim; a broken
 * envelope behind it is a fault of {@link validateEnvelope}, never a fall back to the legacy era.
 */
export function readEnvelope(params: RawObject | undefined): EnvelopeReading {
  if (params === undefined) return NO_CLAIM;
  const member = findMember(params, '_meta');
  if (member === undefined) return NO_CLAIM;
  if (hasDuplicateKey(params, META_KEY)) return readRepeated(params);
  const { bytes, view } = params;
  const { start, end } = member;
  if (end - start > MOST_KNOWN_BYTES) return readMeta(scanObject(bytes, start, view));
  const text = view.slice(start, end);
  const cut = cutToken(text);
  if (cut === undefined) return readKnown(text);
  const claim = cut.rest === '{}' ? NO_CLAIM : readKnown(cut.rest);
  if (claim.claim === 'none') return claim;
  // A token that is there twice is for the general way to judge, which sees both.
  if (findMember(claim.meta, 'progressToken') !== undefined) return readKnown(text);
  return { ...claim, cut: { token: cut.token, claim } };
}

function readKnown(text: string): EnvelopeReading {
  const known = KNOWN.get(text);
  if (known !== undefined) return known;
  // Of a copy: what is remembered must not keep the body it came in.
  const reading = readMeta(scanObject(Buffer.from(text, 'latin1')));
  // A token is another one in each request; nobody asks for such a text again.
  if (reading.claim === 'modern' && findMember(reading.meta, 'progressToken') === undefined)
    KNOWN.set(reading.meta.view, reading);
  return reading;
}

// All requests of a client carry the same `_meta`: reading and validating it anew was an eighth of the gateway's part of a call.
const KNOWN = new Memo<EnvelopeClaim>(1_024);
const MOST_KNOWN_BYTES = 2_048;
const NO_CLAIM: EnvelopeReading = { claim: 'none' };

function readMeta(meta: RawObject | undefined): EnvelopeReading {
  if (meta === undefined || findMember(meta, META.protocolVersion) === undefined) return NO_CLAIM;
  return claimOf(meta, firstDuplicate(meta));
}

// Attack: two `_meta` members, one modern and one not, so that the gateway and the server behind it see different eras.
function readRepeated(params: RawObject): EnvelopeReading {
  for (const member of params.members) {
    const meta = member.key === '_meta' ? scanObject(params.bytes, member.start, params.view) : undefined;
    if (meta !== undefined && findMember(meta, META.protocolVersion) !== undefined) return claimOf(meta, '_meta');
  }
  return NO_CLAIM;
}

function claimOf(meta: RawObject, duplicate: string | undefined): EnvelopeClaim {
  const version = memberValue(meta, META.protocolVersion);
  return { claim: 'modern', meta, version: typeof version === 'string' ? version : undefined, duplicate };
}

function firstDuplicate(meta: RawObject): string | undefined {
  for (const key of READ_KEYS) if (hasDuplicateKey(meta, new Set([key]))) return key;
  return undefined;
}

/**
 * Validates a claim. The order decides which of several faults is told: unsupported version (-32022, the one from which a client can
 * learn what to speak), missing keys, keys of the wrong type or unknown log level (-32602).
 */
export function validateEnvelope(claim: EnvelopeClaim): Checked<Envelope> {
  const { cut } = claim;
  if (cut !== undefined) {
    const checked = validateEnvelope(cut.claim);
    return checked.ok ? { ok: true, value: { ...checked.value, progressToken: cut.token as RawId } } : checked;
  }
  let checked = CHECKED.get(claim);
  if (checked === undefined) {
    checked = checkClaim(claim);
    CHECKED.set(claim, checked);
  }
  return checked;
}

const CHECKED = new WeakMap<EnvelopeClaim, Checked<Envelope>>();

function checkClaim(claim: EnvelopeClaim): Checked<Envelope> {
  const { meta, version, duplicate } = claim;
  if (duplicate !== undefined) return invalid(duplicate, 'occurs twice');
  if (version === undefined) return invalid(META.protocolVersion, 'expected a protocol version string');
  const revision = MODERN_REVISIONS.find((served) => served === version);
  if (revision === undefined) {
    // The versions usable in `_meta`, as server/discover lists them: the official suite compares the two.
    const data = { supported: [...MODERN_REVISIONS], requested: version };
    return { ok: false, fault: makeFault('version.unsupported', `Unsupported protocol version: ${version}`, data) };
  }
  const missing = missingKeys(meta);
  if (missing.length > 0) return { ok: false, fault: missingFault(missing) };
  const clientCapabilities = memberValue(meta, META.clientCapabilities);
  if (!isObject(clientCapabilities)) return invalid(META.clientCapabilities, 'expected an object');
  const infoMember = findMember(meta, META.clientInfo);
  const info = memberValue(meta, META.clientInfo);
  if (infoMember !== undefined && !isImplementation(info)) {
    return invalid(META.clientInfo, 'expected an object with the strings "name" and "version"');
  }
  const token = progressTokenOf(meta);
  if (token !== undefined && !isIdToken(token)) return invalid('progressToken', 'expected a string or a number');
  const logLevel = memberValue(meta, META.logLevel);
  if (logLevel !== undefined && !isLogLevel(logLevel)) return invalid(META.logLevel, 'expected a log level');
  return {
    ok: true,
    value: {
      revision,
      clientInfo: infoMember === undefined ? undefined : memberBytes(meta, infoMember),
      clientCapabilities,
      logLevel,
      progressToken: token as RawId | undefined,
    },
  };
}

/** The fault of a request whose header names the modern era while its body makes no claim: it names the keys that are missing. */
export function missingEnvelopeFault(params: RawObject | undefined): ProtocolFault {
  const meta = params === undefined ? undefined : memberObject(params, '_meta');
  return missingFault(meta === undefined ? ['_meta', ...REQUIRED_KEYS] : missingKeys(meta));
}

/** The raw progress token in a request's params, of any era, unchecked; undefined when there is none. */
export function progressTokenIn(params: RawObject): string | undefined {
  const member = findMember(params, '_meta');
  if (member === undefined) return undefined;
  const plain = lastTokenOf(params.view.slice(member.start, member.end));
  if (plain !== undefined) return plain;
  const meta = scanObject(params.bytes, member.start, params.view);
  return meta === undefined ? undefined : progressTokenOf(meta);
}

function progressTokenOf(meta: RawObject): string | undefined {
  const member = findMember(meta, 'progressToken');
  return member === undefined ? undefined : meta.bytes.toString('latin1', member.start, member.end);
}

function missingKeys(meta: RawObject): readonly string[] {
  return REQUIRED_KEYS.filter((key) => findMember(meta, key) === undefined);
}

function missingFault(missing: readonly string[]): ProtocolFault {
  const message = `The request lacks the required params._meta keys of revision 2026-07-28: ${missing.join(', ')}`;
  return makeFault('envelope.incomplete', message, { envelope: { key: missing[0], problem: 'missing', missing } });
}

function invalid(key: string, problem: string): Checked<never> {
  const message = `Invalid params._meta of revision 2026-07-28: ${key}: ${problem}`;
  return { ok: false, fault: makeFault('envelope.incomplete', message, { envelope: { key, problem } }) };
}

function isImplementation(value: unknown): boolean {
  return isObject(value) && typeof value['name'] === 'string' && typeof value['version'] === 'string';
}

import { type KeyRing, openBytes, sealBytes } from '../core/seal.ts';
import type { SessionInit, SessionKey } from '../core/session.ts';
import { capabilitiesOf, isObject, type JsonObject, profileOf } from '../protocol/capabilities.ts';
import { TASKS_EXTENSION } from '../protocol/meta.ts';
import { isLegacyRevision } from '../protocol/revision.ts';

/** What never changes in a session. */
export interface SessionBirth {
  readonly client: SessionInit['client'];
  readonly createdAt: number;
  /** See `SessionInit.isStrict`: a record of it was written before anybody knew the id. */
  readonly isStrict: boolean;
}

/** Whose session an id is said to be. */
type Bearer = Pick<SessionKey, 'route' | 'transport' | 'principal'>;

/** Bytes of `clientInfo` and capabilities that an id carries whole: every request repeats it, and proxies bound their heads. */
const WHOLE_BYTES = 1_024;
const MOST_NAME_CHARS = 128;
const MOST_VERSION_CHARS = 64;
/** The longest id that {@link sealSession} makes. */
const MOST_ID_CHARS = 2_048;
const ID = /^([A-Za-z0-9_-]{16,64})\.([A-Za-z0-9_-]+)$/;
const NEWLINE = 0x0a;

/** The id of a session, which carries the session: `<uid>.<sealed>`. It opens for the same route, transport and principal alone. */
export function sealSession(ring: KeyRing, uid: string, bearer: Bearer, birth: SessionBirth): string {
  return `${uid}.${sealBytes(ring, write(birth), contextOf(uid, bearer)).toString('base64url')}`;
}

/** Reads an id; undefined when it is altered, invented, or somebody else's. */
export function openSession(ring: KeyRing, id: string, bearer: Bearer): (SessionBirth & { uid: string }) | undefined {
  const [, uid, sealed] = (id.length <= MOST_ID_CHARS && ID.exec(id)) || [];
  if (uid === undefined || sealed === undefined) return undefined;
  const bytes = Buffer.from(sealed, 'base64url');
  // Attack: other spellings of the same bytes would be other sessions to whoever compares ids.
  if (bytes.toString('base64url') !== sealed) return undefined;
  const plain = openBytes(ring, bytes, contextOf(uid, bearer));
  const birth = plain === undefined ? undefined : read(plain);
  return birth === undefined ? undefined : { uid, ...birth };
}

/** The part of an id that names its session. */
export function uidOf(id: string): string {
  return id.slice(0, id.indexOf('.'));
}

function contextOf(uid: string, { route, transport, principal }: Bearer): string {
  return `session ${JSON.stringify([uid, route, transport, principal.key])}`;
}

// `clientInfo` is passed on byte for byte, so it stands beside the JSON and not in it.
function write({ client, createdAt, isStrict }: SessionBirth): Buffer {
  const { revision } = client;
  const { capabilities, info } = fitting(client);
  const head = Buffer.from(JSON.stringify([revision, createdAt, capabilities, ...(isStrict ? [1] : [])]));
  return info === undefined ? head : Buffer.concat([head, Buffer.of(NEWLINE), info]);
}

function read(plain: Buffer): SessionBirth | undefined {
  const end = plain.indexOf(NEWLINE);
  const head: unknown = JSON.parse(plain.toString('utf8', 0, end < 0 ? plain.length : end));
  if (!Array.isArray(head)) return undefined;
  const [revision, createdAt, capabilities, strict]: readonly unknown[] = head;
  if (!isLegacyRevision(revision) || typeof createdAt !== 'number' || !isObject(capabilities)) return undefined;
  const info = end < 0 ? undefined : Buffer.from(plain.subarray(end + 1));
  const client = { revision, info, capabilities, profile: profileOf(capabilities) };
  return { client, createdAt, isStrict: strict === 1 };
}

function fitting({ info, capabilities, profile }: SessionInit['client']): {
  readonly info: Buffer | undefined;
  readonly capabilities: JsonObject;
} {
  const bytes = (info?.length ?? 0) + Buffer.byteLength(JSON.stringify(capabilities));
  if (bytes <= WHOLE_BYTES) return { info, capabilities };
  const { extensions } = capabilities;
  const hasTasks = isObject(extensions) && isObject(extensions[TASKS_EXTENSION]);
  return {
    info: info === undefined ? undefined : shortened(info),
    capabilities: { ...capabilitiesOf(profile), ...(hasTasks && { extensions: { [TASKS_EXTENSION]: {} } }) },
  };
}

function shortened(info: Buffer): Buffer {
  const { name, version } = JSON.parse(info.toString()) as { readonly name?: unknown; readonly version?: unknown };
  return Buffer.from(
    JSON.stringify({
      ...(typeof name === 'string' && { name: name.slice(0, MOST_NAME_CHARS) }),
      ...(typeof version === 'string' && { version: version.slice(0, MOST_VERSION_CHARS) }),
    }),
  );
}

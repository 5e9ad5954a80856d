import { hideNumber, hideString, placeholder } from './placeholder.ts';
import type { Pseudonyms } from './pseudonyms.ts';
import { isPlainName, isSecretName, scrub } from './secrets.ts';
import { isId, isKept, isReference, type Path } from './vocabulary.ts';

/** Nesting that is looked into; what is deeper is gone. */
const MOST_DEPTH = 48;

/** How values are hidden. */
export interface JsonRedaction {
  readonly names: Pseudonyms;
  /** Strings and numbers stay, without credentials. */
  readonly keepValues: boolean;
}

/** A JSON body as it may be recorded: the JSON-RPC envelope and the words of the protocol stay, values become placeholders. */
export function redactJson(value: unknown, redaction: JsonRedaction): unknown {
  if (Array.isArray(value)) return value.map((message) => redactAt(message, rootOf(message), redaction));
  return redactAt(value, rootOf(value), redaction);
}

// In what is no JSON-RPC message no member is a word of the protocol.
function rootOf(value: unknown): Path {
  return typeof value === 'object' && value !== null && 'jsonrpc' in value ? [] : ['body'];
}

function redactAt(value: unknown, path: Path, redaction: JsonRedaction): unknown {
  if (path.length > MOST_DEPTH) return placeholder('deep');
  if (typeof value === 'string') return redactString(value, path, redaction);
  if (typeof value === 'number') {
    return redaction.keepValues || isId(path) || isKept(path) ? value : hideNumber(value);
  }
  if (Array.isArray(value)) return value.map((item) => redactAt(item, [...path, '*'], redaction));
  if (typeof value !== 'object' || value === null) return value;
  // Never by assignment: a member may be called __proto__.
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const shown = isPlainName(name) ? name : redaction.names.of('key', name);
      return [shown, redactAt(member, [...path, name], redaction)];
    }),
  );
}

function redactString(text: string, path: Path, { names, keepValues }: JsonRedaction): string {
  if (isId(path)) return isPlainName(text) || isPseudonymousId(text) ? text : names.of('id', text);
  if (isReference(path)) return names.of('ref', text);
  if (isKept(path)) return isPlainName(text) ? text : hideString(text);
  if (!keepValues) return hideString(text);
  return isSecretName(path.at(-1) ?? '') ? placeholder('secret') : scrub(text);
}

// A replay sends the pseudonym as the id, and gets it back.
function isPseudonymousId(text: string): boolean {
  return /^‹id [\w-]{12}›$/.test(text);
}

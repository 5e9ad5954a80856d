import { findMember, memberBytes, memberObject, memberValue, type RawObject, scanObject } from '../../jsonrpc/raw.ts';
import { LISTS, type ListKind } from '../methods.ts';
import { compileParamHeaders } from '../modern/param-headers.ts';
import { eraOf, type Revision } from '../revision.ts';
import { applyEdits, bytesOf, writeObject } from './edits.ts';
import { bridgeOutputSchema } from './output-schema.ts';

/**
 * One item of a list in the form of `to`: the very same bytes where nothing changes, undefined when it must be left out, because it is no
 * object or because nobody on that leg can use it.
 */
export function bridgeItem(kind: ListKind, item: Buffer, from: Revision, to: Revision): Buffer | undefined {
  if (from === to) return item;
  const object = scanObject(item);
  // One element that is no object makes a client refuse the whole list.
  if (object === undefined) return undefined;
  if (kind !== 'tools') return item;
  if (hasBadHeaders(object, from, to)) return undefined;
  const edits = { ...schemaEdit(object, from, to), ...executionEdit(object) };
  return Object.keys(edits).length === 0 ? item : applyEdits(object, edits);
}

/** The item's bytes under another name (the member that names items of this kind). */
export function renameItem(kind: ListKind, item: Buffer, newName: string): Buffer {
  const object = scanObject(item);
  return object === undefined ? item : applyEdits(object, { [LISTS[kind].name]: JSON.stringify(newName) });
}

/** A modern server's tool as it is told to a client of 2025-11-25 that may call it as a task: whether it becomes one, the server says with each call. */
export function offerAsTask(tool: Buffer): Buffer {
  const object = scanObject(tool);
  const execution = object === undefined ? undefined : memberObject(object, 'execution');
  if (object === undefined) return tool;
  const support = { taskSupport: '"optional"' };
  return applyEdits(object, {
    execution: execution === undefined ? writeObject(support) : applyEdits(execution, support),
  });
}

function schemaEdit(tool: RawObject, from: Revision, to: Revision): { outputSchema?: Buffer | undefined } {
  const member = findMember(tool, 'outputSchema');
  if (member === undefined) return {};
  if (to < '2025-06-18') return { outputSchema: undefined };
  if (eraOf(from) === 'legacy' || eraOf(to) === 'modern') return {};
  const schema = memberBytes(tool, member);
  const bridged = bridgeOutputSchema(schema);
  return bridged === schema ? {} : { outputSchema: bridged };
}

// Modern clients must not use a tool with an invalid `x-mcp-header` (server/tools §x-mcp-header), and towards a modern server the gateway
// is the client. Between legacy legs it is an unknown word.
function hasBadHeaders(tool: RawObject, from: Revision, to: Revision): boolean {
  if (eraOf(from) === 'legacy' && eraOf(to) === 'legacy') return false;
  const schema = bytesOf(tool, 'inputSchema')?.toString('latin1');
  if (schema === undefined || !(schema.includes('x-mcp-header') || schema.includes('\\u'))) return false;
  return !compileParamHeaders(memberValue(tool, 'inputSchema')).ok;
}

// Task support is a word of 2025-11-25 alone: a client of another revision just calls, and the gateway looks after the task (eras.md §2.8).
function executionEdit(tool: RawObject): { execution?: Buffer | undefined } {
  const execution = memberObject(tool, 'execution');
  if (execution === undefined || findMember(execution, 'taskSupport') === undefined) return {};
  const rest = applyEdits(execution, { taskSupport: undefined });
  return { execution: rest.length === 2 ? undefined : rest };
}

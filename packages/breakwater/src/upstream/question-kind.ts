import type { ServerQuestion, UpstreamCall } from '../core/ports.ts';
import { RpcCode } from '../jsonrpc/message.ts';
import { memberObject, memberValue, type RawObject } from '../jsonrpc/raw.ts';
import { abandonQuestion } from '../protocol/bridge/questions/answer.ts';
import { taskIdOf } from '../protocol/bridge/tasks/task-id.ts';
import type { CapabilityProfile } from '../protocol/capabilities.ts';
import { META } from '../protocol/meta.ts';

/** What a client must have declared to be asked this; undefined for what is no question. */
export function neededCapability(method: string, params: RawObject | undefined): keyof CapabilityProfile | undefined {
  if (method === 'sampling/createMessage') return 'sampling';
  if (method === 'roots/list') return 'roots';
  if (method !== 'elicitation/create') return undefined;
  return params !== undefined && memberValue(params, 'mode') === 'url' ? 'elicitUrl' : 'elicitForm';
}

/** True for a question that names the task which this call waits for (2025-11-25 basic/utilities/tasks §Associating Task-Related Messages). */
export function isAboutTaskOf(params: RawObject | undefined, { method, params: of }: UpstreamCall): boolean {
  const meta = params === undefined ? undefined : memberObject(params, '_meta');
  const related = meta === undefined ? undefined : memberObject(meta, META.relatedTask);
  const id = related === undefined ? undefined : taskIdOf(related);
  return id !== undefined && method === 'tasks/result' && of !== undefined && taskIdOf(of) === id;
}

/**
 * The answer to a question that nobody takes (eras.md §2.13): `hasCalls` when there are requests in flight, but none whose client can be asked. Outside of
 * any an elicitation has a word for it that servers survive.
 */
export function refuseQuestion(method: string, hasCalls: boolean): Parameters<ServerQuestion['answer']>[0] {
  if (hasCalls) return { error: { code: RpcCode.methodNotFound, message: 'Client cannot be asked this' } };
  if (method === 'elicitation/create') return abandonQuestion(method, 'unused');
  return { error: { code: RpcCode.methodNotFound, message: 'Client cannot be asked outside a request' } };
}

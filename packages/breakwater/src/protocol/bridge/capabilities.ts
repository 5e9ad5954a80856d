import { isObject, type JsonObject } from '../capabilities.ts';
import { TASKS_EXTENSION } from '../meta.ts';
import { eraOf, type Revision } from '../revision.ts';
import { declareTasks } from './tasks/task-call.ts';
import { servesTasks } from './tasks/task-support.ts';

/**
 * A server's declared capabilities as a client of `to` may be told them (eras.md §2.4): everything that can be carried between the two
 * revisions. The same object where they are the same. `crossTasks`: tasks are translated, so those of the one form are offered in the other.
 */
export function serverCapabilitiesFor(
  capabilities: JsonObject,
  from: Revision,
  to: Revision,
  options: { readonly crossTasks?: boolean } = {},
): JsonObject {
  if (from === to) return capabilities;
  const carried = withoutForeign(capabilities, from, to);
  if (options.crossTasks !== true || eraOf(from) === eraOf(to) || !servesTasks(from, capabilities)) return carried;
  if (to === '2025-11-25') return { ...carried, tasks: LEGACY_TASKS };
  return to === '2026-07-28' ? declareTasks(carried) : carried;
}

const LEGACY_TASKS: JsonObject = { list: {}, cancel: {}, requests: { tools: { call: {} } } };

/**
 * A client's declared capabilities as the upstream leg declares them. `canAsk: false` (nowhere to send a question to, or a shared upstream)
 * drops every capability that lets a server ask; `tasks` declares the tasks extension, because the gateway looks after the task.
 */
export function clientCapabilitiesFor(
  capabilities: JsonObject,
  from: Revision,
  to: Revision,
  options: { readonly canAsk: boolean; readonly tasks?: boolean },
): JsonObject {
  const declares = options.tasks === true && eraOf(to) === 'modern';
  if (from === to && options.canAsk && !declares) return capabilities;
  // A client declares the same with each request.
  const key = `${from} ${to} ${options.canAsk} ${declares}`;
  let known = BRIDGED.get(capabilities);
  if (known === undefined) {
    known = new Map();
    BRIDGED.set(capabilities, known);
  }
  let bridged = known.get(key);
  if (bridged === undefined) {
    bridged = bridgeClient(capabilities, from, to, options);
    if (declares) bridged = declareTasks(bridged);
    known.set(key, bridged);
  }
  return bridged;
}

const BRIDGED = new WeakMap<JsonObject, Map<string, JsonObject>>();

function bridgeClient(
  capabilities: JsonObject,
  from: Revision,
  to: Revision,
  options: { readonly canAsk: boolean },
): JsonObject {
  const { elicitation, sampling, roots, tasks, ...rest } = capabilities;
  if (from === to) {
    if (options.canAsk) return capabilities;
    return rest;
  }
  const quiet = withoutForeign(rest, from, to);
  if (!options.canAsk) return quiet;
  return defined({
    ...quiet,
    elicitation: elicitationFor(elicitation, from, to),
    sampling: samplingFor(sampling, from, to),
    roots: rootsFor(roots, from, to),
  });
}

/** The union of what several servers declare: a flag is set when one sets it. */
export function mergeServerCapabilities(list: readonly JsonObject[]): JsonObject {
  return list.reduce<JsonObject>((merged, capabilities) => mergeObjects(merged, capabilities, MERGE_DEPTH), {});
}

/** Capabilities are two levels deep; more is a server's own invention and bounded. */
const MERGE_DEPTH = 8;

function mergeObjects(left: JsonObject, right: JsonObject, depth: number): JsonObject {
  const merged = new Map(Object.entries(left));
  for (const [key, value] of Object.entries(right)) {
    const before = merged.get(key);
    if (before === undefined) merged.set(key, value);
    else if (isObject(before) && isObject(value) && depth > 0) merged.set(key, mergeObjects(before, value, depth - 1));
    else if (before === false && value === true) merged.set(key, true);
  }
  return Object.fromEntries(merged);
}

// Tasks mean another thing in each revision (eras.md §2.8). An experiment is an agreement outside of the specification, which a leg of the other
// era was not asked about.
function withoutForeign(capabilities: JsonObject, from: Revision, to: Revision): JsonObject {
  const { tasks, experimental, extensions, ...rest } = capabilities;
  const kept = eraOf(from) === eraOf(to) ? experimental : undefined;
  return defined({ ...rest, experimental: kept, extensions: extensionsFor(extensions) });
}

// The tasks extension names the modern protocol; SEP-2663 forbids reading it as the legacy one. Other extensions have no era.
function extensionsFor(extensions: unknown): unknown {
  if (!isObject(extensions) || !Object.hasOwn(extensions, TASKS_EXTENSION)) return extensions;
  const { [TASKS_EXTENSION]: _, ...rest } = extensions;
  return Object.keys(rest).length === 0 ? undefined : rest;
}

// `elicitation` is a word since 2025-06-18 (form only), its modes since 2025-11-25. Without a mode it means form.
function elicitationFor(value: unknown, from: Revision, to: Revision): unknown {
  if (!isObject(value) || from < '2025-06-18' || to < '2025-06-18') return undefined;
  const { form, url, ...rest } = value;
  const hasForm = isObject(form) || !isObject(url);
  if (to < '2025-11-25') return hasForm ? {} : undefined;
  const carriesUrl = from >= '2025-11-25' && isObject(url);
  if (!hasForm && !carriesUrl) return undefined;
  return defined({
    ...rest,
    form: hasForm ? (isObject(form) ? form : {}) : undefined,
    url: carriesUrl ? url : undefined,
  });
}

// `sampling.tools` and `sampling.context` are words since 2025-11-25.
function samplingFor(value: unknown, from: Revision, to: Revision): unknown {
  if (!isObject(value)) return undefined;
  if (from >= '2025-11-25' && to >= '2025-11-25') return value;
  const { tools, context, ...rest } = value;
  return rest;
}

// A legacy server asks for roots right after the handshake, when a modern client has no request to be asked in (eras.md §2.3): not declared.
// Towards a modern server the change notification does not exist.
function rootsFor(value: unknown, from: Revision, to: Revision): unknown {
  if (!isObject(value)) return undefined;
  if (eraOf(to) === 'legacy') return eraOf(from) === 'legacy' ? value : undefined;
  const { listChanged, ...rest } = value;
  return rest;
}

function defined(members: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

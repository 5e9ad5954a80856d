import type { Era } from './revision.ts';

/** The four catalogue lists: which method asks for them, which member of the result holds the items, which member names an item. */
export const LISTS = {
  tools: { method: 'tools/list', member: 'tools', name: 'name' },
  prompts: { method: 'prompts/list', member: 'prompts', name: 'name' },
  resources: { method: 'resources/list', member: 'resources', name: 'uri' },
  resourceTemplates: { method: 'resources/templates/list', member: 'resourceTemplates', name: 'uriTemplate' },
} as const;

/** One of the four catalogue lists. */
export type ListKind = keyof typeof LISTS;

/** What the gateway must know of a client's request method. */
export interface MethodTraits {
  readonly eras: readonly Era[];
  /** The member of `params` that names what is addressed; it is also the source of `Mcp-Name`. */
  readonly nameFrom?: 'name' | 'uri' | 'taskId';
  /** Reads only: may be sent again after a lost upstream without asking anybody. */
  readonly safe: boolean;
  /** The modern result carries `ttlMs` and `cacheScope`. */
  readonly cacheable: boolean;
  /** The server may ask the client something in the middle (2026-07-28 patterns/mrtr §Supported Requests). */
  readonly interactive: boolean;
  readonly list?: ListKind;
}

const BOTH: readonly Era[] = ['legacy', 'modern'];
const LEGACY: readonly Era[] = ['legacy'];
const MODERN: readonly Era[] = ['modern'];
const read = { safe: true, cacheable: false, interactive: false } as const;

const METHODS: Readonly<Record<string, MethodTraits>> = {
  initialize: { eras: LEGACY, ...read },
  ping: { eras: LEGACY, ...read },
  'logging/setLevel': { eras: LEGACY, ...read },
  'resources/subscribe': { eras: LEGACY, ...read, nameFrom: 'uri' },
  'resources/unsubscribe': { eras: LEGACY, ...read, nameFrom: 'uri' },
  'server/discover': { eras: MODERN, ...read, cacheable: true },
  'subscriptions/listen': { eras: MODERN, ...read },
  'tools/list': { eras: BOTH, ...read, cacheable: true, list: 'tools' },
  'prompts/list': { eras: BOTH, ...read, cacheable: true, list: 'prompts' },
  'resources/list': { eras: BOTH, ...read, cacheable: true, list: 'resources' },
  'resources/templates/list': { eras: BOTH, ...read, cacheable: true, list: 'resourceTemplates' },
  'resources/read': { eras: BOTH, safe: true, cacheable: true, interactive: true, nameFrom: 'uri' },
  'prompts/get': { eras: BOTH, safe: true, cacheable: false, interactive: true, nameFrom: 'name' },
  'tools/call': { eras: BOTH, safe: false, cacheable: false, interactive: true, nameFrom: 'name' },
  'completion/complete': { eras: BOTH, ...read },
  'tasks/get': { eras: BOTH, ...read, nameFrom: 'taskId' },
  // It blocks until the task ends and carries the task's questions: like the call that made the task.
  'tasks/result': { eras: LEGACY, safe: false, cacheable: false, interactive: true, nameFrom: 'taskId' },
  'tasks/list': { eras: LEGACY, ...read },
  'tasks/cancel': { eras: BOTH, safe: false, cacheable: false, interactive: false, nameFrom: 'taskId' },
  'tasks/update': { eras: MODERN, safe: false, cacheable: false, interactive: false, nameFrom: 'taskId' },
};

/** Traits of a request method, or undefined for one no revision defines. */
export function methodTraits(method: string): MethodTraits | undefined {
  return Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
}

/** True when `method` exists in `era`. */
export function isMethodOf(method: string, era: Era): boolean {
  return methodTraits(method)?.eras.includes(era) === true;
}

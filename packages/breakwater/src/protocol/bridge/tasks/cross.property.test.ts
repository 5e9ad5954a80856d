import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RawObject, scanObject } from '../../../jsonrpc/raw.ts';
import { offerAsTask } from '../items.ts';
import {
  createTaskResultFromLegacy,
  createTaskResultFromModern,
  tasksGetFromLegacy,
  tasksGetFromModern,
} from './task-form.ts';
import { withoutRelatedTask, withRelatedTask } from './task-result.ts';

const OWN = new Set([
  'taskId',
  'status',
  'createdAt',
  'lastUpdatedAt',
  'ttlMs',
  'pollIntervalMs',
  'ttl',
  'pollInterval',
]);
const TAKEN = new Set([
  ...OWN,
  'resultType',
  'result',
  'error',
  'inputRequests',
  '_meta',
  'task',
  'execution',
  '__proto__',
]);

/** Members that no revision knows. */
const extras = fc
  .dictionary(
    fc.string().filter((key) => !TAKEN.has(key)),
    fc.jsonValue(),
    { maxKeys: 5 },
  )
  // As JSON brings it: there is no -0 in it.
  .map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>);
const statuses = fc.constantFrom('working', 'input_required', 'completed', 'failed', 'cancelled');
const modernTask = fc
  .tuple(extras, fc.string(), statuses, fc.option(fc.nat()), fc.option(fc.nat(), { nil: undefined }))
  .map(([extra, taskId, status, ttlMs, pollIntervalMs]) => ({
    ...extra,
    taskId,
    status,
    createdAt: '2026-01-01T00:00:00Z',
    lastUpdatedAt: '2026-01-01T00:00:00Z',
    ttlMs,
    ...(pollIntervalMs === undefined ? {} : { pollIntervalMs }),
  }));

function scan(value: unknown): RawObject {
  const object = scanObject(Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value)));
  if (object === undefined) throw new TypeError(String(value));
  return object;
}

function parse(bytes: Buffer | undefined): Record<string, unknown> {
  return JSON.parse(String(bytes)) as Record<string, unknown>;
}

describe('a task between the eras, whatever is in it', () => {
  it('comes back from 2025-11-25 as it was, but for what has to be fetched', () => {
    fc.assert(
      fc.property(modernTask, (task) => {
        const there = createTaskResultFromModern(scan({ ...task, resultType: 'task' }));
        const back = parse(createTaskResultFromLegacy(scan(there)));
        const status = task.status === 'cancelled' ? 'cancelled' : 'working';
        expect(back).toEqual({ ...task, status, resultType: 'task' });
      }),
    );
  });

  it('is told in 2025-11-25 without a word of the other form, and keeps what nobody knows', () => {
    fc.assert(
      fc.property(modernTask, fc.jsonValue(), (task, inline) => {
        const full = { ...task, resultType: 'complete', result: inline, error: inline, inputRequests: inline };
        const told = parse(tasksGetFromModern(scan(full)));
        for (const key of ['resultType', 'result', 'error', 'inputRequests', 'ttlMs', 'pollIntervalMs'])
          expect(told).not.toHaveProperty(key);
        const { ttlMs, pollIntervalMs, ...rest } = task;
        const poll = pollIntervalMs === undefined ? {} : { pollInterval: pollIntervalMs };
        expect({ ...told, status: task.status }).toEqual({ ...rest, ttl: ttlMs, ...poll });
      }),
    );
  });

  it('is never told to be over without its result, nor to wait without its questions', () => {
    fc.assert(
      fc.property(modernTask, (task) => {
        const legacy = scan(tasksGetFromModern(scan(task)));
        const told = parse(tasksGetFromLegacy(legacy, {}));
        expect(told['status']).toBe(task.status === 'cancelled' ? 'cancelled' : 'working');
        expect(told['resultType']).toBe('complete');
      }),
    );
  });

  it('names its result and takes the name away again', () => {
    fc.assert(
      fc.property(extras, fc.string(), (result, taskId) => {
        const named = withRelatedTask(scan(result), taskId);
        expect(parse(named)['_meta']).toEqual({ 'io.modelcontextprotocol/related-task': { taskId } });
        expect(parse(withoutRelatedTask(scan(named)))).toEqual(result);
      }),
    );
  });

  it('is offered on a tool without changing anything else of it', () => {
    fc.assert(
      fc.property(extras, fc.option(extras, { nil: undefined }), (tool, execution) => {
        const offered = parse(offerAsTask(Buffer.from(JSON.stringify({ ...tool, execution }))));
        expect(offered).toEqual({ ...tool, execution: { ...execution, taskSupport: 'optional' } });
      }),
    );
  });
});

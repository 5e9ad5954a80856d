import { CreateTaskResultSchema, GetTaskResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it } from 'vitest';
import { type RawObject, scanObject } from '../../../jsonrpc/raw.ts';
import {
  absorbLegacyTask,
  declaresTasks,
  declareTasks,
  taskCallToLegacy,
  taskSupportOf,
  wantsTask,
} from './task-call.ts';
import {
  createTaskResultFromLegacy,
  createTaskResultFromModern,
  TASK_ACKNOWLEDGED,
  taskStatusFromLegacy,
  taskStatusFromModern,
  tasksGetFromLegacy,
  tasksGetFromModern,
} from './task-form.ts';
import { renameTask, renameTaskList, taskIdOf } from './task-id.ts';
import { completedTask, withoutRelatedTask, withRelatedTask } from './task-result.ts';

const TIMES = '"createdAt":"2026-01-01T00:00:00Z","lastUpdatedAt":"2026-01-01T00:00:01Z"';

function scan(text: string | Buffer): RawObject {
  const object = scanObject(Buffer.from(text));
  if (object === undefined) throw new TypeError(String(text));
  return object;
}

function parse(bytes: Buffer | undefined): unknown {
  return bytes === undefined ? undefined : (JSON.parse(bytes.toString()) as unknown);
}

describe('a task between the eras', () => {
  const modern = `{"resultType":"task","taskId":"t","status":"working",${TIMES},"ttlMs":9007199254740993,"pollIntervalMs":500,"x":1}`;

  it('is created with the names of each', () => {
    const legacy = createTaskResultFromModern(scan(modern));
    expect(legacy.toString()).toBe(
      `{"task":{"taskId":"t","status":"working",${TIMES},"x":1,"ttl":9007199254740993,"pollInterval":500}}`,
    );
    CreateTaskResultSchema.parse(parse(legacy));
    expect(parse(createTaskResultFromLegacy(scan(legacy)))).toEqual(JSON.parse(modern));
    expect(createTaskResultFromLegacy(scan('{"content":[]}'))).toBeUndefined();
  });

  it('loses what is inlined towards 2025-11-25, where isError fails a task', () => {
    const task = `{"resultType":"complete","taskId":"t","status":"completed",${TIMES},"ttlMs":null,"result":{"content":[],"isError":true}}`;
    const legacy = tasksGetFromModern(scan(task));
    expect(parse(legacy)).toEqual({
      taskId: 't',
      status: 'failed',
      createdAt: expect.any(String),
      lastUpdatedAt: expect.any(String),
      ttl: null,
    });
    GetTaskResultSchema.parse(parse(legacy));
  });

  it('carries its outcome inline towards the modern era', () => {
    const failed = scan(`{"taskId":"t","status":"failed",${TIMES},"ttl":1}`);
    expect(
      parse(tasksGetFromLegacy(failed, { payload: { result: Buffer.from('{"content":[],"isError":true}') } })),
    ).toMatchObject({
      status: 'completed',
      resultType: 'complete',
      result: { resultType: 'complete', isError: true },
    });
    expect(parse(tasksGetFromLegacy(failed, { payload: { error: { code: -1, message: 'm' } } }))).toMatchObject({
      status: 'failed',
      error: { code: -1, message: 'm' },
    });
    // Without its outcome it is not over yet, and without its questions it waits for nobody.
    expect(parse(tasksGetFromLegacy(failed, {}))).toMatchObject({ status: 'working' });
    const waiting = scan(`{"taskId":"t","status":"input_required",${TIMES},"ttl":1}`);
    expect(parse(tasksGetFromLegacy(waiting, {}))).toMatchObject({ status: 'working' });
    expect(parse(tasksGetFromLegacy(waiting, { inputRequests: Buffer.from('{"a":{}}') }))).toMatchObject({
      status: 'input_required',
      inputRequests: { a: {} },
    });
  });

  it('reports its status', () => {
    const params = `{"taskId":"t","status":"working",${TIMES},"ttlMs":1,"_meta":{"io.modelcontextprotocol/subscriptionId":7}}`;
    const legacy = taskStatusFromModern(scan(params));
    expect(parse(legacy)).toMatchObject({ ttl: 1, status: 'working' });
    expect(parse(legacy)).not.toHaveProperty('_meta');
    expect(parse(taskStatusFromLegacy(scan(legacy)))).toMatchObject({ taskId: 't', status: 'working', ttlMs: 1 });
    expect(taskStatusFromLegacy(scan('{"taskId":"t","status":"completed"}'))).toBeUndefined();
  });

  it('has a result that names it in 2025-11-25 alone', () => {
    const named = withRelatedTask(scan('{"content":[],"_meta":{"x":1}}'), 'sealed');
    expect(parse(named)).toEqual({
      content: [],
      _meta: { x: 1, 'io.modelcontextprotocol/related-task': { taskId: 'sealed' } },
    });
    expect(parse(withoutRelatedTask(scan(named)))).toEqual({ content: [], _meta: { x: 1 } });
  });

  it('is acknowledged with nothing but the type of the result', () => {
    expect(parse(TASK_ACKNOWLEDGED)).toEqual({ resultType: 'complete' });
  });

  it('can be made up', () => {
    const task = completedTask({ taskId: 't', createdAt: '2026-01-01T00:00:00Z', ttlMs: 1, failed: false });
    CreateTaskResultSchema.parse(task);
  });
});

describe('the opt-in', () => {
  it('is the extension in the modern era and a param in 2025-11-25', () => {
    const capabilities = { extensions: { x: {} }, roots: {} };
    expect(declaresTasks(capabilities)).toBe(false);
    expect(declareTasks(capabilities)).toEqual({
      roots: {},
      extensions: { x: {}, 'io.modelcontextprotocol/tasks': {} },
    });
    expect(declaresTasks(declareTasks({}))).toBe(true);
    expect(taskCallToLegacy(scan('{"name":"n"}'), 60_000).toString()).toBe('{"name":"n","task":{"ttl":60000}}');
    expect([wantsTask(scan('{"task":{}}')), wantsTask(scan('{"task":null}')), wantsTask(undefined)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(taskSupportOf(scan('{"execution":{"taskSupport":"required"}}'))).toBe('required');
    expect(taskSupportOf(scan('{"execution":{"taskSupport":7}}'))).toBe('forbidden');
  });

  it('absorbs a legacy task by waiting for its result', () => {
    expect(absorbLegacyTask(scan('{"task":{"taskId":"t"}}'))).toEqual({
      method: 'tasks/result',
      params: Buffer.from('{"taskId":"t"}'),
    });
    expect(absorbLegacyTask(scan('{"content":[]}'))).toBeUndefined();
  });
});

describe('task ids', () => {
  const seal = (id: string): string | undefined => (id === 'foreign' ? undefined : `sealed-${id}`);

  it('are renamed wherever they are', () => {
    const text =
      '{"taskId":"a","task":{"taskId":"b","n":1e400},"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"c"}},"notifications":{"taskIds":["d","foreign",7]}}';
    expect(renameTask(scan(text), seal)?.toString()).toBe(
      '{"taskId":"sealed-a","task":{"taskId":"sealed-b","n":1e400},"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"sealed-c"}},"notifications":{"taskIds":["sealed-d"]}}',
    );
    expect(renameTask(scan('{ "x":1 }'), seal)?.toString()).toBe('{ "x":1 }');
    expect(taskIdOf(scan('{"task":{"taskId":"b"}}'))).toBe('b');
  });

  // Attack: a task id that belongs to somebody else.
  it('without another name are refused, and left out of lists', () => {
    expect(renameTask(scan('{"taskId":"foreign"}'), seal)).toBeUndefined();
    expect(
      renameTask(scan('{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"foreign"}}}'), seal),
    ).toBeUndefined();
    expect(
      renameTaskList(scan('{"tasks":[{"taskId":"foreign"},{"taskId":"a"}],"nextCursor":"c"}'), seal).toString(),
    ).toBe('{"tasks":[{"taskId":"sealed-a"}],"nextCursor":"c"}');
  });
});

import { describe, expect, it } from 'vitest';
import { scanObject } from '../../../jsonrpc/raw.ts';
import {
  createdTask,
  crossesTasks,
  expectsTask,
  insistsOnTask,
  mayRefusePlain,
  servesTasks,
  sharesTasks,
} from './task-support.ts';

const EXTENSION = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
const CORE = { tasks: { requests: { tools: { call: {} } } } };
const modern = { revision: '2026-07-28', capabilities: EXTENSION } as const;
const legacy = { revision: '2025-11-25', capabilities: CORE } as const;
const asTask = scanObject(Buffer.from('{"name":"t","task":{}}'));
const plain = scanObject(Buffer.from('{"name":"t"}'));

describe('who knows tasks', () => {
  it('says each revision in its own words', () => {
    expect(servesTasks('2026-07-28', EXTENSION)).toBe(true);
    expect(servesTasks('2025-11-25', CORE)).toBe(true);
    // SEP-2663 §Backward Compatibility: neither word means anything in the other revision.
    expect(servesTasks('2026-07-28', CORE)).toBe(false);
    expect(servesTasks('2025-11-25', EXTENSION)).toBe(false);
    expect(servesTasks('2025-06-18', CORE)).toBe(false);
    expect(servesTasks('2025-11-25', { tasks: { list: {} } })).toBe(false);
  });

  it('is shared only between equals', () => {
    expect(sharesTasks(modern, modern)).toBe(true);
    expect(sharesTasks({ ...modern, capabilities: {} }, modern)).toBe(false);
    expect(sharesTasks({ revision: '2025-11-25', capabilities: {} }, legacy)).toBe(true);
    expect(sharesTasks(modern, legacy)).toBe(false);
    expect(sharesTasks(legacy, modern)).toBe(false);
  });

  it('is translated only between the two revisions that have tasks, for those who know them', () => {
    expect(crossesTasks(legacy, modern)).toBe(true);
    expect(crossesTasks(modern, legacy)).toBe(true);
    expect(crossesTasks({ ...legacy, capabilities: {} }, modern)).toBe(true);
    expect(crossesTasks({ ...modern, capabilities: {} }, legacy)).toBe(false);
    expect(crossesTasks(modern, { ...legacy, capabilities: {} })).toBe(false);
    expect(crossesTasks({ ...legacy, revision: '2025-06-18' }, modern)).toBe(false);
    expect([crossesTasks(modern, modern), crossesTasks(legacy, legacy)]).toEqual([false, false]);
  });

  it('is asked for with each legacy call', () => {
    expect(expectsTask(legacy, legacy, asTask)).toBe(true);
    expect(expectsTask(legacy, legacy, plain)).toBe(false);
    expect(expectsTask(modern, modern, plain)).toBe(true);
  });
});

describe('an answer', () => {
  it.each([
    ['{"resultType":"task","taskId":"t"}', '2026-07-28', true],
    ['{"resultType":"complete","content":[{"type":"text","text":"\\"task\\""}]}', '2026-07-28', false],
    ['{"resultType":"complete","structuredContent":{"resultType":"task"}}', '2026-07-28', false],
    ['{"task":{"taskId":"t"}}', '2025-11-25', true],
    ['{"content":[],"structuredContent":{"task":{"taskId":"t"}}}', '2025-11-25', false],
    ['["task"]', '2026-07-28', false],
  ] as const)('%s of %s is a task: %s', (result, revision, isTask) => {
    expect(createdTask(Buffer.from(result), revision) !== undefined).toBe(isTask);
  });

  it.each([
    [
      '{"code":-32021,"message":"m","data":{"requiredCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}}',
      true,
    ],
    ['{"code":-32021,"message":"io.modelcontextprotocol/tasks"}', false],
    [
      '{"code":-32603,"message":"m","data":{"requiredCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}}',
      false,
    ],
    ['{"code":-32021,"message":"m","data":{"requiredCapabilities":{"elicitation":{}}}}', false],
  ])('%s insists on tasks: %s', (error, insists) => {
    expect(insistsOnTask(Buffer.from(error))).toBe(insists);
  });

  it('may be a refusal to run a tool without a task', () => {
    expect(mayRefusePlain({ error: Buffer.from('{"code":-32601,"message":"m"}') })).toBe(true);
    expect(mayRefusePlain({ error: Buffer.from('{"code":-32602,"message":"m"}') })).toBe(false);
    expect(mayRefusePlain({ result: Buffer.from('{"content":[],"isError":true}') })).toBe(true);
    expect(mayRefusePlain({ result: Buffer.from('{"content":[{"type":"text","text":"\\"isError\\":true"}]}') })).toBe(
      false,
    );
  });
});

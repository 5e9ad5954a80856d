import { describe, expect, it } from 'vitest';
import { profileOf } from '../capabilities.ts';
import { LEGACY_REVISIONS, REVISIONS } from '../revision.ts';
import { clientCapabilitiesFor, mergeServerCapabilities, serverCapabilitiesFor } from './capabilities.ts';

describe('mergeServerCapabilities', () => {
  it('is the union, at every level', () => {
    expect(
      mergeServerCapabilities([
        { tools: { listChanged: false }, resources: { subscribe: true }, extensions: { a: { x: 1 } } },
        { tools: { listChanged: true }, prompts: {}, resources: {}, extensions: { a: { x: 2, y: 1 }, b: {} } },
      ]),
    ).toEqual({
      tools: { listChanged: true },
      resources: { subscribe: true },
      extensions: { a: { x: 1, y: 1 }, b: {} },
      prompts: {},
    });
  });

  it('of nothing is nothing, of one is that one', () => {
    expect(mergeServerCapabilities([])).toEqual({});
    expect(mergeServerCapabilities([{ tools: {} }])).toEqual({ tools: {} });
  });

  // Attack: a capability called __proto__ must become neither a prototype nor everybody's capability.
  it('keeps __proto__ a name', () => {
    const hostile = JSON.parse('{"__proto__":{"tools":{}},"extensions":{"__proto__":{"polluted":true}}}') as object;
    const merged = mergeServerCapabilities([{ extensions: {} }, hostile as Record<string, unknown>]);
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect('tools' in merged).toBe(false);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('serverCapabilitiesFor', () => {
  it('returns the same object between equal revisions', () => {
    const capabilities = { tasks: {}, experimental: {} };
    for (const revision of REVISIONS) {
      expect(serverCapabilitiesFor(capabilities, revision, revision)).toBe(capabilities);
    }
  });

  it('offers tasks in the form of the other era where they are translated, and nowhere else', () => {
    const crossTasks = { crossTasks: true };
    const modern = { tools: {}, extensions: { x: {}, 'io.modelcontextprotocol/tasks': {} } };
    const legacy = { tools: {}, tasks: { list: {}, requests: { tools: { call: {} } } } };
    expect(serverCapabilitiesFor(modern, '2026-07-28', '2025-11-25', crossTasks)).toEqual({
      tools: {},
      extensions: { x: {} },
      tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } },
    });
    expect(serverCapabilitiesFor(legacy, '2025-11-25', '2026-07-28', crossTasks)).toEqual({
      tools: {},
      extensions: { 'io.modelcontextprotocol/tasks': {} },
    });
    expect(serverCapabilitiesFor(modern, '2026-07-28', '2025-06-18', crossTasks)).not.toHaveProperty('tasks');
    expect(serverCapabilitiesFor(legacy, '2025-06-18', '2026-07-28', crossTasks)).toEqual({ tools: {} });
    expect(serverCapabilitiesFor({ tools: {} }, '2025-11-25', '2026-07-28', crossTasks)).toEqual({ tools: {} });
  });

  it('never lets tasks cross, in either spelling', () => {
    const capabilities = { tasks: { list: {} }, extensions: { 'io.modelcontextprotocol/tasks': {} } };
    for (const from of REVISIONS) {
      for (const to of REVISIONS) if (from !== to) expect(serverCapabilitiesFor(capabilities, from, to)).toEqual({});
    }
  });
});

describe('clientCapabilitiesFor', () => {
  const everything = {
    elicitation: { form: {}, url: {} },
    sampling: { tools: {}, context: {} },
    roots: { listChanged: true },
    tasks: {},
  };

  it('declares nothing that lets a server ask when it cannot', () => {
    for (const from of REVISIONS) {
      for (const to of REVISIONS) {
        expect(clientCapabilitiesFor(everything, from, to, { canAsk: false })).toEqual({});
      }
    }
  });

  it('never declares more than the client did', () => {
    for (const from of REVISIONS) {
      for (const to of REVISIONS) {
        const reduced = profileOf(clientCapabilitiesFor({ elicitation: { url: {} } }, from, to, { canAsk: true }));
        expect(reduced).toMatchObject({ elicitForm: false, sampling: false, roots: false });
      }
    }
  });

  it('declares to a legacy server only the words of its revision', () => {
    for (const to of LEGACY_REVISIONS) {
      const declared = clientCapabilitiesFor(everything, '2026-07-28', to, { canAsk: true });
      expect(declared['roots']).toBeUndefined();
      expect(declared['tasks']).toBeUndefined();
      expect('elicitation' in declared).toBe(to >= '2025-06-18');
      expect(declared['sampling']).toEqual(to === '2025-11-25' ? { tools: {}, context: {} } : {});
    }
  });
});

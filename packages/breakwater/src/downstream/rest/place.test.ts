import { describe, expect, test } from 'vitest';
import type { RouteOptions } from '../options.ts';
import { createRestPlaces } from './place.ts';

function route(path: string, rest = true): RouteOptions {
  return { path, handshake: 'lenient', sessionless: true, legacySse: true, rest, accommodations: {} };
}

const placeOf = createRestPlaces([route('/mcp'), route('/mcp/files'), route('/shut', false)]);

describe('what a path of the door means', () => {
  test.each([
    ['/api', { area: 'index' }],
    ['/api/', { area: 'index' }],
    ['/api/tools', { area: 'tools' }],
    ['/api/tools/', { area: 'tools' }],
    ['/api/tools/echo', { area: 'tool', name: 'echo', answers: false }],
    ['/api/tools/a%2Fb', { area: 'tool', name: 'a/b', answers: false }],
    ['/api/tools/echo/answers', { area: 'tool', name: 'echo', answers: true }],
    ['/api/tools/answers', { area: 'tool', name: 'answers', answers: false }],
    ['/api/tools/echo/other', { area: 'unknown' }],
    ['/api/prompts/greet', { area: 'prompt', name: 'greet', answers: false }],
    ['/api/resources', { area: 'resources' }],
    ['/api/resources/demo%3A%2F%2Freadme', { area: 'resource', uri: 'demo://readme' }],
    ['/api/resources/demo://readme', { area: 'resource', uri: 'demo://readme' }],
    ['/api/resources/answers', { area: 'resource-answers' }],
    ['/api/resource-templates', { area: 'resource-templates' }],
    ['/api/calls/call_1', { area: 'call', id: 'call_1' }],
    ['/api/calls', { area: 'unknown' }],
    ['/api/docs', { area: 'docs' }],
    ['/api/openapi.json', { area: 'openapi', form: 'json' }],
    ['/openapi.json', { area: 'openapi', form: 'json' }],
    ['/openapi.yaml', { area: 'openapi', form: 'yaml' }],
    ['/api/v1/openapi.json', { area: 'openapi', form: 'moved' }],
    ['/api/tools/%zz', { area: 'unknown' }],
    ['/api//tools', { area: 'unknown' }],
    ['/api/constructor', { area: 'unknown' }],
  ])('%s', (path, target) => {
    expect(placeOf(path)).toMatchObject({ kind: 'rest', route: { path: '/mcp' }, base: '/api', target });
  });

  test.each([
    ['/mcp/files/api', { area: 'index' }],
    ['/mcp/files/api/tools/read', { area: 'tool', name: 'read', answers: false }],
    ['/mcp/files/openapi.json', { area: 'openapi', form: 'json' }],
  ])('%s belongs to its own route', (path, target) => {
    expect(placeOf(path)).toMatchObject({ route: { path: '/mcp/files' }, base: '/mcp/files/api', target });
  });

  test.each(['/', '/apis', '/shut/api', '/shut/openapi.json', '/mcp', '/mcp/api'])('%s is nobody’s', (path) => {
    expect(placeOf(path)).toBeUndefined();
  });

  test('the first route that has a door has the names that clients know', () => {
    const doors = createRestPlaces([route('/shut', false), route('/tools'), route('/mcp')]);
    expect(doors('/openapi.json')).toMatchObject({ route: { path: '/tools' }, base: '/tools/api' });
  });

  test('inside another server, what is unknown and names that every server has are its own', () => {
    const mounted = (path: string) => placeOf(path)?.mounted;
    expect(['/api/users', '/openapi.json', '/api/v1/openapi.json'].map(mounted)).toEqual([false, false, false]);
    expect(['/api', '/api/tools/x', '/mcp/openapi.json'].map(mounted)).toEqual([true, true, true]);
  });
});

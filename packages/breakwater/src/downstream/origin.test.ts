import { expect, test } from 'vitest';
import { isAllowedHost, isAllowedOrigin, isPublicSite } from './origin.ts';

test.each([
  ['localhost', true],
  ['localhost:80', true],
  ['LocalHost', true],
  ['localhost:', true],
  ['localhost:80:80', false],
  ['localhost.', false],
  ['[::1]', true],
  ['[::1]:8808', true],
  ['::1', false],
  ['exact:99', true],
  ['exact', false],
  ['exact:98', false],
  ['', false],
  [undefined, false],
])('host %s', (host, allowed) => {
  expect(isAllowedHost(host, ['localhost', '[::1]', 'exact:99'])).toBe(allowed);
});

test('any host with *', () => {
  expect([isAllowedHost('x', ['*']), isAllowedHost(undefined, ['*'])]).toEqual([true, true]);
});

test.each([
  ['http://localhost', true],
  ['http://localhost:3000', true],
  ['HTTP://LOCALHOST:3000', true],
  ['https://localhost:3000', false],
  ['http://localhost:', false],
  ['http://localhost:3000.evil', false],
  ['http://localhost.evil', false],
  ['https://app.example', true],
  ['https://app.example:8443', false],
  ['null', false],
])('origin %s', (origin, allowed) => {
  expect(isAllowedOrigin(origin, ['http://localhost:*', 'https://app.example'])).toBe(allowed);
});

test.each([
  [undefined, false],
  ['http://localhost:8808', false],
  ['http://127.0.0.1/x', false],
  ['http://[::1]:1', false],
  ['https://mcp.example.com', true],
  // A name that only begins like a loopback address is somebody's.
  ['https://127.0.0.1.example.com', true],
])('%s is a public site: %s', (publicUrl, is) => {
  expect(isPublicSite(publicUrl)).toBe(is);
});

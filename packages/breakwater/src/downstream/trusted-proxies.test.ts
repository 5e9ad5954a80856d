import { expect, test } from 'vitest';
import { trustProxies } from './trusted-proxies.ts';

test.each<[list: string[], inside: string[], outside: string[]]>([
  [[], [], ['127.0.0.1', '::1']],
  [['loopback'], ['127.0.0.1', '127.9.9.9', '::1'], ['128.0.0.1', '10.0.0.1', '::2', 'fe80::1']],
  [['linklocal'], ['169.254.1.1', 'fe80::1'], ['169.255.0.1', 'fec0::1']],
  [['uniquelocal'], ['10.1.2.3', '172.31.0.1', '192.168.0.1', 'fd00::1'], ['172.32.0.1', '192.169.0.1', '2001:db8::1']],
  [
    ['192.0.2.7', '2001:db8::/32'],
    ['192.0.2.7', '2001:db8:ffff::1'],
    ['192.0.2.8', '2001:db9::1'],
  ],
  [['0.0.0.0/0'], ['8.8.8.8'], ['::1']],
])('%j', (list, inside, outside) => {
  const isTrusted = trustProxies(list);
  expect(inside.filter((address) => !isTrusted(address))).toEqual([]);
  expect(outside.filter(isTrusted)).toEqual([]);
});

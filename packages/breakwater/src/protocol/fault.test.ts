import { expect, it } from 'vitest';
import { makeFault } from './fault.ts';

it('carries the numbers of its row', () => {
  expect(makeFault('envelope.mismatch', 'm')).toEqual({
    code: 'envelope.mismatch',
    rpc: -32020,
    http: 400,
    message: 'm',
  });
  expect(makeFault('version.unsupported', 'm', { a: 1 })).toMatchObject({ rpc: -32022, data: { a: 1 } });
});

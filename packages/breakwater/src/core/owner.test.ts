import { describe, expect, it } from 'vitest';
import { Owner } from './owner.ts';

describe('Owner', () => {
  it('releases last in, first out, and skips no step that follows a failing one', async () => {
    const order: string[] = [];
    const faults: unknown[] = [];
    const owner = new Owner((fault) => faults.push(fault));
    owner.defer(() => void order.push('first'));
    owner.defer(() => {
      throw new Error('second fails');
    });
    owner.defer(async () => {
      await Promise.resolve();
      order.push('third');
    });
    await owner.close();
    expect(order).toEqual(['third', 'first']);
    expect(faults).toHaveLength(1);
  });

  it('runs each step once, however often it is closed', async () => {
    let runs = 0;
    const owner = new Owner();
    owner.defer(() => void runs++);
    await Promise.all([owner.close(), owner.close()]);
    await owner.close();
    expect(runs).toBe(1);
  });

  it('releases at once what is deferred after the end, so that nothing is lost in a race', async () => {
    const owner = new Owner();
    await owner.close();
    let released = false;
    owner.defer(() => {
      released = true;
    });
    expect(released).toBe(true);
  });

  it('closes children with it, and forgets a child that closed first', async () => {
    const order: string[] = [];
    const owner = new Owner();
    const early = owner.child();
    const late = owner.child();
    early.defer(() => void order.push('early'));
    late.defer(() => void order.push('late'));
    await early.close();
    expect(owner.size).toBe(1);
    await owner.close();
    expect(order).toEqual(['early', 'late']);
  });
});

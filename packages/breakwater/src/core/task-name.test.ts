import { describe, expect, it } from 'vitest';
import { freshKeyRing, type KeyRing } from './seal.ts';
import { findTask, nameTask, taskOwner } from './task-name.ts';

const keys = freshKeyRing();
const ann = taskOwner({ principal: { key: 'ann', personal: true }, sessionId: 's1' });
const place = { upstream: 'it', id: 'task "1"\n' };

describe('the public id of a task', () => {
  it('is the same every time, visible ASCII, and says nothing', () => {
    const name = nameTask(keys, ann, place);
    expect(nameTask(keys, ann, { ...place })).toBe(name);
    expect(name).toMatch(/^[\x21-\x7e]+$/);
    expect(Buffer.from(name.slice(3), 'base64url').toString('latin1')).not.toContain('task');
    expect(findTask(keys, ann, name)).toEqual({ place, node: undefined });
    expect(findTask(keys, ann, nameTask(keys, ann, place, 'n1'))).toEqual({ place, node: 'n1' });
  });

  it('is another one for each task, upstream and owner', () => {
    const bob = taskOwner({ principal: { key: 'bob', personal: true }, sessionId: 's1' });
    const names = [
      nameTask(keys, ann, place),
      nameTask(keys, ann, { ...place, id: 'other' }),
      nameTask(keys, ann, { ...place, upstream: 'other' }),
      nameTask(keys, bob, place),
      nameTask(freshKeyRing(), ann, place),
    ];
    expect(new Set(names).size).toBe(names.length);
  });

  // Attack: an id stolen, altered, invented, or sealed for another purpose.
  it('opens for its owner alone, and only whole', () => {
    const name = nameTask(keys, ann, place);
    const bob = taskOwner({ principal: { key: 'bob', personal: true }, sessionId: 's1' });
    expect(findTask(keys, bob, name)).toBeUndefined();
    for (let at = 3; at < name.length - 1; at += 7) {
      const altered = `${name.slice(0, at)}${name[at] === 'A' ? 'B' : 'A'}${name.slice(at + 1)}`;
      expect(findTask(keys, ann, altered), `${at}`).toBeUndefined();
    }
    for (const invented of ['', 'g1.', 'g1.AAAA', place.id, name.slice(3)])
      expect(findTask(keys, ann, invented)).toBeUndefined();
  });

  it('still opens after the keys were rotated', () => {
    const rotated: KeyRing = [...freshKeyRing(), ...keys];
    expect(findTask(rotated, ann, nameTask(keys, ann, place))).toMatchObject({ place });
  });

  it('keeps the sessions of strangers apart, and not those of a person', () => {
    const person = { key: 'ann', personal: true };
    const strangers = { key: 'anonymous', personal: false };
    expect(taskOwner({ principal: person, sessionId: 'a' })).toBe(taskOwner({ principal: person, sessionId: 'b' }));
    expect(taskOwner({ principal: strangers, sessionId: 'a' })).not.toBe(
      taskOwner({ principal: strangers, sessionId: 'b' }),
    );
  });
});

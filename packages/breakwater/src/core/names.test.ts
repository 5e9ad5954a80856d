import { describe, expect, it } from 'vitest';
import { MAX_NAME_LENGTH, ownName, publicName } from './names.ts';

describe('publicName', () => {
  it('is the name itself without a prefix, however long', () => {
    expect(publicName('', 'x'.repeat(100))).toBe('x'.repeat(100));
  });

  it('joins the prefix with two underscores', () => {
    expect(publicName('files', 'read_file')).toBe('files__read_file');
  });

  it('cuts a long name to 64 characters with a stable hash, different for different tails', () => {
    const one = publicName('files', `${'a'.repeat(70)}1`);
    const two = publicName('files', `${'a'.repeat(70)}2`);
    expect(one).toHaveLength(MAX_NAME_LENGTH);
    expect(one).not.toBe(two);
    expect(one).toBe('files__aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_7cda51b7');
  });
});

describe('ownName', () => {
  it('undoes the prefix', () => {
    expect(ownName('files', 'files__read_file')).toBe('read_file');
    expect(ownName('', 'read_file')).toBe('read_file');
  });

  it('does not guess for another prefix or for a name that may be cut', () => {
    expect(ownName('files', 'memory__read')).toBeUndefined();
    expect(ownName('files', publicName('files', 'a'.repeat(80)))).toBeUndefined();
  });
});

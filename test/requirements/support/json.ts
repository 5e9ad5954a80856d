/** The value at a path of member names and indices, or undefined where the path breaks off. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<string | number, unknown>)[step];
  }
  return current;
}

/** The text at a path; throws with the whole value where there is none, so that a failed test shows what came instead. */
export function textAt(value: unknown, ...path: (string | number)[]): string {
  const found = at(value, ...path);
  if (typeof found !== 'string') throw new TypeError(`no text at ${path.join('.')}: ${JSON.stringify(value)}`);
  return found;
}

/** The array at a path; throws where there is none. */
export function arrayAt(value: unknown, ...path: (string | number)[]): unknown[] {
  const found = at(value, ...path);
  if (!Array.isArray(found)) throw new TypeError(`no array at ${path.join('.')}: ${JSON.stringify(value)}`);
  return found;
}

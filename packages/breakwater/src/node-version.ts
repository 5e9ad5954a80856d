const LEAST = [22, 19] as const;

/** What to say to somebody whose Node.js is too old (`engines` in package.json is a warning that few see); undefined where it is not. */
export function oldNode(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])) return undefined;
  return `breakwater: this is Node.js ${version}; it needs ${LEAST.join('.')} or later (https://nodejs.org)`;
}

/** Why a file could not be read, in words. */
export function describeReadError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES') return 'this file may not be read (permission denied)';
  if (code === 'EISDIR') return 'this is a folder, not a file';
  return `this file could not be read: ${error instanceof Error ? error.message : String(error)}`;
}

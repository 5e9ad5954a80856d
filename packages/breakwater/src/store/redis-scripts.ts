import { createHash } from 'node:crypto';

/** A Lua script, run by its digest. All its keys live in one slot. */
export interface Script {
  readonly source: string;
  readonly digest: string;
}

/**
 * Epochs come from the server's clock, in µs, and from the last one given, whichever is greater: they grow after a loss of all data, because time
 * went on, and when the clock was set back, because the last one is remembered for a day beyond the lease.
 */
const EPOCH_MEMORY_MS = 86_400_000;

/** KEYS: record. ARGV: ttl, number of fields to set, their names and values, names to remove. */
const WRITE = script(`
local at = 3
for _ = 1, ARGV[2] do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  at = at + 2
end
for gone = at, #ARGV do redis.call('HDEL', KEYS[1], ARGV[gone]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1`);

/** KEYS: record. ARGV: ttl, names and values. */
const CREATE = script(`
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
for at = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1`);

/** KEYS: lease, last epoch. ARGV: holder, ttl. Returns holder and epoch. */
const CLAIM = script(`
local held = redis.call('HMGET', KEYS[1], 'holder', 'epoch')
if held[1] and held[1] ~= ARGV[1] then return held end
local epoch = held[2]
if not held[1] then
  local time = redis.call('TIME')
  local last = tonumber(redis.call('GET', KEYS[2]) or '0')
  epoch = string.format('%.0f', math.max(last + 1, time[1] * 1000000 + time[2]))
  redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'epoch', epoch)
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], epoch, 'PX', ARGV[2] + ${EPOCH_MEMORY_MS})
return {ARGV[1], epoch}`);

/** KEYS: lease, last epoch. ARGV: holder, epoch, ttl. */
const RENEW = script(`
local held = redis.call('HMGET', KEYS[1], 'holder', 'epoch')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3] + ${EPOCH_MEMORY_MS})
return redis.call('PEXPIRE', KEYS[1], ARGV[3])`);

/** KEYS: lease. ARGV: holder, epoch. */
const YIELD = script(`
local held = redis.call('HMGET', KEYS[1], 'holder', 'epoch')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then return 0 end
return redis.call('DEL', KEYS[1])`);

/** KEYS: log, its entries. ARGV: writer, note, ttl. */
const OPEN_LOG = script(`
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'writer', ARGV[1], 'note', ARGV[2], 'last', 0, 'bytes', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`);

/** KEYS: log, its entries. ARGV: writer, entry, most entries, most bytes, ttl. */
const APPEND = script(`
local log = redis.call('HMGET', KEYS[1], 'writer', 'ended', 'bytes')
if log[1] ~= ARGV[1] or log[2] then return 0 end
local count = redis.call('RPUSH', KEYS[2], ARGV[2])
local bytes = log[3] + #ARGV[2]
while count > 0 and (count > tonumber(ARGV[3]) or bytes > tonumber(ARGV[4])) do
  bytes = bytes - #redis.call('LPOP', KEYS[2])
  count = count - 1
end
redis.call('HINCRBY', KEYS[1], 'last', 1)
redis.call('HSET', KEYS[1], 'bytes', bytes)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1`);

/** KEYS: log, its entries. ARGV: writer, ttl. */
const END_LOG = script(`
if redis.call('HMGET', KEYS[1], 'writer')[1] ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'ended', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1`);

const CONTENT = `
local log = redis.call('HMGET', KEYS[1], 'writer', 'note', 'last', 'ended')
return {log[1], log[2], log[3], log[4] and 1 or 0, redis.call('LRANGE', KEYS[2], 0, -1)}`;

/** KEYS: log, its entries. ARGV: new writer, ttl. Returns the content. */
const TAKE_LOG = script(`
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
redis.call('HSET', KEYS[1], 'writer', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])${CONTENT}`);

/** KEYS: log, its entries. Returns the content. */
const READ_LOG = script(`
if redis.call('EXISTS', KEYS[1]) == 0 then return false end${CONTENT}`);

/** KEYS: time of birth. */
const BORN = script(`
local time = redis.call('TIME')
redis.call('SET', KEYS[1], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), 'NX')
return redis.call('GET', KEYS[1])`);

/** Everything that takes more than one command to be atomic. */
export const SCRIPTS = {
  write: WRITE,
  create: CREATE,
  claim: CLAIM,
  renew: RENEW,
  yield: YIELD,
  openLog: OPEN_LOG,
  append: APPEND,
  endLog: END_LOG,
  takeLog: TAKE_LOG,
  readLog: READ_LOG,
  born: BORN,
} as const satisfies Readonly<Record<string, Script>>;

function script(text: string): Script {
  const source = text.trim();
  return { source, digest: createHash('sha1').update(source).digest('hex') };
}

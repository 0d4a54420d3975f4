import { RedisScript } from '../../../platform/redis/script';

/*
 * Bull 4's keys of a queue, below its prefix: `<id>` a hash, `<id>:lock`, the lists `wait` (or `paused`, while
 * `meta-paused` exists) and `active`, whose tail goes out first, and the sorted sets `delayed` and `priority`. The
 * latter has exactly those entries of the waiting list that have a priority, as all of ours have: Bull takes an
 * entry out of it in the same step that makes it active. The contract is tested in flow-queues.int.ts.
 */

/**
 * `place` puts ids of one priority, the first to go out first, into the waiting list as Bull would one by one: behind
 * all that is at least as urgent. Where much less urgent waits, inserting is a walk over all of that for each id, and
 * moving it out of the way is one for all.
 */
const PLACE = `
local prefix = KEYS[1]
local list = prefix .. (redis.call('EXISTS', prefix .. 'meta-paused') == 1 and 'paused' or 'wait')
local function push(command, ids, first, last, step)
  local part = {}
  for i = first, last, step do
    part[#part + 1] = ids[i]
    if #part == 5000 then redis.call(command, list, unpack(part)) part = {} end
  end
  if #part > 0 then redis.call(command, list, unpack(part)) end
end
local function place(priority, ids)
  local ahead = redis.call('ZCOUNT', prefix .. 'priority', '-inf', priority)
  local behind = redis.call('LLEN', list) - ahead
  for _, id in ipairs(ids) do redis.call('ZADD', prefix .. 'priority', priority, id) end
  if behind <= 0 then
    push('LPUSH', ids, 1, #ids, 1)
  elseif ahead == 0 then
    push('RPUSH', ids, #ids, 1, -1)
  elseif behind <= 20000 and behind <= #ids * 40 then
    local moved = redis.call('LRANGE', list, 0, behind - 1)
    redis.call('LTRIM', list, behind, -1)
    push('LPUSH', ids, 1, #ids, 1)
    push('LPUSH', moved, #moved, 1, -1)
  else
    local before = redis.call('LINDEX', list, behind)
    for _, id in ipairs(ids) do
      redis.call('LINSERT', list, 'BEFORE', before, id)
      before = id
    end
  end
end
`;

/**
 * Adds entries, the most urgent first; what is there already stays as it is. ARGV: now, name, then for each
 * id, data, opts, priority and delay, times in milliseconds. Answers with how many were added.
 */
export const ADD = new RedisScript(`${PLACE}
local now, name = ARGV[1], ARGV[2]
local added, group, group_priority, last = 0, {}, nil, nil
local function flush()
  if #group > 0 then place(group_priority, group) end
  group = {}
end
for i = 3, #ARGV, 5 do
  local id, priority, delay = ARGV[i], ARGV[i + 3], tonumber(ARGV[i + 4])
  local key = prefix .. id
  if redis.call('EXISTS', key) == 0 then
    redis.call('HSET', key, 'name', name, 'data', ARGV[i + 1], 'opts', ARGV[i + 2], 'timestamp', now,
      'delay', delay, 'priority', priority)
    added = added + 1
    if delay > 0 then
      local due = now + delay
      local count = redis.call('INCR', prefix .. 'id')
      redis.call('ZADD', prefix .. 'delayed', due * 0x1000 + bit.band(count, 0xfff), id)
      redis.call('PUBLISH', prefix .. 'delayed', due)
    else
      if priority ~= group_priority then flush() end
      group_priority, last = priority, id
      group[#group + 1] = id
    end
  end
end
flush()
if last then redis.call('PUBLISH', prefix .. 'waiting@steps', last) end
return added
`);

/**
 * Removes those of the entries that wait or are delayed, which a worker that takes one has made it not to. It looks at
 * a part of the waiting list, from its tail. ARGV: how many entries to pass over, how many to look at, then ids.
 * Answers with how many it removed, how many of them still wait, how many entries it has looked at and left, and
 * whether that was the end of the list.
 */
export const REMOVE = new RedisScript(`
local prefix = KEYS[1]
local list = prefix .. (redis.call('EXISTS', prefix .. 'meta-paused') == 1 and 'paused' or 'wait')
local skip, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local wanted, waiting, removed = {}, 0, 0
for i = 3, #ARGV do
  local id = ARGV[i]
  if redis.call('ZSCORE', prefix .. 'priority', id) then
    wanted[id] = true
    waiting = waiting + 1
  elseif redis.call('ZREM', prefix .. 'delayed', id) == 1 then
    redis.call('DEL', prefix .. id)
    removed = removed + 1
  end
end
if waiting == 0 then return { removed, 0, 0, 1 } end
local function forget(id)
  wanted[id] = nil
  redis.call('ZREM', prefix .. 'priority', id)
  redis.call('DEL', prefix .. id)
  waiting, removed = waiting - 1, removed + 1
end
if waiting <= 2 then
  for id in pairs(wanted) do
    redis.call('LREM', list, -1, id)
    forget(id)
  end
  return { removed, waiting, 0, 1 }
end
local seen = redis.call('LRANGE', list, -(skip + window), -(skip + 1))
local kept = {}
if skip <= window then
  for i = #seen, 1, -1 do
    if wanted[seen[i]] then forget(seen[i]) else kept[#kept + 1] = seen[i] end
  end
  if #kept < #seen then
    local passed = skip > 0 and redis.call('LRANGE', list, -skip, -1) or {}
    redis.call('LTRIM', list, 0, -(skip + #seen + 1))
    for i = #kept, 1, -1 do redis.call('RPUSH', list, kept[i]) end
    for _, id in ipairs(passed) do redis.call('RPUSH', list, id) end
  end
else
  local found = 0
  for i = #seen, 1, -1 do
    if wanted[seen[i]] then
      forget(seen[i])
      redis.call('LSET', list, -(skip + 1 + #seen - i), 'removed')
      found = found + 1
    else
      kept[#kept + 1] = seen[i]
    end
  end
  if found > 0 then redis.call('LREM', list, -found, 'removed') end
end
return { removed, waiting, #kept, #seen < window and 1 or 0 }
`);

/**
 * Gives entries another priority, in one step: one that waits changes its place and is never out of the list, one that
 * is delayed gets its place when it is due, one that was taken is left alone. ARGV: for each id, priority and opts.
 * Answers with how many were changed.
 */
export const REPRIORITISE = new RedisScript(`${PLACE}
local changed = 0
for i = 1, #ARGV, 3 do
  local id, priority = ARGV[i], ARGV[i + 1]
  local current = redis.call('ZSCORE', prefix .. 'priority', id)
  if current and tonumber(current) ~= tonumber(priority) then
    redis.call('LREM', list, -1, id)
    redis.call('ZREM', prefix .. 'priority', id)
    place(priority, { id })
  end
  if current or redis.call('ZSCORE', prefix .. 'delayed', id) then
    redis.call('HSET', prefix .. id, 'priority', priority, 'opts', ARGV[i + 2])
    changed = changed + 1
  end
end
return changed
`);

/**
 * Compares entries with what they should be. ARGV: for each id and priority. Answers with the places, from 1, of
 * those that Redis no longer has, and of those that wait with another priority. Clears the remains of damaged ones: a
 * hash without data is left when a flush met a worker in mid-take; one that was taken but whose lock is gone belonged
 * to a worker that died before it could claim.
 */
export const COMPARE = new RedisScript(`
local prefix, missing, misplaced = KEYS[1], {}, {}
for i = 1, #ARGV, 2 do
  local id = ARGV[i]
  local key, place = prefix .. id, (i + 1) / 2
  local entry = redis.call('HMGET', key, 'data', 'processedOn', 'finishedOn', 'priority')
  local taken = entry[2] and redis.call('EXISTS', key .. ':lock') == 0
  if not entry[1] or entry[3] or taken then
    redis.call('LREM', prefix .. 'active', 0, id)
    redis.call('ZREM', prefix .. 'failed', id)
    redis.call('ZREM', prefix .. 'completed', id)
    redis.call('DEL', key)
    missing[#missing + 1] = place
  elseif not entry[2] and entry[4] ~= ARGV[i + 1] then
    misplaced[#misplaced + 1] = place
  end
end
return { missing, misplaced }
`);

/**
 * Removes entries that ended before a time. ARGV: the sorted set that Bull keeps them in, the time in milliseconds,
 * and how many at most. Answers with how many were removed.
 */
export const PURGE = new RedisScript(`
local prefix, set = KEYS[1], KEYS[1] .. ARGV[1]
local ids = redis.call('ZRANGEBYSCORE', set, '-inf', '(' .. ARGV[2], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(ids) do redis.call('DEL', prefix .. id, prefix .. id .. ':logs') end
if #ids > 0 then redis.call('ZREM', set, unpack(ids)) end
return #ids
`);

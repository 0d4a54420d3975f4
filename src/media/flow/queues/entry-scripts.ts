import { RedisScript } from '../../../platform/redis/script';

/*
 * Bull 4's keys of a queue, below its prefix: `<id>` a hash, `<id>:lock`, the lists `wait` (or `paused`, while
 * `meta-paused` exists) and `active`, whose tail goes out first, and the sorted sets `delayed` and `priority`. The
 * latter has exactly those entries of the waiting list that have a priority, as all of ours have: Bull takes an
 * entry out of it in the same step that makes it active. The contract is tested in flow-queues.int.ts.
 */

/**
 * `with_all` calls a command with many things, in few calls. `place` puts ids of one priority, the first to go out
 * first, into the waiting list as Bull would one by one: behind all that is at least as urgent. To insert an id is a
 * walk over all that is less urgent; to move what is on one side of their place out of the way, whichever side is
 * smaller, is one for all ids. An entry that is moved costs about as much as twenty that are passed.
 */
const PLACE = `
local prefix = KEYS[1]
local list = prefix .. (redis.call('EXISTS', prefix .. 'meta-paused') == 1 and 'paused' or 'wait')
local function with_all(command, items, backwards)
  local first, last, step = 1, #items, 1
  if backwards then first, last, step = #items, 1, -1 end
  local call, length = { unpack(command) }, #command
  for i = first, last, step do
    length = length + 1
    call[length] = items[i]
    if length > 5000 or i == last then
      redis.call(unpack(call))
      call, length = { unpack(command) }, #command
    end
  end
end
local function place(priority, ids)
  local ahead = redis.call('ZCOUNT', prefix .. 'priority', '-inf', priority)
  local behind = redis.call('LLEN', list) - ahead
  local scored = {}
  for _, id in ipairs(ids) do
    scored[#scored + 1] = priority
    scored[#scored + 1] = id
  end
  with_all({ 'ZADD', prefix .. 'priority' }, scored)
  if behind <= 0 then
    with_all({ 'LPUSH', list }, ids)
  elseif ahead == 0 then
    with_all({ 'RPUSH', list }, ids, true)
  elseif 20 * math.min(ahead, behind) > behind * #ids then
    local before = redis.call('LINDEX', list, behind)
    for _, id in ipairs(ids) do
      redis.call('LINSERT', list, 'BEFORE', before, id)
      before = id
    end
  elseif ahead < behind then
    local moved = redis.call('LRANGE', list, -ahead, -1)
    redis.call('LTRIM', list, 0, -ahead - 1)
    with_all({ 'RPUSH', list }, ids, true)
    with_all({ 'RPUSH', list }, moved)
  else
    local moved = redis.call('LRANGE', list, 0, behind - 1)
    redis.call('LTRIM', list, behind, -1)
    with_all({ 'LPUSH', list }, ids)
    with_all({ 'LPUSH', list }, moved, true)
  end
end
`;

/**
 * Adds entries, the most urgent first; what is there already stays as it is. ARGV: now and name, then groups of entries
 * that have the same priority and delay: these, the end of their options (all but the id), how many, and of each its id
 * and data. Times in milliseconds. Answers with how many were added.
 */
export const ADD = new RedisScript(`${PLACE}
local now, name = ARGV[1], ARGV[2]
local added, last, at = 0, nil, 3
local waiting, waiting_priority = {}, nil
local function flush()
  if #waiting > 0 then place(waiting_priority, waiting) end
  waiting = {}
end
while at < #ARGV do
  local priority, delay, options, count = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  if priority ~= waiting_priority then flush() end
  waiting_priority = priority
  for i = at + 4, at + 2 + 2 * count, 2 do
    local id = ARGV[i]
    local key = prefix .. id
    if redis.call('EXISTS', key) == 0 then
      redis.call('HSET', key, 'name', name, 'data', ARGV[i + 1], 'opts', '{"jobId":"' .. id .. '",' .. options,
        'timestamp', now, 'delay', delay, 'priority', priority)
      added = added + 1
      if delay == '0' then
        last = id
        waiting[#waiting + 1] = id
      else
        local due = now + delay
        local number = redis.call('INCR', prefix .. 'id')
        redis.call('ZADD', prefix .. 'delayed', due * 0x1000 + bit.band(number, 0xfff), id)
        redis.call('PUBLISH', prefix .. 'delayed', due)
      end
    end
  end
  at = at + 4 + 2 * count
end
flush()
if last then redis.call('PUBLISH', prefix .. 'waiting@steps', last) end
return added
`);

/**
 * Removes those of the entries that wait or are delayed, which a worker that takes one has made it not to. It looks at
 * a part of the waiting list, from its tail. ARGV: how many entries to pass over, how many to look at, then ids.
 * Answers with how many it removed, how many entries it has looked at and left, whether that was the end of the list,
 * and the places, from 1, of those that still wait.
 */
export const REMOVE = new RedisScript(`${PLACE}
local skip, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local wanted, gone = {}, {}
for i = 3, #ARGV do wanted[ARGV[i]] = i - 2 end
local seen = redis.call('LRANGE', list, -(skip + window), -(skip + 1))
local kept = {}
for i = #seen, 1, -1 do
  local id = seen[i]
  if wanted[id] then
    gone[#gone + 1] = id
    wanted[id] = nil
    if skip > window then redis.call('LSET', list, -(skip + 1 + #seen - i), 'removed') end
  else
    kept[#kept + 1] = id
  end
end
if skip > window then
  if #gone > 0 then redis.call('LREM', list, -#gone, 'removed') end
elseif #gone > 0 then
  local passed = skip > 0 and redis.call('LRANGE', list, -skip, -1) or {}
  redis.call('LTRIM', list, 0, -(skip + #seen + 1))
  with_all({ 'RPUSH', list }, kept, true)
  with_all({ 'RPUSH', list }, passed)
end
local keys, waiting = {}, {}
for id in pairs(wanted) do
  if redis.call('ZSCORE', prefix .. 'priority', id) then
    waiting[#waiting + 1] = id
  elseif redis.call('ZREM', prefix .. 'delayed', id) == 1 then
    keys[#keys + 1] = prefix .. id
  end
end
local left = {}
for _, id in ipairs(waiting) do
  if #waiting <= 2 then
    redis.call('LREM', list, -1, id)
    gone[#gone + 1] = id
  else
    left[#left + 1] = wanted[id]
  end
end
for _, id in ipairs(gone) do keys[#keys + 1] = prefix .. id end
with_all({ 'ZREM', prefix .. 'priority' }, gone)
with_all({ 'DEL' }, keys)
return { #keys, #kept, #seen < window and 1 or 0, left }
`);

/**
 * Gives entries another priority, in one step: one that waits changes its place and is never out of the list, one that
 * is delayed gets its place when it is due, one that was taken is left alone. ARGV: 1 if all of them are due by now,
 * whatever the delays say; then for each id, priority and opts. Answers with how many were changed.
 */
export const REPRIORITISE = new RedisScript(`${PLACE}
local changed = 0
for i = 2, #ARGV, 3 do
  local id, priority = ARGV[i], ARGV[i + 1]
  local current = redis.call('ZSCORE', prefix .. 'priority', id)
  if current and tonumber(current) ~= tonumber(priority) then
    redis.call('LREM', list, -1, id)
    redis.call('ZREM', prefix .. 'priority', id)
    place(priority, { id })
  elseif ARGV[1] == '1' and redis.call('ZREM', prefix .. 'delayed', id) == 1 then
    place(priority, { id })
    redis.call('HSET', prefix .. id, 'delay', 0)
    redis.call('PUBLISH', prefix .. 'waiting@steps', id)
    current = priority
  end
  if current or redis.call('ZSCORE', prefix .. 'delayed', id) then
    redis.call('HSET', prefix .. id, 'priority', priority, 'opts', ARGV[i + 2])
    changed = changed + 1
  end
end
return changed
`);

/**
 * Compares entries with what they should be: those of steps that are due. ARGV: for each id and priority. Answers with
 * the places, from 1, of those that Redis no longer has, and of those that wait with another priority or are delayed:
 * by a clock that is behind, a delay is over too late. Clears the remains of damaged ones: a
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
  elseif not entry[2] and (entry[4] ~= ARGV[i + 1] or redis.call('ZSCORE', prefix .. 'delayed', id)) then
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

/**
 * Admits each of some requests under all of its policies or under none, by Redis' clock, in microseconds.
 *
 * ARGV: how many sets of rules there are; per set the number of its policies and of each its kind, limit, window and the
 * request's cost (0 = only look); then per request the number of its set and a unique member. KEYS: of each request one
 * per policy. Answers per request, unless it failed: the number of the first policy that is used up (0 = admitted), the
 * wait until it is not, then per policy what remains and when more becomes available. Else what went wrong, as text.
 *
 * `log` keeps the times of admitted requests, oldest first, so it is exact: no stretch of a window's length ever holds
 * more than the limit. `weighted` is the same where requests cost more than one: the log then has their costs. `bucket`
 * is exact to a billionth of a request. All times are kept in the values, so that keys expiring is only tidying up: a
 * key that would not live for a window is given a quarter more than one, at each request, since settings may have made the
 * window longer. What is recorded for later than now, because the clock was set back, is mended: nobody
 * waits longer than a window for it.
 */
export const RATE_LIMIT_LUA = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local left, reset, state_of = {}, {}, {}

local function text(number) return string.format('%.0f', number) end

local function keep(key, window)
  if redis.call('PTTL', key) * 1000 >= window then return end
  redis.call('PEXPIRE', key, text(math.ceil(window * 1.25 / 1000)))
end

-- How many of the first 'length' times of a log are not after 'at': mostly few or none.
local function until_then(key, length, at)
  local low, step = 0, 1
  local function past(index) return tonumber(redis.call('LINDEX', key, index)) <= at end
  while low + step <= length and past(low + step - 1) do low, step = low + step, step * 2 end
  local high = math.min(low + step - 1, length)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if past(middle) then low = middle + 1 else high = middle end
  end
  return low
end

-- How many times there are within the window, and the first of them.
local function read_log(key, window)
  local last = tonumber(redis.call('LINDEX', key, -1))
  if not last then return 0 end
  local length = redis.call('LLEN', key)
  if last > now then
    length = until_then(key, length, now)
    if length == 0 then redis.call('DEL', key) return 0 end
    redis.call('LTRIM', key, 0, length - 1)
  end
  local first = tonumber(redis.call('LINDEX', key, 0))
  if first <= now - window then
    local gone = until_then(key, length, now - window)
    redis.call('LTRIM', key, gone, -1)
    length = length - gone
    if length == 0 then return 0 end
    first = tonumber(redis.call('LINDEX', key, 0))
  end
  return length, first
end

-- How much of the log's cost there is, and when enough of it has left for 'over' more.
local function weigh(log, limit, cost)
  local used = 0
  for n = 1, #log, 2 do used = used + tonumber(string.match(log[n], '^%d+')) end
  local over, freed, at = used + cost - limit, 0, nil
  for n = 1, #log, 2 do
    if freed >= over then break end
    freed, at = freed + tonumber(string.match(log[n], '^%d+')), tonumber(log[n + 1])
  end
  return used, over, freed >= over and at or nil
end

local look = {}

function look.log(i, key, limit, window, cost)
  local used, first = read_log(key, window)
  left[i] = math.max(0, limit - used)
  reset[i] = first and (first + window - now) or window
  local over = used + cost - limit
  if over <= 0 then return 0 end
  local freed_at = tonumber(redis.call('LINDEX', key, over - 1))
  return freed_at and (freed_at + window - now) or window
end

function look.weighted(i, key, limit, window, cost)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now - window))
  redis.call('ZREMRANGEBYSCORE', key, '(' .. text(now), '+inf')
  local log = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  local used, over, freed_at = weigh(log, limit, cost)
  left[i] = math.max(0, limit - used)
  reset[i] = log[2] and (tonumber(log[2]) + window - now) or window
  return over > 0 and (freed_at and (freed_at + window - now) or window) or 0
end

function look.bucket(i, key, limit, window, cost)
  local state = redis.call('HMGET', key, 'tokens', 'at')
  local tokens, at = limit, tonumber(state[2])
  if at then
    local passed = now - at
    if passed < 0 then
      passed = 0
      redis.call('HSET', key, 'at', text(now))
    end
    tokens = math.min(limit, tonumber(state[1]) + passed * limit / window)
  end
  -- What is a whole number but for rounding is one.
  if math.abs(tokens - math.floor(tokens + 0.5)) < 1e-9 then tokens = math.floor(tokens + 0.5) end
  state_of[i] = tokens
  left[i] = math.floor(tokens)
  reset[i] = (math.floor(tokens) + 1 - tokens) * window / limit
  return tokens < cost and (cost - tokens) * window / limit or 0
end

function look.fixed(i, key, limit, window, cost)
  local state = redis.call('HMGET', key, 'used', 'until')
  local used, ends = tonumber(state[1] or '0'), tonumber(state[2] or '0')
  if ends <= now then used, ends = 0, now + window end
  if ends > now + window then
    ends = now + window
    redis.call('HSET', key, 'until', text(ends))
  end
  state_of[i] = { used, ends }
  left[i] = math.max(0, limit - used)
  reset[i] = ends - now
  return used + cost > limit and ends - now or 0
end

local function record(i, key, kind, cost, id)
  if kind == 'log' then
    redis.call('RPUSH', key, text(now))
  elseif kind == 'weighted' then
    redis.call('ZADD', key, text(now), text(cost) .. ':' .. id)
  elseif kind == 'bucket' then
    redis.call('HSET', key, 'tokens', string.format('%.17g', state_of[i] - cost), 'at', text(now))
  else
    redis.call('HSET', key, 'used', state_of[i][1] + cost, 'until', text(state_of[i][2]))
  end
end

local function one(rules, first_key, id)
  local violated, longest = 0, 0
  for i, rule in ipairs(rules) do
    local wait = look[rule.kind](i, KEYS[first_key + i], rule.limit, rule.window, rule.cost)
    if wait > 0 then
      if violated == 0 then violated = i end
      longest = math.max(longest, wait)
    end
  end
  local answer = { violated, math.ceil(longest) }
  for i, rule in ipairs(rules) do
    local key, cost = KEYS[first_key + i], rule.cost
    if violated == 0 and cost > 0 then
      record(i, key, rule.kind, cost, id)
      left[i] = left[i] - cost
    end
    -- Of a refused request, too: what it ran into must not end sooner because the window was shorter then.
    if cost > 0 then keep(key, rule.window) end
    answer[2 * i + 1] = math.max(0, left[i])
    answer[2 * i + 2] = math.ceil(reset[i])
  end
  return answer
end

local sets, arg = {}, 2
for set = 1, tonumber(ARGV[1]) do
  local rules = {}
  for i = 1, tonumber(ARGV[arg]) do
    rules[i] = {
      kind = ARGV[arg + 1], limit = tonumber(ARGV[arg + 2]),
      window = tonumber(ARGV[arg + 3]), cost = tonumber(ARGV[arg + 4]),
    }
    arg = arg + 4
  end
  sets[set] = rules
  arg = arg + 1
end
local answers, key = {}, 0
for call = 1, (#ARGV - arg + 1) / 2 do
  local rules = sets[tonumber(ARGV[arg])]
  local ok, answer = pcall(one, rules, key, ARGV[arg + 1])
  if not ok and type(answer) == 'table' then answer = answer.err end
  answers[call] = ok and answer or tostring(answer)
  key, arg = key + #rules, arg + 2
end
return answers
`;

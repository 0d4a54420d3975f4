/**
 * Admits a request under all policies or none, by Redis' clock, in microseconds.
 *
 * KEYS: one per policy. ARGV: a unique member, then per policy its kind, limit, window and the request's cost (0 =
 * only look). Answers: the number of the first policy that is used up (0 = admitted), the wait until it is not, then
 * per policy what remains and when more becomes available.
 *
 * `sliding` keeps a log of admitted requests, so it is exact: no stretch of a window's length ever holds more than
 * the limit. `weighted` is the same where requests cost more than one: the log then has their costs. `bucket` is exact
 * to a billionth of a request. All times are kept in the values, so that keys expiring is only tidying up. What is
 * recorded for later than now, because the clock was set back, is mended: nobody waits longer than a window for it.
 */
export const RATE_LIMIT_LUA = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local id = ARGV[1]
local violated, longest = 0, 0
local left, reset, state_of = {}, {}, {}

local function text(number) return string.format('%.0f', number) end

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

for i, key in ipairs(KEYS) do
  local kind, limit = ARGV[4 * i - 2], tonumber(ARGV[4 * i - 1])
  local window, cost = tonumber(ARGV[4 * i]), tonumber(ARGV[4 * i + 1])
  local wait = 0
  if kind == 'sliding' or kind == 'weighted' then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now - window))
    redis.call('ZREMRANGEBYSCORE', key, '(' .. text(now), '+inf')
    local used, over, freed_at
    if kind == 'weighted' then
      used, over, freed_at = weigh(redis.call('ZRANGE', key, 0, -1, 'WITHSCORES'), limit, cost)
    else
      used = redis.call('ZCARD', key)
      over = used + cost - limit
      if over > 0 then freed_at = tonumber(redis.call('ZRANGE', key, over - 1, over - 1, 'WITHSCORES')[2]) end
    end
    if over > 0 then wait = freed_at and (freed_at + window - now) or window end
    local oldest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    left[i] = math.max(0, limit - used)
    reset[i] = oldest[2] and (tonumber(oldest[2]) + window - now) or window
  elseif kind == 'bucket' then
    local state = redis.call('HMGET', key, 'tokens', 'at')
    local tokens = limit
    if state[1] then
      local passed = now - tonumber(state[2])
      if passed < 0 then
        passed = 0
        redis.call('HSET', key, 'at', text(now))
      end
      tokens = math.min(limit, tonumber(state[1]) + passed * limit / window)
    end
    -- What is a whole number but for rounding is one.
    if math.abs(tokens - math.floor(tokens + 0.5)) < 1e-9 then tokens = math.floor(tokens + 0.5) end
    if tokens < cost then wait = (cost - tokens) * window / limit end
    state_of[i] = tokens
    left[i] = math.floor(tokens)
    reset[i] = (math.floor(tokens) + 1 - tokens) * window / limit
  else
    local state = redis.call('HMGET', key, 'used', 'until')
    local used, ends = tonumber(state[1] or '0'), tonumber(state[2] or '0')
    if ends <= now then used, ends = 0, now + window end
    if ends > now + window then
      ends = now + window
      redis.call('HSET', key, 'until', text(ends))
    end
    if used + cost > limit then wait = ends - now end
    state_of[i] = { used, ends }
    left[i] = math.max(0, limit - used)
    reset[i] = ends - now
  end
  if wait > 0 then
    if violated == 0 then violated = i end
    longest = math.max(longest, wait)
  end
end

if violated == 0 then
  for i, key in ipairs(KEYS) do
    local kind, window, cost = ARGV[4 * i - 2], tonumber(ARGV[4 * i]), tonumber(ARGV[4 * i + 1])
    if cost > 0 then
      local ttl = text(math.ceil(window / 1000))
      if kind == 'sliding' then
        redis.call('ZADD', key, text(now), id)
      elseif kind == 'weighted' then
        redis.call('ZADD', key, text(now), text(cost) .. ':' .. id)
      elseif kind == 'bucket' then
        redis.call('HSET', key, 'tokens', string.format('%.17g', state_of[i] - cost), 'at', text(now))
      else
        redis.call('HSET', key, 'used', state_of[i][1] + cost, 'until', text(state_of[i][2]))
      end
      redis.call('PEXPIRE', key, ttl)
      left[i] = left[i] - cost
    end
  end
end

local answer = { violated, math.ceil(longest) }
for i = 1, #KEYS do
  answer[#answer + 1] = math.max(0, left[i])
  answer[#answer + 1] = math.ceil(reset[i])
end
return answer
`;

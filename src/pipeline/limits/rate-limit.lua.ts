/**
 * Admits a request under all policies or none, by Redis' clock, in microseconds.
 *
 * KEYS: one per policy. ARGV: a unique member, the cost (0 = only look), then per policy its kind, limit and
 * window. Answers: the number of the first policy that is used up (0 = admitted), the wait until it is not,
 * then per policy what remains and when more becomes available.
 *
 * `sliding` keeps a log of admitted requests, so it is exact: no stretch of a window's length ever holds
 * more than the limit. Every key expires with its window.
 */
export const RATE_LIMIT_LUA = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local id, cost = ARGV[1], tonumber(ARGV[2])
local violated, longest = 0, 0
local left, reset, tokens_of = {}, {}, {}

local function text(number) return string.format('%.0f', number) end

for i, key in ipairs(KEYS) do
  local kind, limit, window = ARGV[3 * i], tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2])
  local wait = 0
  if kind == 'sliding' then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now - window))
    local used = redis.call('ZCARD', key)
    local over = used + cost - limit
    if over > 0 then
      local entry = redis.call('ZRANGE', key, over - 1, over - 1, 'WITHSCORES')
      wait = entry[2] and (tonumber(entry[2]) + window - now) or window
    end
    local oldest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    left[i] = math.max(0, limit - used)
    reset[i] = oldest[2] and (tonumber(oldest[2]) + window - now) or window
  elseif kind == 'bucket' then
    local state = redis.call('HMGET', key, 'tokens', 'at')
    local tokens = limit
    if state[1] then
      local passed = math.max(0, now - tonumber(state[2]))
      tokens = math.min(limit, tonumber(state[1]) + passed * limit / window)
    end
    if tokens < cost then wait = (cost - tokens) * window / limit end
    tokens_of[i] = tokens
    left[i] = math.floor(tokens)
    reset[i] = (math.floor(tokens) + 1 - tokens) * window / limit
  else
    local used = tonumber(redis.call('GET', key) or '0')
    local ttl = redis.call('PTTL', key)
    local rest = ttl > 0 and ttl * 1000 or window
    if used + cost > limit then wait = rest end
    left[i] = math.max(0, limit - used)
    reset[i] = rest
  end
  if wait > 0 then
    if violated == 0 then violated = i end
    longest = math.max(longest, wait)
  end
end

if violated == 0 and cost > 0 then
  for i, key in ipairs(KEYS) do
    local kind, window = ARGV[3 * i], tonumber(ARGV[3 * i + 2])
    local ttl = text(math.ceil(window / 1000))
    if kind == 'sliding' then
      for n = 1, cost do redis.call('ZADD', key, text(now), id .. ':' .. n) end
      redis.call('PEXPIRE', key, ttl)
    elseif kind == 'bucket' then
      redis.call('HSET', key, 'tokens', string.format('%.6f', tokens_of[i] - cost), 'at', text(now))
      redis.call('PEXPIRE', key, ttl)
    else
      local used = redis.call('INCRBY', key, cost)
      if used == cost then redis.call('PEXPIRE', key, ttl) end
    end
    left[i] = left[i] - cost
  end
end

local answer = { violated, math.ceil(longest) }
for i = 1, #KEYS do
  answer[#answer + 1] = math.max(0, left[i])
  answer[#answer + 1] = math.ceil(reset[i])
end
return answer
`;

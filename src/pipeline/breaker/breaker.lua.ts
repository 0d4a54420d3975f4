import { PROBE_WAIT_MS } from './circuit';

/**
 * The state of a dependency's circuit, shared by all processes. Kept in a hash:
 *
 *   state      closed | open | probing
 *   epoch      raised by every change: a result that began in an earlier one decides nothing
 *   opened_at  by Redis' clock, in ms; with open_ms it is the deadline, for processes that start later too
 *   trips      how often it opened in a row, for the back-off
 *   probe      who is trying it out, and until when (probe_until) the others wait for that
 *   forced     open | closed: what an operator holds it at, by the version forced_version of the settings
 *
 * and the calls of the window in a second hash: one field per tenth of the window, process and kind, as
 * `1700000000000|a1b2|bad`; kinds are all, bad and slow.
 *
 * circuit-machine.ts is the same machine in TypeScript; a test runs both through the same histories.
 */
const COMMON = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local KEEP_S = 86400

local function whole(number) return string.format('%.0f', number) end

local function read(key, results)
  local v = redis.call('HMGET', key, 'state', 'epoch', 'opened_at', 'open_ms', 'trips', 'probe', 'probe_until',
    'forced', 'forced_version')
  local c = {
    key = key, results = results, known = v[1] ~= false, state = v[1] or 'closed', epoch = tonumber(v[2] or '0'),
    opened_at = tonumber(v[3] or '0'), open_ms = tonumber(v[4] or '0'), trips = tonumber(v[5] or '0'),
    probe = v[6] or '', probe_until = tonumber(v[7] or '0'),
    forced = v[8] or '', forced_version = tonumber(v[9] or '0'), change = '',
  }
  -- Opened later than now: the clock was set back. It rests from now on, and not until that time comes round again.
  if c.opened_at > now then
    c.opened_at = now
    redis.call('HSET', key, 'opened_at', whole(now))
  end
  return c
end

local function write(c)
  redis.call('HSET', c.key, 'state', c.state, 'epoch', whole(c.epoch), 'opened_at', whole(c.opened_at),
    'open_ms', whole(c.open_ms), 'trips', whole(c.trips), 'probe', c.probe, 'probe_until', whole(c.probe_until),
    'forced', c.forced, 'forced_version', whole(c.forced_version))
  redis.call('EXPIRE', c.key, KEEP_S)
end

local function open(c, rules)
  c.state, c.epoch, c.opened_at, c.change = 'open', c.epoch + 1, now, 'opened'
  c.open_ms = math.min(rules.max_open_ms, rules.open_ms * 2 ^ c.trips)
  c.trips, c.probe, c.probe_until = c.trips + 1, '', 0
  redis.call('DEL', c.results)
  write(c)
end

local function close(c, change)
  c.state, c.epoch, c.trips, c.probe, c.probe_until, c.change = 'closed', c.epoch + 1, 0, '', 0, change
  redis.call('DEL', c.results)
  write(c)
end

local function rest(c)
  if c.state == 'open' then return math.max(0, c.opened_at + c.open_ms - now) end
  if c.probe ~= '' then return math.max(0, math.min(${PROBE_WAIT_MS}, c.probe_until - now)) end
  return 0
end

local function describe(answer, c)
  local until_ms = 0
  if c.state == 'open' then until_ms = c.opened_at + c.open_ms end
  for _, value in ipairs({ c.state, whole(c.epoch), whole(rest(c)), whole(c.trips), c.forced, whole(until_ms), c.change }) do
    answer[#answer + 1] = value
  end
end
`;

/** How many values describe one circuit in an answer. */
export const DESCRIBED = 7;

/**
 * May a call go ahead? KEYS: circuit and results of each dependency. ARGV: an id for the call, then the rules
 * of each as JSON. Answers: the number of the circuit that refuses (0 = go ahead), then per circuit 1 if the
 * call is its probe, and its description.
 */
export const ADMIT_LUA = `${COMMON}
local id, circuits, refused = ARGV[1], {}, 0
for i = 1, #KEYS / 2 do
  local c, rules = read(KEYS[i * 2 - 1], KEYS[i * 2]), cjson.decode(ARGV[i + 1])
  c.probe_ms = rules.probe_ms
  if c.state == 'probing' and c.probe ~= '' then
    -- The same of a probe.
    if c.probe_until > now + c.probe_ms then
      c.probe_until = now + c.probe_ms
      write(c)
    end
    -- One that never came back is a failed one.
    if now >= c.probe_until then open(c, rules) end
  end
  if rest(c) > 0 and refused == 0 then refused = i end
  circuits[i] = c
end
local answer = { refused }
for i, c in ipairs(circuits) do
  local probes = 0
  if refused == 0 and c.state ~= 'closed' then
    if c.state == 'open' then c.state, c.epoch, c.change = 'probing', c.epoch + 1, 'probing' end
    c.probe, c.probe_until = id, now + c.probe_ms
    write(c)
    probes = 1
  end
  answer[#answer + 1] = probes
  describe(answer, c)
end
return answer
`;

/**
 * What a probe came to. KEYS: circuit and results. ARGV: the call's id, the epoch it began in, `good`, `bad` or
 * `none` (it says nothing: the next call is the probe), the rules as JSON. Answers the circuit's description.
 */
export const SETTLE_LUA = `${COMMON}
local c, answer = read(KEYS[1], KEYS[2]), {}
if c.state == 'probing' and c.probe == ARGV[1] and c.epoch == tonumber(ARGV[2]) then
  if ARGV[3] == 'bad' then
    open(c, cjson.decode(ARGV[4]))
  elseif ARGV[3] == 'good' then
    close(c, 'closed')
  else
    c.probe, c.probe_until = '', 0
    write(c)
  end
end
describe(answer, c)
return answer
`;

/**
 * Counts calls that ended while the circuit was closed, and opens it if they are enough. One process alone
 * cannot: where others call too, failures of two are needed. KEYS: circuit and results. ARGV: the process, the
 * epoch in which the calls began, how many there were, failed and were slow, the rules as JSON. Answers the
 * circuit's description.
 */
export const RECORD_LUA = `${COMMON}
local c, answer, rules = read(KEYS[1], KEYS[2]), {}, cjson.decode(ARGV[6])
if c.state ~= 'closed' or c.epoch ~= tonumber(ARGV[2]) or c.forced ~= '' then
  describe(answer, c)
  return answer
end
local tenth = math.max(1, math.floor(rules.window_ms / 10))
local field = whole(now - now % tenth) .. '|' .. ARGV[1] .. '|'
for i, kind in ipairs({ 'all', 'bad', 'slow' }) do
  if ARGV[i + 2] ~= '0' then redis.call('HINCRBY', c.results, field .. kind, ARGV[i + 2]) end
end
redis.call('PEXPIRE', c.results, whole(rules.window_ms + tenth))

local sums, who, seen = { all = 0, bad = 0, slow = 0 }, { all = 0, bad = 0, slow = 0 }, {}
local fields = redis.call('HGETALL', c.results)
for i = 1, #fields, 2 do
  local at, process, kind = string.match(fields[i], '^(%d+)|([^|]*)|(%a+)$')
  if tonumber(at) <= now - rules.window_ms or tonumber(at) > now then
    redis.call('HDEL', c.results, fields[i])
  else
    sums[kind] = sums[kind] + tonumber(fields[i + 1])
    if not seen[process .. kind] then who[kind] = who[kind] + 1 end
    seen[process .. kind] = true
  end
end
local function reached(kind, percent)
  return sums[kind] > 0 and sums[kind] * 100 >= percent * sums.all and (who.all < 2 or who[kind] >= 2)
end
if sums.all >= rules.volume and (reached('bad', rules.failure_percent) or reached('slow', rules.slow_percent)) then
  open(c, rules)
end
describe(answer, c)
return answer
`;

/**
 * Makes the circuits what the settings force them to be; any change of that begins anew. What Redis has lost is put
 * back, which is no change: what a process has seen is of a later epoch than what is there. KEYS: circuit and results
 * of each dependency. ARGV: the version of the settings, then for each as JSON `forced` (`open`, `closed` or nothing)
 * and what the process has seen last, `state`, `epoch`, `trips` and `rest_ms`. A version older than what is there
 * changes nothing. Answers the description of each circuit.
 */
export const SYNC_LUA = `${COMMON}
local version, answer = tonumber(ARGV[1]), {}
for i = 1, #KEYS / 2 do
  local c, told = read(KEYS[i * 2 - 1], KEYS[i * 2]), cjson.decode(ARGV[i + 1])
  local lost = not c.known
  if told.epoch > c.epoch then
    lost = true
    c.state, c.epoch, c.trips, c.probe, c.probe_until = told.state, told.epoch, told.trips, '', 0
    c.opened_at, c.open_ms = now, told.rest_ms
    redis.call('DEL', c.results)
  end
  if version >= c.forced_version and told.forced ~= c.forced then
    c.forced, c.forced_version = told.forced, version
    -- What is put back was told of before; that it is held no longer was not, if Redis knew that it was held.
    local again = not c.known or lost and c.forced ~= ''
    close(c, again and '' or c.forced == '' and 'released' or 'forced_' .. c.forced)
  elseif c.forced ~= '' or lost then
    c.forced_version = math.max(version, c.forced_version)
    write(c)
  end
  describe(answer, c)
end
return answer
`;

/** Answers the description of each circuit. KEYS: circuit and results of each. */
export const READ_LUA = `${COMMON}
local answer = {}
for i = 1, #KEYS / 2 do describe(answer, read(KEYS[i * 2 - 1], KEYS[i * 2])) end
return answer
`;

/**
 * The state of a dependency's circuit, shared by all processes. Kept in a hash:
 *
 *   state      closed | open | probing
 *   epoch      raised by every change of state: a result that began in an earlier one decides nothing
 *   opened_at  by Redis' clock, in ms; with open_ms it is the deadline, for processes that start later too
 *   trips      how often it opened in a row, for the back-off
 *   probe      who is trying it out, and until when (probe_until) the others wait for that
 *
 * and the results of the last seconds in a second hash, one field per second and kind (`17:bad`).
 */
const COMMON = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local KEEP_S = 86400

local function read(key)
  local values = redis.call('HMGET', key, 'state', 'epoch', 'opened_at', 'open_ms', 'trips', 'probe', 'probe_until')
  return {
    state = values[1] or 'closed', epoch = tonumber(values[2] or '0'),
    opened_at = tonumber(values[3] or '0'), open_ms = tonumber(values[4] or '0'),
    trips = tonumber(values[5] or '0'), probe = values[6] or '', probe_until = tonumber(values[7] or '0'),
  }
end

local function write(key, circuit)
  redis.call('HSET', key, 'state', circuit.state, 'epoch', circuit.epoch,
    'opened_at', string.format('%.0f', circuit.opened_at), 'open_ms', string.format('%.0f', circuit.open_ms),
    'trips', circuit.trips, 'probe', circuit.probe, 'probe_until', string.format('%.0f', circuit.probe_until))
  redis.call('EXPIRE', key, KEEP_S)
end

local function open(key, circuit, base_ms, max_ms)
  circuit.state = 'open'
  circuit.epoch = circuit.epoch + 1
  circuit.opened_at = now
  circuit.open_ms = math.min(max_ms, base_ms * 2 ^ circuit.trips)
  circuit.trips = circuit.trips + 1
  circuit.probe = ''
  circuit.probe_until = 0
  write(key, circuit)
end
`;

/**
 * May a call go ahead? KEYS: the circuits it needs. ARGV: an id for the call, how long a probe may take,
 * base and longest open time (all ms). Answers: the number of the circuit that refuses (0 = go ahead), the
 * wait in ms, then per circuit its epoch and 1 if this call is its probe.
 */
export const ADMIT_LUA = `${COMMON}
local id, probe_ms = ARGV[1], tonumber(ARGV[2])
local circuits, refused, wait = {}, 0, 0
for i, key in ipairs(KEYS) do
  local circuit = read(key)
  -- A probe that never came back is a failed one.
  if circuit.state == 'probing' and circuit.probe ~= '' and now >= circuit.probe_until then
    open(key, circuit, tonumber(ARGV[3]), tonumber(ARGV[4]))
  end
  local rest = 0
  if circuit.state == 'open' then rest = circuit.opened_at + circuit.open_ms - now end
  if circuit.state == 'probing' and circuit.probe ~= '' then rest = circuit.probe_until - now end
  if rest > 0 and refused == 0 then refused, wait = i, rest end
  circuits[i] = circuit
end
local answer = { refused, math.ceil(wait) }
for i, key in ipairs(KEYS) do
  local circuit = circuits[i]
  local probes = 0
  if refused == 0 and circuit.state ~= 'closed' then
    if circuit.state == 'open' then
      circuit.state = 'probing'
      circuit.epoch = circuit.epoch + 1
    end
    circuit.probe = id
    circuit.probe_until = now + probe_ms
    write(key, circuit)
    probes = 1
  end
  answer[#answer + 1] = circuit.epoch
  answer[#answer + 1] = probes
end
return answer
`;

/**
 * What came of a call. KEYS: the circuit and its results. ARGV: the call's id, the epoch it began in, `good`,
 * `bad` or `none` (it says nothing about the dependency), the window in s, the volume from which on a share
 * counts, that share in percent, base and longest open time in ms. Answers the state after it.
 */
export const RECORD_LUA = `${COMMON}
local circuit = read(KEYS[1])
local id, epoch, result = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local window, volume, share = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local base_ms, max_ms = tonumber(ARGV[7]), tonumber(ARGV[8])
if epoch ~= circuit.epoch then return circuit.state end

if circuit.state == 'probing' then
  if circuit.probe ~= id then return circuit.state end
  if result == 'bad' then
    open(KEYS[1], circuit, base_ms, max_ms)
  elseif result == 'good' then
    circuit.state, circuit.epoch, circuit.trips, circuit.probe, circuit.probe_until = 'closed', circuit.epoch + 1, 0, '', 0
    redis.call('DEL', KEYS[2])
    write(KEYS[1], circuit)
  else
    circuit.probe, circuit.probe_until = '', 0
    write(KEYS[1], circuit)
  end
  return circuit.state
end

if circuit.state ~= 'closed' or result == 'none' then return circuit.state end
local second = math.floor(now / 1000)
redis.call('HINCRBY', KEYS[2], second .. ':' .. result, 1)
redis.call('EXPIRE', KEYS[2], window + 1)
if result == 'good' then return 'closed' end

local good, bad = 0, 0
local results = redis.call('HGETALL', KEYS[2])
for i = 1, #results, 2 do
  local at, kind = string.match(results[i], '^(%d+):(%a+)$')
  if tonumber(at) <= second - window then
    redis.call('HDEL', KEYS[2], results[i])
  elseif kind == 'good' then
    good = good + tonumber(results[i + 1])
  else
    bad = bad + tonumber(results[i + 1])
  end
end
if good + bad >= volume and bad * 100 >= share * (good + bad) then
  redis.call('DEL', KEYS[2])
  open(KEYS[1], circuit, base_ms, max_ms)
end
return circuit.state
`;

/** Opens a circuit by hand. KEYS: the circuit and its results. ARGV: for how long, in ms. */
export const OPEN_LUA = `${COMMON}
local circuit = read(KEYS[1])
circuit.trips = 0
redis.call('DEL', KEYS[2])
open(KEYS[1], circuit, tonumber(ARGV[1]), tonumber(ARGV[1]))
return circuit.epoch
`;

/** Closes a circuit by hand. KEYS: the circuit and its results. */
export const RESET_LUA = `${COMMON}
local circuit = read(KEYS[1])
circuit.state, circuit.epoch, circuit.trips, circuit.probe, circuit.probe_until = 'closed', circuit.epoch + 1, 0, '', 0
redis.call('DEL', KEYS[2])
write(KEYS[1], circuit)
return circuit.epoch
`;

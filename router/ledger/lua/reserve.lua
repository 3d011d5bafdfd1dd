-- Holds the estimate of one request against all its quotas, or none of them.
-- KEYS: record, leases, clock, journal, user count, overflow user scope, then one key per scope.
-- ARGV: rid; lease ms; vectors want, need, crash (120 bytes); items; meta; flags ('f' force);
--       number of the user scope (0 none), its time to live in ms, most users a day.
-- An item is packed as algo, scope, metric, limit, a, b, c, d, scale, length of field, field:
--   S a = slot ms      B a = window ms, b = burst      L nothing
--   C a, b, c = start, end and next end of the window in ms, d = most carried over; limit -1 = the
--     limit is what the state says (a prepaid balance)
-- Returns {code, item, wait ms, used, amount, limit, now, remaining and reset ms of each item...};
-- code 0 admitted, 1 denied by `item` (wait -1: waiting cannot help), 2 already there, -2 windows
-- are stale. A denial writes nothing.

local rid, lease = ARGV[1], tonumber(ARGV[2])
local force = ARGV[6] == 'f'
local user_scope, user_ttl, user_most = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local prefix = string.sub(KEYS[1], 1, -#rid - 1)
local now, clock = read_clock(KEYS[3])
if #reap(KEYS[2], KEYS[4], prefix, now, 4) > 0 then redis.call('SET', KEYS[3], clock) end

local old = redis.call('GET', KEYS[1])
local want = {struct.unpack('>i8i8i8i8i8i8i8i8i8i8', ARGV[3])}
local scopes, items, fields = {}, {}, {}
for n = 7, #KEYS do scopes[n - 6] = KEYS[n] end

local at, blob = 1, ARGV[4]
while at <= #blob do
  local algo, scope, metric, limit, a, b, c, d, scale, field
  algo, scope, metric, limit, a, b, c, d, scale, field, at =
    struct.unpack('>c1BBi8i8i8i8i8i4Bc0', blob, at)
  items[#items + 1] = {scope, field, algo, metric, limit, a, b, c, d, scale}
  local of = fields[scope]
  if not of then of = {}; fields[scope] = of end
  of[#of + 1] = field
end

local raws, new_user = {}, false
for scope, of in pairs(fields) do
  local got = redis.call('HMGET', scopes[scope], unpack(of))
  if scope == user_scope then
    new_user = true
    for k = 1, #of do new_user = new_user and not got[k] end
    if new_user and user_most > 0 and tonumber(redis.call('GET', KEYS[5]) or 0) >= user_most then
      scopes[scope], new_user = KEYS[6], false
      got = redis.call('HMGET', scopes[scope], unpack(of))
    end
  end
  for k, field in ipairs(of) do raws[scope .. field] = got[k] end
end

-- What an item would hold: what it wants where that fits its limit at all, at least what it needs.
local function hold_of(item, limit)
  if old then return 0 end -- a repeated call only reads
  local most = amount_of(want, item[4], item[10])
  if most <= limit then return most end
  return max(limit, ceil(want[item[4] + 5] / item[10]), 1)
end

-- TRY[algo](item, raw) -> fits, wait, used, amount, limit, new state, remaining, reset, pos, span
local TRY = {}

function TRY.S(item, raw)
  local limit, sub = item[5], item[6]
  local slot = floor(now / sub)
  local r, amount = ring_at(raw, slot), hold_of(item, limit)
  local used, wait = ring_sum(r), 0
  if used + amount > limit then
    wait = -1
    if amount <= limit then
      local left = used
      for k = slot - SLOTS + 1, slot do
        left = left - r[2 + k % SLOTS]
        if left + amount <= limit then
          wait = (k + SLOTS) * sub - now
          break
        end
      end
    end
  end
  r[2 + slot % SLOTS] = r[2 + slot % SLOTS] + amount
  local reset = 0
  for k = slot, slot - SLOTS + 1, -1 do
    if r[2 + k % SLOTS] > 0 then
      reset = (k + SLOTS) * sub - now
      break
    end
  end
  return wait == 0, wait, used, amount, limit, struct.pack(RING, unpack(r)),
    limit - used - amount, reset, slot, sub
end

function TRY.B(item, raw)
  local limit, window, burst = item[5], item[6], item[7]
  local cap, amount = burst * window, hold_of(item, burst)
  local b = bucket_at(raw, now, limit, cap)
  local cost, wait = amount * window, 0
  local used = ceil((cap - b[1]) / window)
  if cost > b[1] then wait = amount <= burst and ceil((cost - b[1]) / limit) or -1 end
  local level = b[1] - cost
  return wait == 0, wait, used, amount, burst, struct.pack('>i8i8', level, now),
    floor(level / window), ceil((cap - level) / limit), cap, window
end

function TRY.C(item, raw)
  local start, stop, limit = item[6], item[7], item[5]
  if now >= item[8] or now < start then return nil end
  if now >= stop then start, stop = stop, item[8] end
  if limit < 0 then limit = raw and calendar_raw(raw)[6] or 0 end
  local c = calendar_at(raw, now, start, stop, item[9], limit)
  local most = limit + carry_of(c, item[9])
  local amount = hold_of(item, most)
  local used = c[3] + c[4] + (c[7] > 0 and 1 or 0)
  local wait = 0
  if used + amount > most then
    wait = (amount <= limit and item[5] >= 0) and c[2] - now or -1
  end
  c[4] = c[4] + amount
  return wait == 0, wait, used, amount, most, struct.pack(CAL, unpack(c)),
    most - used - amount, c[2] - now, c[1], item[9]
end

function TRY.L(item, raw)
  local count = raw and struct.unpack('>i8', raw) or 0
  local amount = old and 0 or 1
  local fits = count + amount <= item[5]
  local wait = 0
  if not fits then
    -- Nobody knows when a running request ends; the first lease to run out is the latest moment.
    wait = item[5] >= 1 and 1000 or -1
  end
  return fits, wait, count, amount, item[5], struct.pack('>i8', count + amount),
    item[5] - count - amount, 0, 0, 0
end

local reply = {0, 0, 0, 0, 0, 0, now}
local writes, kept = {}, {}
for n, item in ipairs(items) do
  local fits, wait, used, amount, limit, state, remaining, reset, pos, span =
    TRY[item[3]](item, raws[item[1] .. item[2]])
  if fits == nil then return {-2, n, 0, 0, 0, 0, now} end
  if not (fits or force or old) then
    if reply[1] == 0 then
      reply[1], reply[2], reply[3], reply[4], reply[5], reply[6] = 1, n, wait, used, amount, limit
    elseif wait < 0 or (reply[3] >= 0 and wait > reply[3]) then
      reply[2], reply[3], reply[4], reply[5], reply[6] = n, wait, used, amount, limit
    end
  end
  reply[6 + 2 * n], reply[7 + 2 * n] = remaining, max(0, reset)
  local of = writes[item[1]]
  if not of then of = {}; writes[item[1]] = of end
  of[#of + 1] = item[2]
  of[#of + 1] = state
  kept[n] = {item[1], item[2], item[3], item[4], amount, pos, span, item[5], item[10]}
end
for n, item in ipairs(kept) do
  local back = reply[1] == 1 and item[5] or 0
  reply[6 + 2 * n] = max(0, reply[6 + 2 * n] + back)
end
if old then reply[1] = 2 end
if reply[1] ~= 0 then return reply end

for scope, of in pairs(writes) do redis.call('HSET', scopes[scope], unpack(of)) end
if user_scope > 0 then
  redis.call('PEXPIRE', scopes[user_scope], user_ttl)
  if new_user then
    redis.call('INCR', KEYS[5])
    redis.call('PEXPIRE', KEYS[5], 172800000)
  end
end
local crash = string.sub(ARGV[3], 81, 120)
redis.call('SET', KEYS[1], cmsgpack.pack({1, now, 0, crash, '', '', ARGV[5], scopes, kept}))
redis.call('ZADD', KEYS[2], now + lease, rid)
redis.call('SET', KEYS[3], clock)
return reply

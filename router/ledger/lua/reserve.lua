-- Holds the estimate of one request against all its quotas, or none of them.
-- KEYS: record, leases, clock, journal, user count, overflow user scope, then one key per scope.
-- ARGV: rid; lease ms; vectors want, need, crash (120 bytes); items; meta; flags ('f' force);
--       number of the user scope (0 none), its time to live in ms, most users a day.
-- An item is packed (ITEM) as algorithm, scope, metric, limit, a, b, c, d, scale, length of field,
-- field; items of one scope follow each other, in the order of the scopes:
--   S a = slot ms      B a = window ms, b = burst      L nothing
--   C a, b, c = start, end and next end of the window in ms, d = most carried over; limit -1 = the
--     limit is what the state says (a prepaid balance)
-- Returns {code, item, wait ms, used, amount, limit, now, remaining and reset ms of each item...};
-- code 0 admitted, 1 denied by `item` (wait -1: waiting cannot help), 2 already there, -2 windows
-- are stale. A denial writes nothing.

-- include: clock states

local rid, vectors, blob = ARGV[1], ARGV[3], ARGV[4]
local known = redis.call('MGET', KEYS[1], KEYS[3])
local old, force = known[1], ARGV[6] == 'f'
local now, clock = clock_at(known[2])
if clock then
  -- Leases that ran out are closed on the way, but not looked for more often than the clock is stored.
  -- include: records closing reaping
  local prefix = string.sub(KEYS[1], 1, -#rid - 1)
  if #reap(KEYS[2], KEYS[4], prefix, now, 4) > 0 then redis.call('SET', KEYS[3], clock) end
end

-- What an item holds: what the request wants where that fits the limit at all, at least what it
-- needs; nothing where a repeated call only reads.
local function hold_of(limit, item, want, old)
  if old then return 0 end
  local most = math.ceil(want[item[3]] / item[9])
  if most <= limit then return most end
  return math.max(limit, math.ceil(want[item[3] + 5] / item[9]), 1)
end

-- Each: (item, raw, now, want, old) -> wait (0: it fits), used, amount, limit, new state, remaining,
-- reset, pos

local function try_ring(item, raw, now, want, old)
  local limit, sub = item[4], item[5]
  local r, slot = ring_at(raw, now, sub)
  local amount, used, wait = hold_of(limit, item, want, old), ring_sum(r), 0
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
  return wait, used, amount, limit, struct.pack(RING, unpack(r)), limit - used - amount, reset, slot
end

local function try_bucket(item, raw, now, want, old)
  local limit, window, burst = item[4], item[5], item[6]
  local cap, amount = burst * window, hold_of(burst, item, want, old)
  local level, ts = bucket_at(raw, now, limit, cap)
  local cost, wait = amount * window, 0
  local used = math.ceil((cap - level) / window)
  if cost > level then wait = amount <= burst and math.ceil((cost - level) / limit) or -1 end
  level = level - cost
  return wait, used, amount, burst, struct.pack(PAIR, level, ts), math.floor(level / window),
    math.ceil((cap - level) / limit), cap
end

local function try_calendar(item, raw, now, want, old)
  local limit, start, stop, cap = item[4], item[5], item[6], item[8]
  if now >= item[7] or now < start then return nil end
  if now >= stop then start, stop = stop, item[7] end
  if limit < 0 then limit = raw and select(6, struct.unpack(CALENDAR, raw)) or 0 end
  local c = calendar_at(raw, now, start, stop, cap, limit)
  local most = limit + carry_of(c, cap)
  local amount, used = hold_of(most, item, want, old), c[3] + c[4] + (c[7] > 0 and 1 or 0)
  local wait = 0
  if used + amount > most then wait = (amount <= limit and item[4] >= 0) and c[2] - now or -1 end
  c[4] = c[4] + amount
  return wait, used, amount, most, struct.pack(CALENDAR, unpack(c)), most - used - amount,
    c[2] - now, c[1]
end

local function try_leases(item, raw, _, _, old)
  local limit, count = item[4], raw and struct.unpack('>i8', raw) or 0
  local amount, wait = old and 0 or 1, 0
  if count + amount > limit then
    -- Nobody knows when a running request ends; the first lease to run out is the latest moment.
    wait = limit >= 1 and 1000 or -1
  end
  return wait, count, amount, limit, struct.pack('>i8', count + amount), limit - count - amount, 0, 0
end

local want = {struct.unpack('>i8i8i8i8i8i8i8i8i8i8', vectors)}
local user_scope, new_user = tonumber(ARGV[7]), false
local reply, writes, numbers = {0, 0, 0, 0, 0, 0, now}, {}, {}
local n, at = 0, 1
while at <= #blob do
  -- The items of one scope, and their states.
  local items, fields, count, scope = {}, {}, 0, nil
  repeat
    local item = {struct.unpack(ITEM, blob, at)}
    if scope and item[2] ~= scope then break end
    scope, at, count = item[2], item[11], count + 1
    items[count], fields[count] = item, item[10]
  until at > #blob
  local raws = redis.call('HMGET', KEYS[6 + scope], unpack(fields))
  if scope == user_scope then
    -- Where the organization has brought too many users today, a new one counts in the scope that
    -- further ones share.
    new_user = true
    for k = 1, count do new_user = new_user and not raws[k] end
    local most = tonumber(ARGV[9])
    if new_user and most > 0 and tonumber(redis.call('GET', KEYS[5]) or 0) >= most then
      KEYS[6 + scope], new_user = KEYS[6], false
      raws = redis.call('HMGET', KEYS[6], unpack(fields))
    end
  end
  local write = {}
  for k = 1, count do
    local item = items[k]
    local algo = item[1]
    local try = algo == ALGO_S and try_ring or algo == ALGO_C and try_calendar
      or algo == ALGO_L and try_leases or try_bucket
    local wait, used, amount, limit, state, remaining, reset, pos = try(item, raws[k], now, want, old)
    n = n + 1
    if not wait then return {-2, n, 0, 0, 0, 0, now} end
    if wait ~= 0 and not (force or old) then
      if reply[1] == 0 or wait < 0 or (reply[3] >= 0 and wait > reply[3]) then
        reply[1], reply[2], reply[3], reply[4], reply[5], reply[6] = 1, n, wait, used, amount, limit
      end
    end
    reply[6 + 2 * n], reply[7 + 2 * n] = remaining, reset > 0 and reset or 0
    write[2 * k - 1], write[2 * k] = fields[k], state
    numbers[2 * n - 1], numbers[2 * n] = amount, pos
  end
  writes[scope] = write
end
for k = 1, n do
  local remaining = reply[6 + 2 * k] + (reply[1] == 1 and numbers[2 * k - 1] or 0)
  reply[6 + 2 * k] = remaining > 0 and remaining or 0
end
if old then reply[1] = 2 end
if reply[1] ~= 0 then return reply end

for scope, write in pairs(writes) do redis.call('HSET', KEYS[6 + scope], unpack(write)) end
if user_scope > 0 then
  redis.call('PEXPIRE', KEYS[6 + user_scope], ARGV[8])
  if new_user then
    redis.call('INCR', KEYS[5])
    redis.call('PEXPIRE', KEYS[5], 172800000)
  end
end
local scopes, held = '', ''
if n > 0 then
  scopes = table.concat(KEYS, '\n', 7)
  held = struct.pack('>' .. string.rep('i8', 2 * n), unpack(numbers))
end
redis.call('SET', KEYS[1], struct.pack(RECORD, 2, 1, 0, now, string.sub(vectors, 81), 0, '', 0, '',
  #scopes, scopes, #held, held, #blob, blob, #ARGV[5], ARGV[5]))
redis.call('ZADD', KEYS[2], now + ARGV[2], rid)
if clock then redis.call('SET', KEYS[3], clock) end
return reply

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

local rid, vectors, blob = ARGV[1], ARGV[3], ARGV[4]
local known = call('MGET', KEYS[1], KEYS[3])
local old, force = known[1], ARGV[6] == 'f'
local now, clock = clock_at(known[2])
-- Leases that ran out are closed on the way, but not looked for more often than the clock is stored.
if clock and #reap(KEYS[2], KEYS[4], string.sub(KEYS[1], 1, -#rid - 1), now, 4) > 0 then
  call('SET', KEYS[3], clock)
end

-- What an item would hold: what it wants where that fits its limit at all, at least what it needs.
local want = {read('>i8i8i8i8i8i8i8i8i8i8', vectors)}
local function hold_of(item, limit)
  if old then return 0 end -- a repeated call only reads
  local most = ceil(want[item[3]] / item[9])
  if most <= limit then return most end
  return max(limit, ceil(want[item[3] + 5] / item[9]), 1)
end

-- Each: (item, raw) -> wait (0: it fits), used, amount, limit, new state, remaining, reset, pos

local function try_ring(item, raw)
  local limit, sub = item[4], item[5]
  local r, slot = ring_at(raw, now, sub)
  local amount, used, wait = hold_of(item, limit), ring_sum(r), 0
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
  return wait, used, amount, limit, pack(RING, unpack(r)), limit - used - amount, reset, slot
end

local function try_bucket(item, raw)
  local limit, window, burst = item[4], item[5], item[6]
  local cap, amount = burst * window, hold_of(item, burst)
  local level, ts = bucket_at(raw, now, limit, cap)
  local cost, wait = amount * window, 0
  local used = ceil((cap - level) / window)
  if cost > level then wait = amount <= burst and ceil((cost - level) / limit) or -1 end
  level = level - cost
  return wait, used, amount, burst, pack(PAIR, level, ts), floor(level / window),
    ceil((cap - level) / limit), cap
end

local function try_calendar(item, raw)
  local limit, start, stop, cap = item[4], item[5], item[6], item[8]
  if now >= item[7] or now < start then return nil end
  if now >= stop then start, stop = stop, item[7] end
  if limit < 0 then limit = raw and select(6, read(CAL, raw)) or 0 end
  local c = calendar_at(raw, now, start, stop, cap, limit)
  local most = limit + carry_of(c, cap)
  local amount, used, wait = hold_of(item, most), c[3] + c[4] + (c[7] > 0 and 1 or 0), 0
  if used + amount > most then wait = (amount <= limit and item[4] >= 0) and c[2] - now or -1 end
  c[4] = c[4] + amount
  return wait, used, amount, most, pack(CAL, unpack(c)), most - used - amount, c[2] - now, c[1]
end

local function try_leases(item, raw)
  local limit, count, amount, wait = item[4], raw and read('>i8', raw) or 0, old and 0 or 1, 0
  if count + amount > limit then
    -- Nobody knows when a running request ends; the first lease to run out is the latest moment.
    wait = limit >= 1 and 1000 or -1
  end
  return wait, count, amount, limit, pack('>i8', count + amount), limit - count - amount, 0, 0
end

-- The states of one scope's items, as far as it has them. The user scope is exchanged for the
-- overflow scope where the organization has brought too many users today.
local user_scope, new_user = tonumber(ARGV[7]), false
local function states_of(scope, fields)
  local got = call('HMGET', KEYS[6 + scope], unpack(fields))
  if scope ~= user_scope then return got end
  new_user = true
  for k = 1, #fields do new_user = new_user and not got[k] end
  local most = tonumber(ARGV[9])
  if new_user and most > 0 and tonumber(call('GET', KEYS[5]) or 0) >= most then
    KEYS[6 + scope], new_user = KEYS[6], false
    got = call('HMGET', KEYS[6], unpack(fields))
  end
  return got
end

local reply, writes, numbers = {0, 0, 0, 0, 0, 0, now}, {}, {}
local n, at, amounts = 0, 1, {}
while at <= #blob do
  local items, fields = {}, {}
  local scope
  repeat
    local item = {read(ITEM, blob, at)}
    if scope and item[2] ~= scope then break end
    scope, at = item[2], item[11]
    items[#items + 1], fields[#fields + 1] = item, item[10]
  until at > #blob
  local raws, write = states_of(scope, fields), {}
  for k, item in ipairs(items) do
    local algo = item[1]
    local try = algo == S and try_ring or algo == C and try_calendar or algo == L and try_leases
      or try_bucket
    local wait, used, amount, limit, state, remaining, reset, pos = try(item, raws[k])
    n = n + 1
    if not wait then return {-2, n, 0, 0, 0, 0, now} end
    if wait ~= 0 and not (force or old) then
      if reply[1] == 0 or wait < 0 or (reply[3] >= 0 and wait > reply[3]) then
        reply[1], reply[2], reply[3], reply[4], reply[5], reply[6] = 1, n, wait, used, amount, limit
      end
    end
    reply[6 + 2 * n], reply[7 + 2 * n] = remaining, reset > 0 and reset or 0
    write[2 * k - 1], write[2 * k] = fields[k], state
    numbers[2 * n - 1], numbers[2 * n], amounts[n] = amount, pos, amount
  end
  writes[scope] = write
end
for k = 1, n do
  local remaining = reply[6 + 2 * k] + (reply[1] == 1 and amounts[k] or 0)
  reply[6 + 2 * k] = remaining > 0 and remaining or 0
end
if old then reply[1] = 2 end
if reply[1] ~= 0 then return reply end

for scope, write in pairs(writes) do call('HSET', KEYS[6 + scope], unpack(write)) end
if user_scope > 0 then
  call('PEXPIRE', KEYS[6 + user_scope], ARGV[8])
  if new_user then
    call('INCR', KEYS[5])
    call('PEXPIRE', KEYS[5], 172800000)
  end
end
write_record(KEYS[1], {
  1, now, 0, string.sub(vectors, 81), '', '', table.concat(KEYS, '\n', 7),
  pack('>' .. string.rep('i8', 2 * n), unpack(numbers)), blob, ARGV[5],
})
call('ZADD', KEYS[2], now + ARGV[2], rid)
if clock then call('SET', KEYS[3], clock) end
return reply

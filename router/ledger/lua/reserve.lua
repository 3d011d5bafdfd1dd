-- Holds the estimate of one request against all its quotas, or none of them.
-- KEYS: holds, clock, mark, one scope for each of the plan; where one is a user's, also the count of
--       users and the scope that they overflow into.
-- ARGV: rid; numbers (ASK: lease ms, where the plan begins in the body, ms that a user's scope lives,
--       most users a day, bit of the mark, vectors want and need); body of the record; 'f' to be
--       obeyed whether or not it fits.
-- Returns what is left of each item and in how many ms it resets, packed as 64-bit integers; or {code,
-- item, wait ms, used, amount, limit, now, these...}: 1 denied by `item` (wait -1: waiting cannot
-- help), 2 already there, -2 windows are stale. A denial writes nothing.

-- What is looked up by its name costs 50 ns each time.
local keys, args, call, get, put = KEYS, ARGV, redis.call, struct.unpack, struct.pack
local sub, byte, floor = string.sub, string.byte, math.floor
local known = call('MGET', unpack(keys, 2))
local stored, mark = known[1], known[2]
-- include: clock
-- include: states marks

local ask, body = {get(ASK, args[2])}, args[3]
local bit, force, one = ask[5], args[4], 1
local old = mark and floor(byte(mark, 9 + floor(bit / 8)) / 2 ^ (7 - bit % 8)) % 2 == 1
if old then
  one = 0
  for k = 6, 15 do ask[k] = 0 end
end

local at = ask[2]
local scopes, user_scope = byte(body, at, at + 1)
local n, bad, writes, numbers, reply, new_user = 0, 0, {}, {}, {}, false
local bad_wait, bad_used, bad_amount, bad_limit, overdrawn, user_key, user_state
at = at + 2
for scope = 1, scopes do
  local size, items, heads = byte(body, at, at + 2)
  local layout, key, raw = sub(body, at + 3, at + 2 + size), keys[3 + scope], known[2 + scope]
  at = at + 3 + size
  if not raw or sub(raw, 1, size) ~= layout then
    -- include: layout older
    raw = raw or older_state(key)
    if not raw and scope == user_scope then
      -- Where the organization has brought too many users today, a new one counts in the scope that
      -- further ones share.
      new_user = true
      if ask[4] > 0 and tonumber(known[3 + scopes] or 0) >= ask[4] then
        new_user = false
        raw = known[4 + scopes] or older_state(keys[5 + scopes])
        key = keys[5 + scopes]
        local shared = {unpack(keys, 4, 3 + scopes)}
        shared[scope] = key
        local to = table.concat(shared, '\n')
        body = sub(body, 1, 6) .. put('<H', #to) .. sub(body, 9, BODY_SIZE) .. to .. sub(body, ask[2])
        at = at + #to + BODY_SIZE + 1 - ask[2]
      end
    end
    raw = arrange(raw, layout)
  end
  local format = sub(DOUBLES, 1, heads + 1)
  local v = {get(format, raw, size + 1)}
  local rest, i, o = sub(raw, v[heads + 1]), 1, 0
  for _ = 1, items do
    local algo, metric, scale, limit, a, b, c, d = get(ITEM, body, at)
    local most, used, amount, wait, reset, pos, carried = limit
    n, at = n + 1, at + ITEM_SIZE
    if algo == ALGO_S then
      local slot, newest, older, to = v[i], v[i + 1], v[i + 2], floor(now / a)
      if to > slot then
        rest, older = turn(rest, o, slot, newest, to)
        v[i], v[i + 1], v[i + 2], slot, newest = to, 0, older, to, 0
      end
      used, pos = newest + older, slot
    elseif algo == ALGO_C then
      if now >= c or now < a then return {-2, n, 0, 0, 0, 0, now} end
      local start, stop, left, last = get('<dddd', rest, o + 1)
      if limit < 0 then most = last end
      if now >= stop then
        -- A stored window that has not ended stays: a change of time zone acts at the next boundary.
        local before = start
        left = last + math.max(0, math.min(d, left)) - v[i] - v[i + 1]
        start, stop = math.max(now < b and a or b, stop), now < b and b or c
        rest = sub(rest, 1, o) .. put(CALENDAR, start, stop, left, most, before, v[i], v[i + 1], v[i + 2])
          .. sub(rest, o + 65)
        v[i], v[i + 1], v[i + 2] = 0, 0, 0
      elseif last ~= most then
        rest = replace(rest, o + 24, most)
      end
      -- What the window before leaves to this one, as today's policy caps it.
      carried = left < d and left or d
      if carried < 0 then carried = 0 end
      most = most + carried
      used, pos, reset = v[i] + v[i + 1] + (v[i + 2] > 0 and 1 or 0), start, stop - now
    elseif algo == ALGO_L then
      used, amount, pos, reset = v[i], one, 0, 0
    else
      local level, ts = v[i], v[i + 1]
      most, pos = b, b * a
      if ts == 0 then level, ts = pos, now end
      if now > ts then level, ts = level + (now - ts) * limit, now end
      level = math.min(pos, level)
      v[i], v[i + 1], used = level, ts, math.ceil((pos - level) / a)
    end

    -- What the item holds: what the request wants where that fits the limit at all, at least what it
    -- needs.
    if not amount then
      amount = ask[5 + metric]
      if scale ~= 1 then amount = math.ceil(amount / scale) end
      if amount > most then amount = math.max(most, math.ceil(ask[10 + metric] / scale), 1) end
    end
    if algo == ALGO_S then
      if used + amount > limit then
        wait = -1
        if amount <= limit then
          local left, ring = used, {get(RING, rest, o + 1)}
          ring[1 + pos % SLOTS] = v[i + 1]
          for k = pos - SLOTS + 1, pos do
            left = left - ring[1 + k % SLOTS]
            if left + amount <= limit then
              wait = (k + SLOTS) * a - now
              break
            end
          end
        end
      end
      v[i + 1] = v[i + 1] + amount
      reset = (pos + SLOTS) * a - now
      if v[i + 1] <= 0 then
        -- Nothing in the newest slot: the last that leaves is an older one, if any.
        local ring = {get(RING, rest, o + 1)}
        local k = pos - 1
        while k > pos - SLOTS and ring[1 + k % SLOTS] <= 0 do k = k - 1 end
        reset = k > pos - SLOTS and (k + SLOTS) * a - now or 0
      end
      i, o = i + 3, o + 104
    elseif algo == ALGO_C then
      if used + amount > most then wait = (amount <= most - carried and limit >= 0) and reset or -1 end
      v[i + 1] = v[i + 1] + amount
      i, o = i + 3, o + 64
    elseif algo == ALGO_L then
      -- Nobody knows when a running request ends; the latest moment is when its lease runs out.
      if used + amount > most then wait = most >= 1 and 1000 or -1 end
      v[i], i = used + amount, i + 1
    else
      local cost = amount * a
      if cost > v[i] then wait = amount <= b and math.ceil((cost - v[i]) / limit) or -1 end
      v[i] = v[i] - cost
      reset, i = math.ceil((pos - v[i]) / limit), i + 2
    end
    if wait and not (force or old) and (bad == 0 or wait < 0 or (bad_wait >= 0 and wait > bad_wait)) then
      bad, bad_wait, bad_used, bad_amount, bad_limit = n, wait, used, amount, most
    end
    numbers[2 * n - 1], numbers[2 * n] = amount, pos
    local left = most - used - amount
    if left < 0 then overdrawn = true end
    reply[2 * n - 1], reply[2 * n] = left, reset > 0 and reset or 0
  end
  raw = layout .. put(format, unpack(v)) .. rest
  if scope == user_scope then
    user_key, user_state = key, raw
  else
    writes[#writes + 1] = key
    writes[#writes + 1] = raw
  end
end

if bad > 0 or overdrawn then
  for k = 1, n do
    local left = reply[2 * k - 1] + (bad > 0 and numbers[2 * k - 1] or 0)
    reply[2 * k - 1] = left > 0 and left or 0
  end
  if bad > 0 then return {1, bad, bad_wait, bad_used, bad_amount, bad_limit, now, unpack(reply)} end
end
if old or call('HSETNX', keys[1], args[1], put(sub(RECORD, 1, 2 * n + 6), 3, n, 0,
    now + ask[1], now, unpack(numbers)) .. body) == 0 then
  return {2, 0, 0, 0, 0, 0, now, unpack(reply)}
end
if clock then
  writes[#writes + 1] = keys[2]
  writes[#writes + 1] = clock
end
if #writes > 0 then call('MSET', unpack(writes)) end
if user_key then
  call('SET', user_key, user_state, 'PX', string.format('%.0f', ask[3]))
  if new_user then
    call('INCR', keys[4 + scopes])
    call('PEXPIRE', keys[4 + scopes], 172800000)
  end
end
remember(keys[3], mark, bit, now)
return put(sub(INTEGERS, 1, 4 * n + 1), unpack(reply))

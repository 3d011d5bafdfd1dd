-- Holds the estimate of one request against all its quotas, or against none of them.
--
-- KEYS    open holds, clock, mark, one scope for each of the plan; where one is a user's, also the
--         count of the day's users and the scope that further users share; where one is a run's (the
--         last), also the open runs, the run's alias, its parent's alias and scope
-- ARGV    hold id; ASK: lease ms, where the plan begins in the body, ms that a user's scope lives,
--         most users a day, bit of the mark, what is wanted, what is needed at least (vectors); body
--         of the hold; FORCED, to hold even what does not fit; optionally RUN: of a run
-- time    milliseconds
-- returns what is left of each item and in how many ms it resets, packed as INTEGERS; or the list
--         {code, item, wait ms, used, amount, limit, now, and the same pairs}: DENIED by that item
--         (wait NEVER: waiting does not help), RESERVED_BEFORE, or STALE: the calendar windows of
--         the call are not the current ones; MANY_RUNS: the organization has as many runs open as it may
--         (used, limit). None of these writes anything (but a clock that went back).

-- Locals, because looking up a global costs 50 ns each time.
local keys, args, call, get, put = KEYS, ARGV, redis.call, struct.unpack, struct.pack
local sub, byte, floor = string.sub, string.byte, math.floor
local known = call('MGET', unpack(keys, 2))
local stored, mark, clock_key = known[1], known[2], keys[2]
-- include: clock
-- include: ring.turn scope.replace mark.write

local ask, body, forced, one = {get(ASK, args[2])}, args[3], args[4] == FORCED, 1
local run, run_keys = args[5], #keys - RUN_PARENT_SCOPE
local run_own, run_root, run_key, run_state, new_run
if run then run = {get(RUN, run)} end
local bit = ask[ASK_MARK_BIT]
-- include: mark.read
if reserved_before then
  -- Ask for nothing, so that the reply only says what is left.
  one = 0
  for metric = 1, 2 * METRICS do ask[WANT + metric] = 0 end
end

local at = ask[ASK_PLAN_AT]
local scopes, user_scope = byte(body, at, at + 1)
local item, writes, held, reply, new_user = 0, {}, {}, {}, false
local denied, denied_wait, denied_used, denied_amount, denied_limit = 0, nil, nil, nil, nil
local overdrawn, user_key, user_state
at = at + PLAN_HEAD
for scope = 1, scopes do
  local size, items, changing = byte(body, at, at + 2)
  local layout = sub(body, at + SCOPE_HEAD, at + SCOPE_HEAD + size - 1)
  local key, state = keys[KEYS_BEFORE_SCOPES + scope], known[KEYS_BEFORE_SCOPES - 1 + scope]
  at = at + SCOPE_HEAD + size
  if run and scope == scopes then
    -- include: run.find
  end
  if not state or sub(state, 1, size) ~= layout then
    -- include: scope.arrange
    if not state and scope == user_scope then
      -- include: users
    end
    state = arrange(state, layout)
  end
  local format = sub(NUMBERS, 1, changing + 1)
  local values = {get(format, state, size + 1)}
  local resting, i, offset = sub(state, values[changing + 1]), 1, 0
  for _ = 1, items do
    local algorithm, metric, scale, limit, a, b, c, d = get(ITEM, body, at)
    local most, used, amount, wait, reset, position, carried = limit, nil, nil, nil, nil, nil, nil
    item, at = item + 1, at + ITEM_BYTES
    if algorithm == IS_RING then
      -- include: ring.now
      used, position = values[i + 1] + values[i + 2], slot
    elseif algorithm == IS_CALENDAR then
      -- include: calendar.window
    elseif algorithm == IS_LEASES then
      used, amount, position, reset = values[i], one, 0, 0
    elseif algorithm == IS_PURSE then
      -- include: purse.window
    elseif algorithm == IS_ECHO then
      -- include: echo.window
    else
      local full = b * a
      -- include: bucket.refill
      values[i], values[i + 1] = level, since
      most, position, used = b, full, math.ceil((full - level) / a)
    end

    -- Hold what the request wants. If that can never fit the limit, hold all of the limit, or what the
    -- request needs where that is more; but of a balance (limit -1) never less than it may cost.
    if not amount then
      amount = ask[WANT + metric]
      if scale ~= 1 then amount = math.ceil(amount / scale) end
      if amount > most and limit >= 0 then amount = math.max(most, math.ceil(ask[NEED + metric] / scale), 1) end
    end
    if algorithm == IS_RING then
      -- include: ring.take
    elseif algorithm == IS_CALENDAR then
      -- include: calendar.take
    elseif algorithm == IS_LEASES then
      -- include: leases.take
    elseif algorithm == IS_PURSE then
      -- include: purse.take
    elseif algorithm == IS_ECHO then
      -- include: echo.take
    else
      local full = position
      -- include: bucket.take
    end
    -- If several deny, the reply names the one with the longest wait; NEVER is the longest.
    if wait and not (forced or reserved_before)
      and (denied == 0 or wait < 0 or (denied_wait >= 0 and wait > denied_wait)) then
      denied, denied_wait, denied_used, denied_amount, denied_limit = item, wait, used, amount, most
    end
    held[2 * item - 1], held[2 * item] = amount, position
    local left = most - used - amount
    if left < 0 then overdrawn = true end
    reply[2 * item - 1], reply[2 * item] = left, reset > 0 and reset or 0
  end
  state = layout .. put(format, unpack(values)) .. resting
  if scope == user_scope then
    user_key, user_state = key, state
  elseif run and scope == scopes then
    run_key, run_state = key, state
  else
    writes[#writes + 1] = key
    writes[#writes + 1] = state
  end
end

if denied > 0 or overdrawn then
  for k = 1, item do
    local left = reply[2 * k - 1] + (denied > 0 and held[2 * k - 1] or 0)
    reply[2 * k - 1] = left > 0 and left or 0
  end
  if denied > 0 then
    return {DENIED, denied, denied_wait, denied_used, denied_amount, denied_limit, now, unpack(reply)}
  end
end
if reserved_before or call('HSETNX', keys[1], args[1], put(sub(HOLD, 1, #HOLD_HEAD + 2 + 2 * item), item, 0,
    now + ask[ASK_LEASE_MS], now, unpack(held)) .. body) == 0 then
  return {RESERVED_BEFORE, 0, 0, 0, 0, 0, now, unpack(reply)}
end
if clock then
  writes[#writes + 1] = clock_key
  writes[#writes + 1] = clock
end
if #writes > 0 then call('MSET', unpack(writes)) end
if user_key then
  call('SET', user_key, user_state, 'PX', string.format('%.0f', ask[ASK_USER_SCOPE_MS]))
  if new_user then
    local count = keys[KEYS_BEFORE_SCOPES + 1 + scopes]
    call('INCR', count)
    call('PEXPIRE', count, 2 * DAY_MS)
  end
end
if run_key then
  -- include: run.keep
end
remember(keys[KEYS_BEFORE_SCOPES], mark, bit, now)
return put(sub(INTEGERS, 1, 2 * 2 * item + 1), unpack(reply))

-- Slots of one backend, shared by all gateways and divided among classes of customers. A class always gets
-- its guaranteed slots: those that it does not use are kept free while it is active, and all but one of them
-- are lent to others while it is idle. A slot whose lease runs out is free again.
--
-- KEYS    leases, members, demand, clock
-- ARGV    'take'; slot id; class; slots; lease ms; ms after which a class counts as idle; then name,
--         guaranteed and ceiling of each class
--         or 'give'; slot ids      or 'renew'; lease ms; slot ids
-- time    milliseconds
-- returns take: {0: taken, 1: refused; slots in use, in use by the class}; give: how many were given back;
--         renew: how many still had a lease

local leases, members, demand, clock_key = unpack(KEYS)
local stored = redis.call('GET', clock_key)
-- include: clock
for _, slot_id in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', string.format('(%.0f', now))) do
  redis.call('HDEL', members, slot_id)
  redis.call('ZREM', leases, slot_id)
end
if clock then redis.call('SET', clock_key, clock) end

if ARGV[1] == 'give' then
  local given = 0
  for n = 2, #ARGV do
    given = given + redis.call('HDEL', members, ARGV[n])
    redis.call('ZREM', leases, ARGV[n])
  end
  return given
end

if ARGV[1] == 'renew' then
  local live = 0
  for n = POOL_RENEWED, #ARGV do
    if redis.call('ZSCORE', leases, ARGV[n]) then
      redis.call('ZADD', leases, 'XX', now + tonumber(ARGV[2]), ARGV[n])
      live = live + 1
    end
  end
  return live
end

local _, slot_id, mine, slots, lease_ms, idle_ms = unpack(ARGV)
slots = tonumber(slots)
local used, all = {}, 0
for _, class in ipairs(redis.call('HVALS', members)) do
  used[class] = (used[class] or 0) + 1
  all = all + 1
end
if redis.call('HEXISTS', members, slot_id) == 1 then return {0, all, used[mine] or 0} end
redis.call('HSET', demand, mine, string.format('%.0f', now))
redis.call('PEXPIRE', demand, DAY_MS)
local kept, most = 0, slots
for n = POOL_CLASSES, #ARGV, POOL_CLASS do
  local class, guaranteed, ceiling = unpack(ARGV, n, n + 2)
  if class == mine then
    most = tonumber(ceiling)
  else
    local spare = math.max(0, tonumber(guaranteed) - (used[class] or 0))
    local seen = tonumber(redis.call('HGET', demand, class) or 0)
    if now - seen > tonumber(idle_ms) then spare = math.min(1, spare) end
    kept = kept + spare
  end
end
if all + 1 > slots - kept or (used[mine] or 0) + 1 > most then return {1, all, used[mine] or 0} end
redis.call('HSET', members, slot_id, mine)
redis.call('ZADD', leases, now + tonumber(lease_ms), slot_id)
return {0, all + 1, (used[mine] or 0) + 1}

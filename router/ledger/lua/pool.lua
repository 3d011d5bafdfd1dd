-- Slots of one backend, shared by all gateways and divided among classes of customers.
-- KEYS: leases, members, demand, clock.
-- ARGV: 'take'; rid; class; slots; lease ms; ms after which a class counts as idle; then name,
--       guaranteed, ceiling of each class     -> {0 taken or 1 refused, in use, in use by the class}
--   or: 'give'; rid...                        -> how many were given back
--   or: 'renew'; lease ms; rid...             -> how many still live
-- A class finds its guaranteed slots whatever the others do: what it does not use is kept free for
-- it while it is active, and all but one slot of it is lent while it is idle. Leases that run out
-- are free again.

local stored = redis.call('GET', KEYS[4])
-- include: clock
for _, rid in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now))) do
  redis.call('HDEL', KEYS[2], rid)
  redis.call('ZREM', KEYS[1], rid)
end
if clock then redis.call('SET', KEYS[4], clock) end

if ARGV[1] == 'give' then
  local given = 0
  for n = 2, #ARGV do
    given = given + redis.call('HDEL', KEYS[2], ARGV[n])
    redis.call('ZREM', KEYS[1], ARGV[n])
  end
  return given
end

if ARGV[1] == 'renew' then
  local live = 0
  for n = 3, #ARGV do
    if redis.call('ZSCORE', KEYS[1], ARGV[n]) then
      redis.call('ZADD', KEYS[1], 'XX', now + tonumber(ARGV[2]), ARGV[n])
      live = live + 1
    end
  end
  return live
end

local rid, mine, slots, lease, idle = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local used, all = {}, 0
for _, class in ipairs(redis.call('HVALS', KEYS[2])) do
  used[class] = (used[class] or 0) + 1
  all = all + 1
end
if redis.call('HEXISTS', KEYS[2], rid) == 1 then return {0, all, used[mine] or 0} end
redis.call('HSET', KEYS[3], mine, string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[3], 86400000)
local kept, most = 0, slots
for n = 7, #ARGV, 3 do
  local class, guaranteed = ARGV[n], tonumber(ARGV[n + 1])
  if class == mine then
    most = tonumber(ARGV[n + 2])
  else
    local spare = math.max(0, guaranteed - (used[class] or 0))
    local seen = tonumber(redis.call('HGET', KEYS[3], class) or 0)
    if now - seen > idle then spare = math.min(1, spare) end
    kept = kept + spare
  end
end
if all + 1 > slots - kept or (used[mine] or 0) + 1 > most then return {1, all, used[mine] or 0} end
redis.call('HSET', KEYS[2], rid, mine)
redis.call('ZADD', KEYS[1], now + lease, rid)
return {0, all + 1, (used[mine] or 0) + 1}

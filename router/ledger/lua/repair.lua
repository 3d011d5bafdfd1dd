-- Replaces states of one virtual shard, all of them or none: nothing is written unless each state is still
-- the one that was read before.
--
-- KEYS    scopes
-- ARGV    for each: the state expected (empty: none), the state to write
-- returns how many were written; 0 where a state has changed since
local known = redis.call('MGET', unpack(KEYS))
for n = 1, #KEYS do
  if (known[n] or '') ~= ARGV[2 * n - 1] then return 0 end
end
for n = 1, #KEYS do
  redis.call('SET', KEYS[n], ARGV[2 * n], 'KEEPTTL')
end
return #KEYS

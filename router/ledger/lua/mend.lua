-- Replaces states of one virtual shard, all of them or none: the fence is that each still is what
-- was looked at.   KEYS: scope keys.   ARGV: number of key, field, state expected (empty: none),
-- state to write; repeated.   Returns how many were written; 0 where something moved meanwhile.

for n = 1, #ARGV, 4 do
  local found = redis.call('HGET', KEYS[tonumber(ARGV[n])], ARGV[n + 1]) or ''
  if found ~= ARGV[n + 2] then return 0 end
end
for n = 1, #ARGV, 4 do
  redis.call('HSET', KEYS[tonumber(ARGV[n])], ARGV[n + 1], ARGV[n + 3])
end
return #ARGV / 4

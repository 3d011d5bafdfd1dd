-- Marks: a bit tells that a hold was once reserved, so that it is neither made again nor settled twice.
-- The holds of one process share a key, 256 of them; a mark outlives each by a quarter of an hour.

-- section: read
-- in   mark (what the key holds, or false), bit   out   reserved_before
local reserved_before = mark and math.floor(
  string.byte(mark, MARK_FIRST_BYTE + math.floor(bit / BYTE_BITS)) / 2 ^ (BYTE_BITS - 1 - bit % BYTE_BITS)
) % 2 == 1

-- section: name
-- The key of a hold's mark, and which bit of it is the hold's. `base`: how all keys of the shard begin.
local function mark_of(base, hold_id)
  return base .. MARK_KEY .. string.sub(hold_id, MARK_NAME_FIRST, MARK_NAME_LAST),
    tonumber(string.sub(hold_id, MARK_BIT_FIRST), HEXADECIMAL)
end

-- section: write
-- Marks that a hold was reserved, anew where the mark may be forgotten before a quarter of an hour is
-- over. `mark`: what the key holds.
local function remember(key, mark, bit, now)
  if not mark then
    redis.call('SET', key, struct.pack(NUMBER, now) .. string.rep('\0', MARK_BYTES), 'PX', MARK_LIFE_MS)
  elseif now - struct.unpack(NUMBER, mark) > MARK_FRESH_MS then
    redis.call('SETRANGE', key, 0, struct.pack(NUMBER, now))
    redis.call('PEXPIRE', key, MARK_LIFE_MS)
  end
  redis.call('SETBIT', key, MARK_FIRST_BIT + bit, 1)
end

-- Marks: one bit for each hold says that it was once reserved, so that it is neither made again nor settled
-- twice. 256 holds of one process share a key, which outlives each of them by 16 hours.

-- section: read
-- in   mark (the value of the key, or false), bit   out   reserved_before
local reserved_before = mark and math.floor(
  string.byte(mark, MARK_FIRST_BYTE + math.floor(bit / BYTE_BITS)) / 2 ^ (BYTE_BITS - 1 - bit % BYTE_BITS)
) % 2 == 1

-- section: name
-- Returns the key of a hold's mark, and the hold's bit in it. `base`: the prefix of the shard's keys.
local function mark_of(base, hold_id)
  return base .. MARK_KEY .. string.sub(hold_id, MARK_NAME_FIRST, MARK_NAME_LAST),
    tonumber(string.sub(hold_id, MARK_BIT_FIRST), HEXADECIMAL)
end

-- section: write
-- Marks that a hold was reserved, and prolongs the key's life where less than 16 hours might be left of it. `mark`: the value of the key.
local function remember(key, mark, bit, now)
  if not mark then
    redis.call('SET', key, struct.pack(NUMBER, now) .. string.rep('\0', MARK_BYTES), 'PX', MARK_LIFE_MS)
  elseif now - struct.unpack(NUMBER, mark) > MARK_FRESH_MS then
    redis.call('SETRANGE', key, 0, struct.pack(NUMBER, now))
    redis.call('PEXPIRE', key, MARK_LIFE_MS)
  end
  redis.call('SETBIT', key, MARK_FIRST_BIT + bit, 1)
end

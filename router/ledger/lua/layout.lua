-- A scope's state arranged by another layout; what that one does not name follows. Where there was
-- no state, zeros.
local function arrange(raw, layout)
  local heads, others, order, at = {}, {}, {}, 1
  while raw and at <= #raw do
    local stop = string.find(raw, ';', at, true)
    local names = string.sub(raw, at, stop - 1)
    at = stop + 1
    for name in string.gmatch(names, '([^ ]+) ') do
      local algo = string.byte(name)
      local size = algo == ALGO_L and 8 or algo == ALGO_B and 16 or 24
      order[#order + 1], heads[name] = name, string.sub(raw, at, at + size - 1)
      at = at + size
    end
    for name in string.gmatch(names, '([^ ]+) ') do
      local algo = string.byte(name)
      local size = algo == ALGO_S and 104 or algo == ALGO_C and 64 or 0
      others[name] = string.sub(raw, at, at + size - 1)
      at = at + size
    end
  end
  local function join(names)
    local head, other = '', ''
    for name in string.gmatch(names, '([^ ;]+)') do
      local algo = string.byte(name)
      head = head .. (heads[name] or string.rep('\0', algo == ALGO_L and 8 or algo == ALGO_B and 16 or 24))
      other = other .. (others[name] or string.rep('\0', algo == ALGO_S and 104 or algo == ALGO_C and 64 or 0))
      heads[name] = nil
    end
    return names .. head .. other
  end
  local state, left = join(layout), ''
  for _, name in ipairs(order) do
    if heads[name] then left = left .. name .. ' ' end
  end
  return left == '' and state or state .. join(left .. ';')
end

-- The state of a scope.

-- section: replace
-- Replaces one number of the resting bytes: the one that begins after `offset` bytes.
local function replace(resting, offset, number)
  return string.sub(resting, 1, offset) .. struct.pack(NUMBER, number)
    .. string.sub(resting, offset + NUMBER_BYTES + 1)
end

-- section: arrange
-- Arranges a scope's state by another layout. What the layout does not name follows, with a layout of its
-- own; what the state does not have is zero.
local function arrange(state, layout)
  local changing_bytes, resting_bytes = CHANGING_BYTES, RESTING_BYTES
  local changing, resting, order, at = {}, {}, {}, 1
  local function cut(names, sizes, into)
    for name in string.gmatch(names, '([^ ]+) ') do
      local size = sizes[string.byte(name)]
      into[name] = string.sub(state, at, at + size - 1)
      at = at + size
    end
  end
  while state and at <= #state do
    local stop = string.find(state, ';', at, true)
    local names = string.sub(state, at, stop - 1)
    for name in string.gmatch(names, '([^ ]+) ') do order[#order + 1] = name end
    at = stop + 1
    cut(names, changing_bytes, changing)
    cut(names, resting_bytes, resting)
  end
  local function join(names)
    local head, tail = '', ''
    for name in string.gmatch(names, '([^ ;]+)') do
      local algorithm = string.byte(name)
      head = head .. (changing[name] or string.rep('\0', changing_bytes[algorithm]))
      tail = tail .. (resting[name] or string.rep('\0', resting_bytes[algorithm]))
      changing[name] = nil
    end
    return names .. head .. tail
  end
  local arranged, left = join(layout), ''
  for _, name in ipairs(order) do
    if changing[name] then left = left .. name .. ' ' end
  end
  return left == '' and arranged or arranged .. join(left .. ';')
end

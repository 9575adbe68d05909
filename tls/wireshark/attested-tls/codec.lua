-- SPDX-License-Identifier: Apache-2.0
-- Readers of untrusted bytes: base64url, CBOR (RFC 8949) and JSON (RFC 8259). Plain Lua, nothing of
-- Wireshark. Each reader bounds depth and number of items, and answers nil and a reason instead of
-- raising an error. Positions count from 1, as Lua's do.
local codec = {}

local DEPTH_MAX = 24
local ITEMS_MAX = 20000
local EXACT_MAX = 2 ^ 53 -- above, a number of Lua 5.2 is not exact

-- Malformed input is raised as a table, so that it is not taken for a mistake in this program.
local function malformed(...)
    error({ malformed = string.format(...) }, 0)
end

-- Calls READ and gives its answer, or nil and what was malformed.
function codec.attempt(read, ...)
    local results = { pcall(read, ...) }
    if results[1] then
        return results[2], results[3]
    end
    if type(results[2]) == "table" and results[2].malformed then
        return nil, results[2].malformed
    end
    return nil, "the dissector has a mistake: " .. tostring(results[2])
end

function codec.hex(data)
    return (data:gsub(".", function(c) return string.format("%02x", c:byte()) end))
end

local BASE64URL = {}
do
    local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for i = 1, #alphabet do
        BASE64URL[alphabet:byte(i)] = i - 1
    end
end

-- base64url without padding (RFC 4648 section 5), or nil.
function codec.base64url(text)
    if #text % 4 == 1 then
        return nil, "no base64url has this length"
    end
    local out = {}
    local bits, count = 0, 0
    for i = 1, #text do
        local value = BASE64URL[text:byte(i)]
        if value == nil then
            return nil, string.format("character %d is none of base64url without padding", i)
        end
        bits, count = bits * 64 + value, count + 6
        if count >= 8 then
            count = count - 8
            local high = math.floor(bits / 2 ^ count)
            out[#out + 1] = string.char(high)
            bits = bits - high * 2 ^ count
        end
    end
    return table.concat(out)
end

-- True where DATA is UTF-8 (RFC 3629).
function codec.is_utf8(data)
    local at = 1
    while at <= #data do
        local c = data:byte(at)
        local size = c < 0x80 and 1 or c >= 0xC2 and c < 0xE0 and 2 or c >= 0xE0 and c < 0xF0 and 3
            or c >= 0xF0 and c < 0xF5 and 4 or 0
        if size == 0 or at + size - 1 > #data then
            return false
        end
        for i = at + 1, at + size - 1 do
            if data:byte(i) < 0x80 or data:byte(i) > 0xBF then
                return false
            end
        end
        at = at + size
    end
    return true
end

local function number_at(data, at, size)
    local value = 0
    for i = at, at + size - 1 do
        if value >= EXACT_MAX / 256 then
            value = value * 1.0 -- Lua 5.4 has integers with a sign, which would turn negative
        end
        value = value * 256 + data:byte(i)
    end
    return value
end

-- The head of an item: major type, argument (nil: indefinite), where its content begins.
local function head(state, at)
    local initial = state.data:byte(at)
    if initial == nil then
        malformed("the item at byte %d is missing", at - 1)
    end
    local major, info = math.floor(initial / 32), initial % 32
    if info < 24 then
        return major, info, at + 1, info
    end
    if info == 31 then
        return major, nil, at + 1, info
    end
    if info > 27 then
        malformed("reserved additional information %d at byte %d", info, at - 1)
    end
    local size = 2 ^ (info - 24)
    if at + size > #state.data then
        malformed("the head at byte %d is cut off", at - 1)
    end
    local argument = number_at(state.data, at + 1, size)
    local least = { 24, 256, 65536, 4294967296 }
    if major ~= 7 and argument < least[info - 23] then
        state.notes[#state.notes + 1] =
            string.format("byte %d: %d is written longer than it needs", at - 1, argument)
    end
    return major, argument, at + 1 + size, info
end

local item

-- The items of an array or a map, until COUNT or until a break.
local function items(state, node, at, count, depth)
    local found = {}
    while count == nil or #found < count do
        if count == nil and state.data:byte(at) == 0xFF then
            at = at + 1
            break
        end
        found[#found + 1] = item(state, at, depth + 1)
        at = at + found[#found].size
    end
    node.size = at - node.at
    return found
end

local function text_or_bytes(state, node, argument, at, depth)
    if argument == nil then
        local parts = {}
        for _, part in ipairs(items(state, node, at, nil, depth)) do
            if part.kind ~= node.kind or part.indefinite then
                malformed("a chunk at byte %d is no definite %s string", part.at - 1, node.kind)
            end
            parts[#parts + 1] = part.value
        end
        node.indefinite = true
        state.notes[#state.notes + 1] = string.format("byte %d: indefinite length", node.at - 1)
        node.value = table.concat(parts)
        return
    end
    if at + argument - 1 > #state.data then
        malformed("a string of %.0f bytes at byte %d, where %d are left", argument, node.at - 1,
            #state.data - at + 1)
    end
    node.value = state.data:sub(at, at + argument - 1)
    node.value_at = at
    node.size = at + argument - node.at
end

local function map_of(state, node, argument, at, depth)
    local flat = items(state, node, at, argument and argument * 2, depth)
    if #flat % 2 ~= 0 then
        malformed("a map at byte %d has a key without value", node.at - 1)
    end
    node.pairs, node.by_key = {}, {}
    for i = 1, #flat, 2 do
        local key = flat[i].value
        node.pairs[#node.pairs + 1] = { key = flat[i], value = flat[i + 1] }
        if key ~= nil and key == key then -- arrays and maps have no value, and NaN is no key
            local name = flat[i].kind .. tostring(key)
            if node.by_key[name] then
                state.notes[#state.notes + 1] =
                    string.format("byte %d: the key is there twice", flat[i].at - 1)
            else
                node.by_key[name] = flat[i + 1]
            end
        end
    end
end

local function simple_or_float(state, node, argument, at, info)
    if argument == nil then
        malformed("a break at byte %d, where an item was expected", node.at - 1)
    end
    node.size = at - node.at
    node.kind = info >= 25 and "float" or "simple"
    if info >= 25 then
        node.text = "float 0x" .. codec.hex(state.data:sub(node.at + 1, at - 1))
    else
        local names = { [20] = "false", [21] = "true", [22] = "null", [23] = "undefined" }
        node.text = names[argument] or string.format("simple(%d)", argument)
    end
    node.value = node.text
end

local KINDS = { [0] = "integer", "integer", "byte", "text", "array", "map", "tag" }

function item(state, at, depth)
    state.count = state.count + 1
    if state.count > ITEMS_MAX then
        malformed("more than %d items", ITEMS_MAX)
    end
    if depth > DEPTH_MAX then
        malformed("nested deeper than %d", DEPTH_MAX)
    end
    local major, argument, content, info = head(state, at)
    local node = { at = at, kind = KINDS[major], size = content - at }
    if argument == nil and (major < 2 or major == 6) then
        malformed("indefinite length of an item that has none, at byte %d", at - 1)
    end
    if major == 0 then
        node.value = argument
    elseif major == 1 then
        node.value = -1 - argument
    elseif major < 4 then
        text_or_bytes(state, node, argument, content, depth)
    elseif major == 4 or major == 5 then
        if argument == nil then
            node.indefinite = true
            state.notes[#state.notes + 1] = string.format("byte %d: indefinite length", at - 1)
        elseif argument > #state.data then
            malformed("%.0f items at byte %d, where %d bytes are left", argument, at - 1,
                #state.data - content + 1)
        end
        if major == 4 then
            node.items = items(state, node, content, argument, depth)
        else
            map_of(state, node, argument, content, depth)
        end
    elseif major == 6 then
        node.tag = argument
        node.inner = item(state, content, depth + 1)
        node.size = content - at + node.inner.size
    else
        simple_or_float(state, node, argument, content, info)
    end
    if major < 2 and argument >= EXACT_MAX then
        node.text = (major == 1 and "-1-" or "") .. "0x" .. codec.hex(state.data:sub(at + 1, content - 1))
    end
    return node
end

-- One CBOR item that fills DATA: a node, and notes on what deterministic encoding would not do; or
-- nil and a reason. A node has at, size, kind, and by its kind value (value_at: where a definite
-- string's bytes are), items, pairs and by_key, tag and inner, text where value is not exact.
function codec.cbor(data)
    return codec.attempt(function()
        local state = { data = data, count = 0, notes = {} }
        local node = item(state, 1, 1)
        if node.size ~= #data then
            malformed("%d bytes follow the item", #data - node.size)
        end
        return node, state.notes
    end)
end

-- The value of a map's key, an integer or a text.
function codec.member(node, key)
    if node == nil or node.by_key == nil then
        return nil
    end
    return node.by_key[(type(key) == "number" and "integer" or "text") .. tostring(key)]
end

local json_value

local function skip_blanks(state)
    state.at = state.data:find("[^ \t\r\n]", state.at) or #state.data + 1
end

local function expect(state, text)
    if state.data:sub(state.at, state.at + #text - 1) ~= text then
        malformed("JSON: %s expected at byte %d", text, state.at - 1)
    end
    state.at = state.at + #text
end

local function utf8_of(code)
    if code < 0x80 then
        return string.char(code)
    elseif code < 0x800 then
        return string.char(0xC0 + math.floor(code / 64), 0x80 + code % 64)
    elseif code < 0x10000 then
        return string.char(0xE0 + math.floor(code / 4096), 0x80 + math.floor(code / 64) % 64,
            0x80 + code % 64)
    end
    return string.char(0xF0 + math.floor(code / 262144), 0x80 + math.floor(code / 4096) % 64,
        0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
end

local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\",
    ["/"] = "/" }

local function hex4(state)
    local digits = state.data:match("^%x%x%x%x", state.at)
    if digits == nil then
        malformed("JSON: four hexadecimal digits expected at byte %d", state.at - 1)
    end
    state.at = state.at + 4
    return tonumber(digits, 16)
end

local function json_string(state)
    local parts = {}
    expect(state, '"')
    while true do
        local plain = state.data:match('^[^"\\%c]*', state.at)
        parts[#parts + 1] = plain
        state.at = state.at + #plain
        local c = state.data:sub(state.at, state.at)
        state.at = state.at + 1
        if c == '"' then
            return table.concat(parts)
        elseif c ~= "\\" then
            malformed("JSON: a string is not closed at byte %d", state.at - 2)
        end
        local letter = state.data:sub(state.at, state.at)
        state.at = state.at + 1
        if letter == "u" then
            local code = hex4(state)
            if code >= 0xD800 and code < 0xDC00 and state.data:sub(state.at, state.at + 1) == "\\u" then
                state.at = state.at + 2
                local low = hex4(state)
                if low < 0xDC00 or low > 0xDFFF then
                    malformed("JSON: half a surrogate pair at byte %d", state.at - 1)
                end
                code = 0x10000 + (code - 0xD800) * 1024 + low - 0xDC00
            end
            parts[#parts + 1] = utf8_of(code)
        elseif ESCAPES[letter] then
            parts[#parts + 1] = ESCAPES[letter]
        else
            malformed("JSON: an unknown escape at byte %d", state.at - 2)
        end
    end
end

local function json_members(state, node, depth, close, read)
    state.at = state.at + 1
    skip_blanks(state)
    if state.data:sub(state.at, state.at) == close then
        state.at = state.at + 1
        return
    end
    while true do
        skip_blanks(state)
        read()
        skip_blanks(state)
        local c = state.data:sub(state.at, state.at)
        state.at = state.at + 1
        if c == close then
            return
        elseif c ~= "," then
            malformed("JSON: , or %s expected at byte %d", close, state.at - 2)
        end
    end
end

local function json_object(state, node, depth)
    node.kind, node.pairs, node.by_key = "map", {}, {}
    json_members(state, node, depth, "}", function()
        local key = { kind = "text", at = state.at }
        key.value = json_string(state)
        key.size = state.at - key.at
        skip_blanks(state)
        expect(state, ":")
        local value = json_value(state, depth + 1)
        node.pairs[#node.pairs + 1] = { key = key, value = value }
        local name = "text" .. key.value
        if node.by_key[name] then
            state.notes[#state.notes + 1] =
                string.format("byte %d: the name is there twice", key.at - 1)
        else
            node.by_key[name] = value
        end
    end)
end

local function json_array(state, node, depth)
    node.kind, node.items = "array", {}
    json_members(state, node, depth, "]", function()
        node.items[#node.items + 1] = json_value(state, depth + 1)
    end)
end

function json_value(state, depth)
    state.count = state.count + 1
    if state.count > ITEMS_MAX or depth > DEPTH_MAX then
        malformed("JSON: more than %d values, or deeper than %d", ITEMS_MAX, DEPTH_MAX)
    end
    skip_blanks(state)
    local node = { at = state.at }
    local c = state.data:sub(state.at, state.at)
    if c == "{" then
        json_object(state, node, depth)
    elseif c == "[" then
        json_array(state, node, depth)
    elseif c == '"' then
        node.kind, node.value = "text", json_string(state)
    elseif state.data:match("^true", state.at) or state.data:match("^null", state.at) then
        node.kind, node.text = "simple", state.data:sub(state.at, state.at + 3)
        state.at = state.at + 4
    elseif state.data:match("^false", state.at) then
        node.kind, node.text = "simple", "false"
        state.at = state.at + 5
    else
        local number = state.data:match("^%-?%d+%.?%d*[eE]?[%+%-]?%d*", state.at)
        if number == nil or tonumber(number) == nil then
            malformed("JSON: a value expected at byte %d", state.at - 1)
        end
        node.kind, node.value, node.text = "integer", tonumber(number), number
        state.at = state.at + #number
    end
    node.size = state.at - node.at
    return node
end

-- One JSON value that fills DATA: nodes as of codec.cbor(), objects as maps.
function codec.json(data)
    return codec.attempt(function()
        local state = { data = data, at = 1, count = 0, notes = {} }
        local node = json_value(state, 1)
        skip_blanks(state)
        if state.at <= #data then
            malformed("JSON: %d bytes follow the value", #data - state.at + 1)
        end
        return node, state.notes
    end)
end

return codec

-- SPDX-License-Identifier: Apache-2.0
-- A place in a packet, or in what was decoded from one: the bytes as a Lua string and the range that
-- Wireshark highlights. And a cursor that reads TLS presentation language (RFC 8446 section 3) from
-- it and cannot run over its end.
local Place = {}
Place.__index = Place
local Cursor = {}
Cursor.__index = Cursor

local TEXT_MAX = 240

-- RANGE is a TvbRange.
function Place.new(range)
    local data = ""
    if range:len() > 0 then
        data = range:raw()
    end
    return setmetatable({ range = range, data = data }, Place)
end

-- DATA that was decoded, as one more tab of bytes in Wireshark.
function Place.decoded(data, name)
    if #data == 0 then
        return nil
    end
    return Place.new(ByteArray.new(data, true):tvb(name):range())
end

-- The range of SIZE bytes from AT, which counts from 1; clipped to what there is.
function Place:span(at, size)
    local total = #self.data
    if total == 0 then
        return self.range
    end
    at = math.max(1, math.min(at, total))
    return self.range(at - 1, math.max(0, math.min(size, total - at + 1)))
end

-- These bytes as a place of their own.
function Place:part(at, size)
    local range = self:span(at, size)
    return setmetatable({ range = range, data = self.data:sub(at, at + size - 1) }, Place)
end

-- DATA as text for people: one line, no control characters, not longer than the screen.
function Place.printable(data)
    local shown = data
    if #shown > TEXT_MAX then
        shown = shown:sub(1, TEXT_MAX)
    end
    shown = shown:gsub("[%c\127-\255]", function(c) return string.format("\\x%02x", c:byte()) end)
    return #data > TEXT_MAX and shown .. "..." or shown
end

-- Raises what the caller's codec.attempt() turns into an expert info.
function Place.malformed(...)
    error({ malformed = string.format(...) }, 0)
end

function Place:cursor()
    return setmetatable({ place = self, at = 1 }, Cursor)
end

function Cursor:left()
    return #self.place.data - self.at + 1
end

-- The next SIZE bytes as a place.
function Cursor:take(size, what)
    if size > self:left() then
        Place.malformed("%s: %d bytes expected, %d are left", what, size, self:left())
    end
    local part = self.place:part(self.at, size)
    self.at = self.at + size
    return part
end

-- A number of SIZE bytes, and where it stands.
function Cursor:number(size, what)
    local part = self:take(size, what)
    local value = 0
    for i = 1, size do
        value = value * 256 + part.data:byte(i)
    end
    return value, part.range
end

-- A vector with a length of SIZE bytes in front; LEAST is the floor of its declaration.
function Cursor:vector(size, what, least)
    local length, range = self:number(size, what .. " (length)")
    if length < (least or 0) then
        Place.malformed("%s: at least %d bytes expected, %d came", what, least, length)
    end
    return self:take(length, what), range
end

-- Nothing may be left.
function Cursor:finish(what)
    if self:left() > 0 then
        Place.malformed("%s: %d bytes too many", what, self:left())
    end
end

return Place

-- SPDX-License-Identifier: Apache-2.0
-- The conceptual message wrapper (RFC 9999) in its three forms and two encodings, told apart by the
-- first byte as in its section 3.4, and what is wrapped. Also the length-prefixed bundle that a
-- prototype of 2022 sends in its place.
return function(codec, Place, names, tokens, results, tpm, cca)
    local F, E = names.fields, names.experts
    local complain = tokens.complain
    local M = {}
    local DEPTH_MAX = 8
    local TAG_FIRST, TAG_LAST = 0x63740101, 0x6374FFFF
    local COLLECTION_TYPE = "__cmwc_t"

    -- The content format that a tag stands for (RFC 9277), or nil.
    function M.content_format_of_tag(tag)
        local low = tag % 256
        if tag < TAG_FIRST or tag > TAG_LAST or low == 0 then
            return nil
        end
        return math.floor((tag - TAG_FIRST) / 256) * 255 + low - 1
    end

    -- May a CMW begin with this byte (nil: there is none)?
    function M.begins(first)
        return first ~= nil and (first >= 0x82 and first <= 0x83 or first == 0x9F or first == 0xDA
            or first == 0x5B or first == 0x7B or first >= 0xA0 and first <= 0xBB or first == 0xBF)
    end

    local wrapped

    -- What a media type (without parameters) or a content format's type says of the value.
    local READERS = {
        ["application/eat+cwt"] = "cose", ["application/cwt"] = "cose",
        ["application/cose"] = "cose", ["application/cmw+cose"] = "cose",
        ["application/psa-attestation-token"] = "cose",
        ["application/vnd.parallaxsecond.key-attestation.tpm"] = "tpm",
        ["application/vnd.parallaxsecond.key-attestation.cca"] = "cca",
        ["application/eat-collection"] = "cca",
        ["application/eat+jwt"] = "jws", ["application/cmw+jws"] = "jws",
        ["application/eat-ucs+cbor"] = "claims", ["application/eat-ucs+json"] = "json",
        ["application/json"] = "json",
        ["application/cmw"] = "cmw", ["application/cmw+cbor"] = "cmw",
        ["application/cmw+json"] = "cmw", ["application/vnd.veraison.cmw"] = "cmw",
        ["application/vnd.veraison.cmw+cbor"] = "cmw",
        ["application/vnd.veraison.cmw+json"] = "cmw",
    }

    local function guess(data)
        if data:find("^eyJ[%w_%-]*%.") then
            return "jws"
        elseif data:find("^[\132\210]") or data:find("^\216\061") then
            return "cose"
        end
        return data:find("^%s*{") and "json" or "cbor"
    end

    -- VALUE is a place; TYPE a media type, "" where there is none.
    local function content(tree, value, media_type, pinfo, depth)
        if #value.data == 0 then
            return complain(tree, E.unusual, "the value is empty")
        end
        local essence = media_type:lower():match("^[^;%s]*")
        local reader = READERS[essence] or guess(value.data)
        if reader == "cose" and value.data:find("^eyJ") then
            reader = "jws"
        end
        local packed = reader == "tpm" and tpm or reader == "cca" and cca
        if packed and packed.evidence(tree, value) then
            return
        elseif reader == "cose" then
            tokens.cose(tree, value)
        elseif reader == "jws" then
            results.jws(tree, value, pinfo)
        elseif reader == "json" then
            results.claims(tree, value, pinfo)
        elseif reader == "claims" then
            tokens.claims(tree, value)
        elseif reader == "cmw" and depth < DEPTH_MAX then
            wrapped(tree, value, pinfo, depth + 1)
        else
            local node = codec.cbor(value.data) -- not everything is CBOR; then the bytes are there
            if node then
                tokens.generic(tree, value, node, "CBOR")
            end
        end
    end

    local function type_of(tree, place, node)
        local span = place:span(node.at, node.size)
        if node.kind == "text" then
            tree:add(F.media_type, span, Place.printable(node.value))
            if not node.value:find("^[^/%s]+/[^/%s]+") then
                complain(tree, E.malformed, "this is no media type")
            end
            return node.value, Place.printable(node.value)
        elseif node.kind == "integer" and node.value >= 0 and node.value <= 65535 then
            tree:add(F.content_format, span, node.value)
            local name = names.CONTENT_FORMATS[node.value] or ""
            return name, string.format("cf:%d%s", node.value, name ~= "" and ", " .. name or "")
        end
        complain(tree, E.malformed, "a media type or a content format was expected")
        return "", "?"
    end

    local function indicator(tree, place, node)
        if node.kind ~= "integer" or node.value < 1 or node.value > 0xFFFFFFFF then
            complain(tree, E.malformed, "the indicator is a number from 1 (RFC 9999 section 3.1)")
            return tokens.generic(tree, place, node, "Indicator")
        end
        local set, rest = {}, node.value
        for bit = 0, 31 do
            if rest % 2 == 1 then
                set[#set + 1] = names.INDICATORS[bit + 1] or "bit " .. bit
            end
            rest = math.floor(rest / 2)
        end
        tree:add(F.cmw_indicator, place:span(node.at, node.size),
            string.format("%.0f: %s", node.value, table.concat(set, ", ")))
    end

    -- The value's bytes as a place: in CBOR they are there, in JSON they are base64url.
    local function value_of(tree, place, node, json)
        if json then
            local data, problem = nil, "a text was expected"
            if node.kind == "text" then
                data, problem = codec.base64url(node.value)
            end
            if data == nil then
                complain(tree, E.malformed, "the value: " .. problem)
                return nil
            end
            return Place.decoded(data, "CMW value") or Place.new(place:span(node.at, 0))
        end
        if node.kind ~= "byte" then
            complain(tree, E.malformed, "the value is a byte string (RFC 9999 section 3.1), not "
                .. node.kind)
            return nil
        end
        if node.value_at == nil then
            return Place.decoded(node.value, "CMW value") or Place.new(place:span(node.at, 0))
        end
        return place:part(node.value_at, #node.value)
    end

    local function add_value(tree, value, media_type, pinfo, depth)
        if value then
            local item = tree:add(F.cmw_value, value.range)
            content(item, value, media_type, pinfo, depth)
        end
    end

    local function record(tree, place, node, pinfo, json, depth)
        tree:add(F.cmw_form, place:span(node.at, node.size), "record")
        if #node.items < 2 or #node.items > 3 then
            complain(tree, E.malformed, string.format(
                "a record has two or three elements (RFC 9999 section 3.1), not %d", #node.items))
            return tokens.generic(tree, place, node, "instead")
        end
        local media_type, shown = type_of(tree, place, node.items[1])
        tree:append_text(": " .. shown)
        if json and node.items[1].kind ~= "text" then
            complain(tree, E.malformed, "in JSON the type is a media type (RFC 9999 section 3.1)")
        end
        if node.items[3] then
            indicator(tree, place, node.items[3])
        end
        add_value(tree, value_of(tree, place, node.items[2], json), media_type, pinfo, depth)
    end

    local function tagged(tree, place, node, pinfo, depth)
        local format = M.content_format_of_tag(node.tag)
        local span = place:span(node.at, node.size - node.inner.size)
        tree:add(F.cmw_form, span, "tag")
        if format == nil then
            return complain(tree, E.malformed, string.format(
                "tag %.0f stands for no content format (RFC 9277)", node.tag))
        end
        tree:add(F.cmw_tag, span, node.tag)
        tree:add(F.content_format, span, format):set_generated()
        local name = names.CONTENT_FORMATS[format] or ""
        tree:append_text(string.format(": cf:%d %s", format, name))
        add_value(tree, value_of(tree, place, node.inner, false), name, pinfo, depth)
    end

    local node_in

    local function collection(tree, place, node, pinfo, json, depth)
        tree:add(F.cmw_form, place:span(node.at, node.size), "collection")
        local members = 0
        for _, pair in ipairs(node.pairs) do
            local key, value = pair.key, pair.value
            local span = place:span(value.at, value.size)
            if key.kind == "text" and key.value == COLLECTION_TYPE then
                local text = value.kind == "text" and value.value or ""
                tree:add(F.cmw_collection_type, span, Place.printable(text))
                if not text:find("^%a[%w+.-]*:") and not text:find("^%d+%.%d") then
                    complain(tree, E.malformed,
                        "__cmwc_t is an absolute URI or OID (RFC 9999 section 3.3)")
                end
            elseif key.kind == "text" or key.kind == "integer" then
                members = members + 1
                local label = Place.printable(key.kind == "text" and key.value or key.text
                    or string.format("%.0f", key.value))
                local item = tree:add(F.cmw_label, span, label)
                node_in(item, place, value, pinfo, json, depth + 1)
            else
                complain(tree, E.malformed, "a label is a text or an integer, not " .. key.kind)
            end
        end
        tree:append_text(string.format(": %d member%s", members, members == 1 and "" or "s"))
        if members == 0 then
            complain(tree, E.malformed, "a collection has a member (RFC 9999 section 3.3)")
        end
    end

    function node_in(tree, place, node, pinfo, json, depth)
        if depth > DEPTH_MAX then
            return complain(tree, E.malformed, "wrapped deeper than " .. DEPTH_MAX)
        end
        if node.kind == "array" then
            record(tree, place, node, pinfo, json, depth)
        elseif node.kind == "map" then
            collection(tree, place, node, pinfo, json, depth)
        elseif node.kind == "tag" then
            tagged(tree, place, node, pinfo, depth)
        else
            complain(tree, E.malformed,
                "a record, a tag or a collection was expected (RFC 9999 section 3), not " .. node.kind)
        end
    end

    -- 01, KAT and PAT, each with a length of two bytes in front: no CMW, and not CBOR.
    local function bundle(tree, place, pinfo)
        local c = place:cursor()
        c:take(1, "version")
        tree:add(F.cmw_form, place.range, "bundle of a prototype")
        for _, label in ipairs({ "kat", "pat" }) do
            local value = c:vector(2, label)
            add_value(tree:add(F.cmw_label, value.range, label), value, "", pinfo, 1)
        end
        c:finish("bundle")
    end

    -- The item's text says "CMW", then what it is.
    function wrapped(tree, place, pinfo, depth)
        local c = place.data:byte(1)
        local json = c == 0x5B or c == 0x7B
        local item = tree:add(F.cmw, place.range, string.format("%d bytes", #place.data))
        if c == nil then
            return complain(item, E.malformed, "it is empty")
        elseif c == 0x01 then
            local done, problem = codec.attempt(function() bundle(item, place, pinfo) return true end)
            return done or complain(item, E.malformed, problem)
        end
        local node, notes
        if json then
            node, notes = codec.json(place.data)
            if node == nil then
                return complain(item, E.malformed, notes)
            end
        else
            node = tokens.cbor(item, place, "CMW")
        end
        if node then
            item:add(F.cmw_serialization, place.range, json and "json" or "cbor")
            node_in(item, place, node, pinfo, json, depth)
        end
    end

    -- A CMW that fills PLACE.
    function M.add(tree, place, pinfo)
        wrapped(tree, place, pinfo, 1)
    end

    return M
end

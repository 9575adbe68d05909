-- SPDX-License-Identifier: Apache-2.0
-- Arm CCA evidence (draft-ffm-rats-cca-token): the collection of a platform and a realm token, and
-- Parsec's key attestation on top of one. Nothing is verified: a dissector shows what is written.
return function(codec, Place, names, tokens)
    local F, E = names.fields, names.experts
    local M = {}
    local TAGS = { [907] = "CMW", [399] = "collection of its own" }
    local UCCS = 601
    local TOKENS = { [44234] = "platform token", [44241] = "realm token" }

    -- A member: the token itself (tag 399), or a CMW record of it (tag 907).
    local function token(tree, place, node, label)
        local inner = node
        if node.kind == "array" and #node.items >= 2 then
            inner = node.items[2]
        end
        if inner.kind ~= "byte" or not inner.value_at then
            tokens.complain(tree, E.malformed, label .. ": a token in a byte string was expected")
            return tokens.generic(tree, place, node, label)
        end
        local part = place:part(inner.value_at, #inner.value)
        local item = tree:add(F.cca_token, part.range)
        item:set_text(label .. ": " .. #inner.value .. " bytes")
        tokens.cose(item, part)
    end

    local function collection(tree, place, node)
        tree:append_text(string.format(", tag %.0f (%s)", node.tag, TAGS[node.tag]))
        if node.inner.kind ~= "map" then
            tokens.complain(tree, E.malformed, "a collection is a map, not " .. node.inner.kind)
            return tokens.generic(tree, place, node, "instead")
        end
        for _, pair in ipairs(node.inner.pairs) do
            local label = pair.key.kind == "integer" and TOKENS[pair.key.value]
            if label then
                token(tree, place, pair.value, label)
            else
                tokens.generic(tree, place, pair.value, "another member")
            end
        end
    end

    local function is_collection(node)
        return node ~= nil and node.kind == "tag" and TAGS[node.tag] ~= nil
    end

    -- Parsec's: {"kat": 601({...}), "pat": collection}.
    local function parsec(tree, place, node)
        local kat, pat = codec.member(node, "kat"), codec.member(node, "pat")
        local known = kat and kat.kind == "tag" and kat.tag == UCCS and kat.inner.kind == "map"
        if not known or not is_collection(pat) then
            return false
        end
        local sub = tree:add(F.cca, place.range, "evidence of Arm CCA for a key (Parsec)")
        local item = sub:add(F.cca_token, place:span(kat.at, kat.size))
        item:set_text("kat: tag 601, nobody signed it")
        tokens.unsigned_claims(item, place, kat.inner)
        collection(sub:add(F.cca, place:span(pat.at, pat.size), "pat"), place, pat)
        return true
    end

    -- Is it one of the two? Then it was shown.
    function M.evidence(tree, place)
        local node = codec.cbor(place.data)
        if is_collection(node) then
            collection(tree:add(F.cca, place.range, "evidence of Arm CCA"), place, node)
            return true
        end
        return node ~= nil and node.kind == "map" and parsec(tree, place, node)
    end

    return M
end

-- SPDX-License-Identifier: Apache-2.0
-- What is inside a CMW: COSE_Sign1 with the claims of a KAT or a platform token, and attestation
-- results as JWS. Nothing is verified here: a dissector shows what is written.
return function(codec, Place, names)
    local F, E = names.fields, names.experts
    local M = {}
    local SHOWN_ITEMS, SHOWN_DEPTH = 400, 10

    local function complain(tree, expert, text)
        tree:add_proto_expert_info(expert, text)
    end
    M.complain = complain

    local function named(value, table_of_names)
        local name = table_of_names[value]
        return name and string.format("%s (%s)", name, tostring(value)) or tostring(value)
    end

    -- A scalar node as text.
    local function shown(node)
        if node.kind == "byte" then
            local hex = codec.hex(node.value:sub(1, 32))
            return "h'" .. hex .. (#node.value > 32 and "..." or "") .. "'"
        elseif node.kind == "text" then
            return '"' .. Place.printable(node.value) .. '"'
        elseif node.kind == "integer" then
            return node.text or string.format("%.0f", node.value)
        end
        return node.text or node.kind
    end

    -- Any node as a tree, where nothing better is known of it.
    local function generic(tree, place, node, label, budget, depth)
        budget.left = budget.left - 1
        if budget.left < 0 or depth > SHOWN_DEPTH then
            return
        end
        local span = place:span(node.at, node.size)
        if node.kind == "array" then
            local sub = tree:add(F.claim, span, string.format("%s: array of %d", label, #node.items))
            for i, item in ipairs(node.items) do
                generic(sub, place, item, string.format("[%d]", i - 1), budget, depth + 1)
            end
        elseif node.kind == "map" then
            local sub = tree:add(F.claim, span, string.format("%s: map of %d", label, #node.pairs))
            for _, pair in ipairs(node.pairs) do
                generic(sub, place, pair.value, shown(pair.key), budget, depth + 1)
            end
        elseif node.kind == "tag" then
            local sub = tree:add(F.claim, span, string.format("%s: tag %.0f", label, node.tag))
            generic(sub, place, node.inner, "content", budget, depth + 1)
        else
            tree:add(F.claim, span, label .. ": " .. shown(node))
        end
    end
    function M.generic(tree, place, node, label)
        generic(tree, place, node, label, { left = SHOWN_ITEMS }, 1)
    end

    -- A node as a field of that type. KINDS of field: byte, text, number (with names).
    local function as_bytes(tree, place, node, field)
        if node.kind ~= "byte" then
            complain(tree, E.malformed, "a byte string was expected, not " .. node.kind)
            return M.generic(tree, place, node, "value")
        end
        if node.value_at == nil then -- of indefinite length: it is nowhere in one piece
            local whole = Place.decoded(node.value, "String of chunks")
            return tree:add(field, whole and whole.range or place:span(node.at, 0))
        end
        return tree:add(field, place:span(node.value_at, #node.value))
    end
    local function as_text(tree, place, node, field)
        if node.kind ~= "text" then
            complain(tree, E.malformed, "a text was expected, not " .. node.kind)
            return M.generic(tree, place, node, "value")
        end
        return tree:add(field, place:span(node.at, node.size), Place.printable(node.value))
    end
    local function as_number(tree, place, node, field, table_of_names)
        if node.kind ~= "integer" then
            complain(tree, E.malformed, "an integer was expected, not " .. node.kind)
            return M.generic(tree, place, node, "value")
        end
        local text = table_of_names and not node.text and named(node.value, table_of_names)
            or shown(node)
        return tree:add(field, place:span(node.at, node.size), text)
    end
    local function lifecycle(tree, place, node, field)
        local state = node.kind == "integer" and names.LIFECYCLES[math.floor(node.value / 256)]
        local item = as_number(tree, place, node, field)
        if state then
            item:append_text(" (" .. state .. ")")
        end
    end

    -- 04 || x || y in a byte string, as the prototype of 2022 has its keys.
    local POINT_CURVES = { [65] = "P-256", [97] = "P-384" }
    local function bare_point(tree, place, node, field)
        local curve = node.kind == "byte" and node.value_at and node.value:byte(1) == 4
            and POINT_CURVES[#node.value]
        if not curve then
            return false
        end
        local sub = tree:add(field, place:span(node.at, node.size), "bare point, " .. curve)
        local size = math.floor(#node.value / 2)
        sub:add(F.key_x, place:span(node.value_at + 1, size))
        sub:add(F.key_y, place:span(node.value_at + 1 + size, size))
        return true
    end

    -- A COSE_Key (RFC 9052 section 7): FIELD names what it is for.
    local function cose_key(tree, place, node, field)
        if bare_point(tree, place, node, field) then
            return
        end
        local curve = codec.member(node, -1)
        local title = curve and names.CURVES[curve.value or ""]
        local sub = tree:add(field, place:span(node.at, node.size), "COSE_Key" ..
            (title and ", " .. title or ""))
        if node.kind ~= "map" then
            return complain(sub, E.malformed, "a COSE_Key is a map (RFC 9052 section 7)")
        end
        for _, pair in ipairs(node.pairs) do
            local key, value = pair.key.value, pair.value
            if key == 1 then
                as_number(sub, place, value, F.key_type, names.KEY_TYPES)
            elseif key == -1 then
                as_number(sub, place, value, F.key_curve, names.CURVES)
            elseif key == -2 or key == -3 or key == 2 then
                as_bytes(sub, place, value, key == -2 and F.key_x or key == -3 and F.key_y or F.key_id)
            else
                M.generic(sub, place, value, shown(pair.key))
            end
        end
    end

    local function confirmation(tree, place, node)
        if bare_point(tree, place, node, F.kat_identity_key) then
            return
        end
        local key = codec.member(node, 1)
        if key == nil then
            complain(tree, E.malformed, "cnf has no COSE_Key (RFC 8747 section 3.1)")
            return M.generic(tree, place, node, "cnf")
        end
        cose_key(tree, place, key, F.kat_identity_key)
    end

    local COMPONENT = {
        [1] = { as_text, F.component_type }, [2] = { as_bytes, F.component_value },
        [4] = { as_text, F.component_version }, [5] = { as_bytes, F.component_signer },
        [6] = { as_text, F.component_description },
    }
    local function components(tree, place, node)
        if node.kind ~= "array" then
            return complain(tree, E.malformed, "software components are an array")
        end
        for _, item in ipairs(node.items) do
            local kind, version = codec.member(item, 1), codec.member(item, 4)
            local title = kind and kind.kind == "text" and Place.printable(kind.value) or "unnamed"
            if version and version.kind == "text" then
                title = title .. " " .. Place.printable(version.value)
            end
            local sub = tree:add(F.psa_component, place:span(item.at, item.size), title)
            for _, pair in ipairs(item.pairs or {}) do
                local known = COMPONENT[pair.key.value]
                if known then
                    known[1](sub, place, pair.value, known[2])
                else
                    M.generic(sub, place, pair.value, shown(pair.key))
                end
            end
        end
    end

    local PSA = { -- RFC 9783, and where it differs PSA_IOT_PROFILE_1
        [10] = { as_bytes, F.psa_nonce }, [-75008] = { as_bytes, F.psa_nonce },
        [265] = { as_text, F.psa_profile }, [-75000] = { as_text, F.psa_profile },
        [256] = { as_bytes, F.psa_instance_id }, [-75009] = { as_bytes, F.psa_instance_id },
        [2394] = { as_number, F.psa_client_id }, [-75001] = { as_number, F.psa_client_id },
        [2395] = { lifecycle, F.psa_lifecycle }, [-75002] = { lifecycle, F.psa_lifecycle },
        [2396] = { as_bytes, F.psa_implementation_id },
        [-75003] = { as_bytes, F.psa_implementation_id },
        [268] = { as_bytes, F.psa_boot_seed }, -- in http://arm.com/psa/2.0.0 its own:
        [2397] = { as_bytes, F.psa_boot_seed }, [-75004] = { as_bytes, F.psa_boot_seed },
        [2398] = { as_text, F.psa_certification },
        [-75005] = { as_text, F.psa_hardware_version },
        [2399] = { components }, [-75006] = { components },
        [2400] = { as_text, F.psa_service }, [-75010] = { as_text, F.psa_service },
    }
    local KAT = { -- draft-bft-rats-kat section 3.1
        [10] = { as_bytes, F.kat_nonce }, [8] = { confirmation },
        [2500] = { cose_key, F.kat_attestation_key },
    }
    -- draft-ffm-rats-cca-token: the platform's claims are PSA's and these; the realm has its own.
    local CCA_PLATFORM = {
        [2401] = { as_bytes, F.cca_config }, [2402] = { as_text, F.cca_hash },
    }
    for key, reader in pairs(PSA) do
        CCA_PLATFORM[key] = CCA_PLATFORM[key] or reader
    end
    local function measurements(tree, place, node, field)
        if node.kind ~= "array" then
            return complain(tree, E.malformed, "extensible measurements are an array")
        end
        for _, item in ipairs(node.items) do
            as_bytes(tree, place, item, field)
        end
    end
    local function realm_key(tree, place, node, field) -- a COSE_Key in a byte string, or a point
        local inner = node.kind == "byte" and node.value_at and codec.cbor(node.value)
        if inner and inner.kind == "map" then
            return cose_key(tree, place:part(node.value_at, #node.value), inner, field)
        end
        cose_key(tree, place, node, field)
    end
    local CCA_REALM = {
        [10] = { as_bytes, F.cca_challenge }, [265] = { as_text, F.eat_profile },
        [44235] = { as_bytes, F.cca_personalization }, [44236] = { as_text, F.cca_hash },
        [44237] = { realm_key, F.cca_rak }, [44238] = { as_bytes, F.cca_initial },
        [44239] = { measurements, F.cca_extensible }, [44240] = { as_text, F.cca_rak_hash },
    }
    local EAT = { [10] = { as_bytes, F.eat_nonce }, [265] = { as_text, F.eat_profile } }

    local function shape_of(node)
        local function has(...)
            for _, key in ipairs({ ... }) do
                if codec.member(node, key) then
                    return true
                end
            end
            return false
        end
        if has(2500, 8) then
            return KAT, "key attestation token (KAT)"
        elseif has(44235, 44236, 44237, 44238, 44239) then
            return CCA_REALM, "CCA realm token"
        elseif has(2401, 2402) then
            return CCA_PLATFORM, "CCA platform token"
        elseif has(2395, 2396, 2399, -75002, -75003, -75006) then
            return PSA, "PSA attestation token"
        end
        return EAT, "EAT claims"
    end

    -- A claims set in CBOR; NODE is a map. UNSIGNED: a KAT of Parsec's, which names no KAK.
    local function claims(tree, place, node, unsigned)
        if node.kind ~= "map" then
            complain(tree, E.malformed, "claims are a map (RFC 8392 section 3)")
            return M.generic(tree, place, node, "payload")
        end
        local shape, title = shape_of(node)
        local sub = tree:add(F.claims, place:span(node.at, node.size), title)
        for _, pair in ipairs(node.pairs) do
            local known = pair.key.kind == "integer" and shape[pair.key.value]
            if known then
                known[1](sub, place, pair.value, known[2])
            else
                M.generic(sub, place, pair.value, shown(pair.key))
            end
        end
        if shape == KAT and not unsigned and not (codec.member(node, 8) and codec.member(node, 2500)) then
            complain(sub, E.malformed, "a KAT has cnf and kak-pub (draft-bft-rats-kat section 3.1)")
        end
        return title
    end

    function M.unsigned_claims(tree, place, node)
        return claims(tree, place, node, true)
    end

    -- CBOR in PLACE, or nil and a complaint; notes go to the same item.
    local function cbor(tree, place, what)
        local node, notes = codec.cbor(place.data)
        if node == nil then
            complain(tree, E.malformed, what .. ": " .. notes)
            return nil
        end
        for i = 1, math.min(#notes, 8) do
            complain(tree, E.encoding, what .. ": " .. notes[i])
        end
        return node
    end
    M.cbor = cbor

    function M.claims(tree, place)
        local node = cbor(tree, place, "claims")
        return node and claims(tree, place, node)
    end

    local function protected_header(tree, place, node)
        local item = as_bytes(tree, place, node, F.cose_protected)
        if node.kind ~= "byte" or node.value_at == nil or #node.value == 0 then
            return
        end
        local inner = place:part(node.value_at, #node.value)
        local header = cbor(item, inner, "protected header")
        if header == nil or header.kind ~= "map" then
            return header and complain(item, E.malformed, "the protected header is a map")
        end
        for _, pair in ipairs(header.pairs) do
            if pair.key.value == 1 then
                as_number(item, inner, pair.value, F.cose_algorithm, names.ALGORITHMS)
                if pair.value.kind == "integer" and not names.ALGORITHMS[pair.value.value] then
                    complain(item, E.unusual, "an algorithm that this dissector does not know")
                end
            else
                M.generic(item, inner, pair.value, shown(pair.key))
            end
        end
    end

    -- COSE_Sign1 (RFC 9052 section 4.2), tagged or not, with claims for payload.
    function M.cose(tree, place)
        local item = tree:add(F.cose, place.range, string.format("%d bytes", #place.data))
        local node = cbor(item, place, "COSE_Sign1")
        local tags = 0
        while node and node.kind == "tag" and (node.tag == 18 or node.tag == 61) and tags < 2 do
            node, tags = node.inner, tags + 1
        end
        if node == nil then
            return
        end
        if node.kind ~= "array" or #node.items ~= 4 then
            complain(item, E.malformed, string.format(
                "COSE_Sign1 is an array of four (RFC 9052 section 4.2), %s came",
                node.items and "one of " .. #node.items or node.kind))
            return M.generic(item, place, node, "instead")
        end
        protected_header(item, place, node.items[1])
        if node.items[2].kind == "map" and #node.items[2].pairs > 0 then
            M.generic(item, place, node.items[2], "Unprotected header")
        elseif node.items[2].kind ~= "map" then
            complain(item, E.malformed, "the unprotected header is a map")
        end
        local payload = node.items[3]
        if payload.kind ~= "byte" then
            complain(item, E.malformed, "the payload is no byte string: " .. shown(payload))
        else
            local sub = as_bytes(item, place, payload, F.cose_payload)
            if payload.value_at then
                local title = M.claims(sub, place:part(payload.value_at, #payload.value))
                if title then
                    item:append_text(", " .. title)
                end
            end
        end
        as_bytes(item, place, node.items[4], F.cose_signature)
    end

    return M
end

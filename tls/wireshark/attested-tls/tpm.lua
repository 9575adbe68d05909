-- SPDX-License-Identifier: Apache-2.0
-- Evidence of a TPM 2.0 as Parsec packs it: two maps, and in them structures of TCG's "TPM 2.0
-- Library, Part 2". Nothing is verified: a dissector shows what is written.
return function(codec, Place, names, tokens)
    local F, E = names.fields, names.experts
    local M = {}
    local MAGIC, CERTIFY, QUOTE = 0xff544347, 0x8017, 0x8018
    local ATTRIBUTES = { [1] = "fixedTPM", [2] = "stClear", [4] = "fixedParent",
        [5] = "sensitiveDataOrigin", [6] = "userWithAuth", [7] = "adminWithPolicy", [10] = "noDA",
        [11] = "encryptedDuplication", [16] = "restricted", [17] = "decrypt", [18] = "sign",
        [19] = "x509sign" }
    local HASHES = { [0x0004] = "sha1", [0x000b] = "sha256", [0x000c] = "sha384",
        [0x000d] = "sha512" }

    local function bit(value, at)
        return math.floor(value / 2 ^ at) % 2 == 1
    end

    -- TPML_PCR_SELECTION and pcrDigest
    local function quoted(tree, c)
        local count = c:number(4, "count of PCR banks")
        if count > 16 then
            Place.malformed("count of PCR banks: 16 at most expected, %.0f came", count)
        end
        for _ = 1, count do
            local hash, where = c:number(2, "hash of a PCR bank")
            local select = c:vector(1, "pcrSelect")
            local shown = {}
            for i = 0, 8 * #select.data - 1 do
                if bit(select.data:byte(math.floor(i / 8) + 1), i % 8) then
                    shown[#shown + 1] = tostring(i)
                end
            end
            tree:add(F.tpm_pcrs, where, (HASHES[hash] or string.format("0x%04x", hash)) .. ": "
                .. table.concat(shown, ", "))
        end
        tree:add(F.tpm_pcr_digest, c:vector(2, "pcrDigest").range)
    end

    -- TPMS_ATTEST
    local function attest(tree, place)
        local c = place:cursor()
        local magic = c:number(4, "magic")
        if magic ~= MAGIC then
            Place.malformed("magic: ff544347 expected, %08x came", magic)
        end
        local kind, where = c:number(2, "type")
        local shown = kind == CERTIFY and "certify" or kind == QUOTE and "quote" or "other"
        tree:add(F.tpm_type, where, string.format("%s (0x%04x)", shown, kind))
        tree:add(F.tpm_signer, c:vector(2, "qualifiedSigner").range)
        tree:add(F.tpm_extra_data, c:vector(2, "extraData").range)
        c:take(25, "clockInfo and firmwareVersion")
        if kind == CERTIFY then
            tree:add(F.tpm_name, c:vector(2, "name").range)
            c:vector(2, "qualifiedName")
            c:finish("TPMS_ATTEST")
        elseif kind == QUOTE then
            quoted(tree, c)
            c:finish("TPMS_ATTEST")
        end
    end

    -- TPMT_PUBLIC, as far as attributes: what is behind them is of the key's kind.
    local function public(tree, place)
        local c = place:cursor()
        c:take(4, "type and nameAlg")
        local value, where = c:number(4, "objectAttributes")
        local shown = {}
        for at = 0, 31 do
            if bit(value, at) then
                shown[#shown + 1] = ATTRIBUTES[at] or "bit " .. at
            end
        end
        tree:add(F.tpm_attributes, where, string.format("0x%08x %s", value,
            table.concat(shown, " ")))
    end

    local INSIDE = { certInfo = attest, attestInfo = attest, pubArea = public }

    local function member(tree, place, name, node)
        local reader = INSIDE[name]
        if node.kind ~= "byte" or not node.value_at or (not reader and name ~= "kid") then
            return tokens.generic(tree, place, node, name)
        end
        local part = place:part(node.value_at, #node.value)
        local item = tree:add(reader and F.tpm_structure or F.key_id, part.range)
        if reader then
            item:set_text(name .. ": " .. #node.value .. " bytes")
            local done, problem = codec.attempt(function()
                reader(item, part)
                return true
            end)
            if not done then
                tokens.complain(item, E.malformed, problem or "this is no such structure")
            end
        end
    end

    -- Is it {"kat": ..., "pat": ...}? Then it was shown.
    function M.evidence(tree, place)
        local node = codec.cbor(place.data)
        if not node or node.kind ~= "map" then
            return false
        end
        local sub = tree:add(F.tpm, place.range, "evidence of a TPM 2.0 (Parsec)")
        for _, half in ipairs(node.pairs) do
            local label = half.key.kind == "text" and Place.printable(half.key.value) or "?"
            if half.value.kind ~= "map" then
                tokens.generic(sub, place, half.value, label)
            else
                local of = sub:add(F.claims, place:span(half.value.at, half.value.size), label)
                for _, pair in ipairs(half.value.pairs) do
                    member(of, place, pair.key.kind == "text" and Place.printable(pair.key.value)
                        or "?", pair.value)
                end
            end
        end
        return true
    end

    return M
end
